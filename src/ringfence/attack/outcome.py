"""What came of one attack in one configuration. Pure: payloads in, a judgement out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from ringfence.attack.answer import Sent
from ringfence.core.codes import Code

Outcome: TypeAlias = Literal["stopped", "bounded", "succeeded", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One payload, and what came of it."""

    name: str
    through: bool
    control: str = ""  # the one that it tests, where the attack says so
    failure: int = 0  # a 5xx that it met, where none was to be expected
    stopped_by: Code | None = None
    sent: tuple[Sent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attack in one configuration.

    ``by`` and ``code`` name who stopped it; ``by`` alone where it was found by elimination. A run
    that proves nothing is ``unavailable`` and, where something went wrong, ``broken``.
    """

    outcome: Outcome
    by: str | None = None
    code: str | None = None
    bound: str = ""
    reason: str = ""
    broken: bool = False
    payloads: tuple[Tried, ...] = ()

    @property
    def held(self) -> bool:
        """Whether the attack did not get through."""
        return self.outcome in ("stopped", "bounded")

    @property
    def duds(self) -> tuple[str, ...]:
        """Payloads that did not get through: where every layer is off, they prove nothing."""
        return tuple(each.name for each in self.payloads if not each.through)


_CRASH: Final = "server.error"  # of the application: nobody refused anything


def judge(payloads: Sequence[Tried], *, bound: str) -> Run:
    """One payload that gets through is enough. Who stopped them is who stopped most of them.

    A 5xx is no refusal, unless a layer says that it refused just that request: where none gets
    through, and one met it, nothing is proven.
    """
    tried = tuple(payloads)
    if any(each.through for each in tried):
        return Run(outcome="succeeded", payloads=tried)
    for each in tried:
        if each.failure and (each.stopped_by is None or each.stopped_by.name == _CRASH):
            reason = f"{each.name!r} met a {each.failure}, which is no refusal"
            return replace(broken(reason), payloads=tried)
    named = Counter(each.stopped_by for each in tried if each.stopped_by is not None)
    held = Run(outcome="bounded" if bound else "stopped", bound=bound, payloads=tried)
    if not named:
        return held
    ((code, _),) = named.most_common(1)
    return replace(held, by=code.layer.value, code=code.name)


def unavailable(reason: str) -> Run:
    """It cannot be run here."""
    return Run(outcome="unavailable", reason=reason)


def broken(reason: str) -> Run:
    """It was run, and proves nothing: what was not shown is not counted as stopped."""
    return Run(outcome="unavailable", reason=reason, broken=True)
