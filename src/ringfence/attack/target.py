"""What can be attacked: an application that says how it is started, and where attacks apply.

A distribution offers its targets as entry points of the group ``ringfence.targets``; the demo shop
is one of them. Nothing here knows an application.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol, cast, runtime_checkable

from ringfence.attack.configuration import Configuration
from ringfence.attack.ground import Ground
from ringfence.attack.outside import Outside
from ringfence.attack.people import Person
from ringfence.attack.site import Site
from ringfence.core.errors import ConfigurationError

GROUP: Final = "ringfence.targets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How an application is to be started: once, in a folder of its own below ``place``."""

    configuration: Configuration
    place: Path
    database: str
    around: Outside  # ``around.friend`` is what the application may fetch from


@dataclass(frozen=True, slots=True)
class Check:
    """One honest use. ``run`` raises ``UnprovenError`` if it does not work."""

    name: str
    run: Callable[[], Awaitable[None]]


@runtime_checkable
class Target(Protocol):
    """An application that can be attacked."""

    @property
    def title(self) -> str:
        """What it is called in a sentence: ``the demo shop``."""
        ...

    @property
    def databases(self) -> Sequence[str]:
        """What it can run on: ``sqlite``, ``postgres``."""
        ...

    def running(self, start: Start) -> AbstractAsyncContextManager[Site]:
        """Start it; it ends with the block.

        Raises:
            ConfigurationError: It did not start; with what it said.
        """
        ...

    def checks(self, ground: Ground, person: Person) -> Sequence[Check]:
        """Honest uses of each of its routes, those of ``/auth`` excepted."""
        ...


def installed() -> tuple[str, ...]:
    """The names of every target that can be found here."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def find(name: str) -> Target | None:
    """The target of this name; None if none is installed.

    Raises:
        ConfigurationError: What is installed under this name is no target.
    """
    for point in entry_points(group=GROUP, name=name):
        found = cast("object", point.load())
        if not isinstance(found, Target):
            raise ConfigurationError(f"{name}: {point.value} is no target")
        return found
    return None
