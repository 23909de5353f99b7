"""Runs attacks on shops: each configuration a process of its own, several at a time."""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ringfence.attack.ablation import Benign, Matrix
from ringfence.attack.attacks import ATTACKS
from ringfence.attack.benign import check_all
from ringfence.attack.catalogue import catalogue
from ringfence.attack.configuration import Configuration
from ringfence.attack.evidence import actor
from ringfence.attack.ground import Ground
from ringfence.attack.outcome import Run, Tried, broken, judge, unavailable
from ringfence.attack.plan import Attack
from ringfence.attack.shop import Shop, running
from ringfence.attack.unproven import UnavailableError, UnprovenError

#: Shops at a time, and attacks at a time on each: two cores are kept busy, not more.
_SHOPS: Final = 2
_ATTACKS: Final = 3

#: Told after each attack: the configuration, and the attack or "benign".
Progress = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be run."""

    attacks: Sequence[str]
    configurations: Sequence[Configuration]
    database: str = "sqlite"
    told: Progress = field(default=lambda _configuration, _attack: None)

    @property
    def steps(self) -> int:
        """How often ``told`` is called, further runs aside."""
        return len(self.configurations) * (len(self.attacks) + 1)


async def run(plan: Plan) -> Matrix:
    """Run everything, name who stopped what, and judge nothing yet.

    Raises:
        ConfigurationError: A shop did not start.
    """
    runs: defaultdict[str, dict[str, Run]] = defaultdict(dict)
    benign: dict[str, Benign] = {}
    with tempfile.TemporaryDirectory(prefix="ringfence-attack-") as folder:
        Path(folder).chmod(0o711)  # shops run as nobody, each in a folder of its own
        rounds = [(each, plan.attacks) for each in plan.configurations]
        ...
