"""What an attack is: somebody to harm, an honest use of the same route, and payloads.

An attack is made anew for each running application. Each payload is judged by itself, from
outside: by what came back, what the victim finds afterwards, a trap. A payload that is refused
proves nothing unless it gets through where every layer is off, and unless honest use works right
before and right after it.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from ringfence.attack.ground import Ground
from ringfence.attack.place import Place

#: Tries it; True if it got through. Raises ``UnprovenError`` where nobody can tell.
Strike: TypeAlias = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Payload:
    """One way to try, in a few words, and how."""

    name: str
    strike: Strike
    #: The control that it tests, if it is not the one that its attack names.
    control: str = ""


class Attack(ABC):
    """One attack of the catalogue, on one running application."""

    id: ClassVar[str]
    #: What its payloads test: with that control deleted a test sees them get through.
    control: ClassVar[str] = ""
    #: Codes of traces and events that explain why an attack failed that nobody refused.
    signs: ClassVar[frozenset[str]] = frozenset()
    #: The control acts where no request tells of it: who stopped it is found by elimination.
    silent: bool = False
    #: It waits more than it works: it starts before the others, so that they fill the time.
    patient: ClassVar[bool] = False
    #: No payload of it meets what another one made: they are tried at once.
    apart: ClassVar[bool] = False
    #: It moves the application's clock: it runs after the others, whose tokens would grow old.
    alone: ClassVar[bool] = False
    #: Its requests fail by intent: elsewhere a 5xx is no refusal, and proves nothing.
    breaks: ClassVar[bool] = False
    #: The place whose handlers call a function of Ringfence's: it is tried without one as well.
    seam: ClassVar[type[Place] | None] = None
    #: Where stopping means that no more than this can be done.
    bound: ClassVar[str] = ""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    @classmethod
    def meaning(cls) -> str:
        """What this attack takes for stopped: what is looked at, and no more than that."""
        return " ".join((inspect.getdoc(cls) or "").split())

    @abstractmethod
    async def prepare(self) -> None:
        """Make the victim, what belongs to it, and the attacker."""

    @abstractmethod
    async def twin(self) -> None:
        """The honest use of the same route. Raises ``UnprovenError`` if it does not work."""

    @abstractmethod
    def payloads(self) -> Sequence[Payload]:
        """Every way to try; each must get through where every layer is off."""
