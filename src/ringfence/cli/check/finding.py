"""What a check finds: problems, what to do about each, and what is worth knowing beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """How much a problem weighs. Only errors change the exit status."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. Never holds a value of a setting, a password or a token."""

    rule: str  # the kind of problem, for machines
    text: str
    remedy: str = ""  # what to do
    weight: Weight = Weight.ERROR
    file: str = ""  # relative to the repository, if it is about a file there
    line: int = 0  # counted from 1; 0 for a file as a whole
    fingerprint: str = ""  # of a secret, by which it can be allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found."""

    check: str
    problems: Sequence[Problem] = ()
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings are no errors."""
        return not self.errors

    @property
    def errors(self) -> int:
        """How many problems change the exit status."""
        return sum(problem.weight is Weight.ERROR for problem in self.problems)

    @property
    def warnings(self) -> int:
        """How many problems do not."""
        return len(self.problems) - self.errors


def found(rule: str, *texts: str, remedy: str = "") -> list[Problem]:
    """Problems of one kind."""
    return [Problem(rule=rule, text=text, remedy=remedy) for text in texts]
