"""What a report says of the run that it is about."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """One run."""

    target: str  # in a sentence: the demo shop
    profile: str  # the system and the database: linux sqlite
    version: str  # of Ringfence
    started: datetime  # aware, UTC
    seconds: float

    @property
    def date(self) -> str:
        """When it was started, to the minute: 2026-11-24 15:20 UTC."""
        return f"{self.started:%Y-%m-%d %H:%M} UTC"

    @property
    def duration(self) -> str:
        """How long it took: ``41 s`` or ``3 min 5 s``."""
        return duration(self.seconds)


def duration(seconds: float) -> str:
    """Seconds for a person."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
