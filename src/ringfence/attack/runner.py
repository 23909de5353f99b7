"""Runs attacks on an application: each configuration in a process of its own, several at a time."""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from ringfence.attack.ablation import Benign, Matrix
from ringfence.attack.attacks import ATTACKS
from ringfence.attack.catalogue import catalogue
from ringfence.attack.configuration import NONE, SINGLES, Configuration
from ringfence.attack.evidence import actor
from ringfence.attack.ground import Ground
from ringfence.attack.honest import check_all
from ringfence.attack.outcome import Run, Tried, broken, judge, unavailable
from ringfence.attack.outside import Outside, outside
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.site import Site
from ringfence.attack.target import Start, Target
from ringfence.attack.unproven import SURPRISES, UnavailableError, UnprovenError, reason

#: Sites at a time, by the database beside each, and attacks at a time on each of them: enough to
#: keep two cores busy, and not so many that a store gives up.
_SITES: Final = {"sqlite": 3, "postgres": 2}
_ATTACKS: Final = 4

#: The second byte of the addresses from which honest visitors, and the first attack, come.
_HONEST: Final = 10
_FIRST: Final = 20
_SEAMLESS: Final = 120

BENIGN: Final = "honest use"


class Told(Protocol):
    """Whoever is told how far it is."""

    def __call__(self, configuration: str, attack: str, run: Run | None) -> None:
        """This was just finished; ``BENIGN`` has no run."""
        ...

    def more(self, steps: int) -> None:
        """There are more steps than was known at the start."""
        ...


class Nobody:
    """Nobody wants to be told."""

    def __call__(self, configuration: str, attack: str, run: Run | None) -> None: ...

    def more(self, steps: int) -> None: ...


_FAILURE: Final = 500  # RFC 9110 15.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be run."""

    target: Target
    attacks: Sequence[str]
    configurations: Sequence[Configuration]
    database: str = "sqlite"
    honest: bool = True  # whether honest use is tried as well; each attack has its own
    told: Told = field(default_factory=Nobody)


@dataclass(slots=True, kw_only=True)
class _Results:
    """What was found so far."""

    runs: defaultdict[str, dict[str, Run]] = field(default_factory=lambda: defaultdict(dict))
    benign: dict[str, Benign] = field(default_factory=dict[str, Benign])
    plain: dict[str, Run] = field(default_factory=dict[str, Run])


async def run(order: Order) -> Matrix:
    """Run everything, and name who stopped what.

    Raises:
        ConfigurationError: The application did not start (in an ``ExceptionGroup``).
    """
    results = _Results()
    async with outside() as around:
        with tempfile.TemporaryDirectory(prefix="ringfence-attack-") as folder:
            place = Path(folder)
            place.chmod(0o711)  # noqa: ASYNC240  # each site may run as somebody else where we are root
            everything = [(each, order.attacks) for each in order.configurations]
            await _round(order, everything, around, place, results, benign=order.honest)
            matrix = _matrix(order, results)
            further = _further(matrix)
            order.told.more(sum(len(attacks) for _, attacks in further))
            await _round(order, further, around, place, results, benign=False)
    return replace(matrix, runs=_matrix(order, results).runs).named()


def _matrix(order: Order, results: _Results) -> Matrix:
    names = {each.name for each in order.configurations}
    return Matrix(
        rows=catalogue(),
        configurations=tuple(order.configurations),
        runs={each: _sorted(results.runs[each], order.configurations) for each in order.attacks},
        benign={name: results.benign[name] for name in results.benign if name in names},
        plain=dict(results.plain),
        whole=set(order.attacks) == set(ATTACKS) and set(SINGLES) <= set(order.configurations),
    )


def _sorted(runs: Mapping[str, Run], configurations: Iterable[Configuration]) -> Mapping[str, Run]:
    """The runs in the order of what was asked for, whichever was done first."""
    asked = [each.name for each in configurations if each.name in runs]
    return {name: runs[name] for name in dict.fromkeys([*asked, *runs])}


def _further(matrix: Matrix) -> list[tuple[Configuration, Sequence[str]]]:
    """The runs without which a silent stop has no name."""
    wanted: defaultdict[Configuration, list[str]] = defaultdict(list)
    for attack, configuration in matrix.doubtful():
        wanted[configuration].append(attack)
    return [*wanted.items()]


async def _round(
    order: Order,
    wanted: Iterable[tuple[Configuration, Sequence[str]]],
    around: Outside,
    place: Path,
    results: _Results,
    *,
    benign: bool,
) -> None:
    gate = asyncio.Semaphore(_SITES[order.database])

    async def one(configuration: Configuration, attacks: Sequence[str]) -> None:
        start = Start(
            configuration=configuration, place=place, database=order.database, around=around
        )
        async with (
            gate,
            order.target.running(start) as site,
        ):
            if benign:
                results.benign[configuration.name] = await check_all(
                    order.target, Ground(site, _HONEST)
                )
                order.told(configuration.name, BENIGN, None)
            await _attack_all(site, attacks, results, order.told)

    async with asyncio.TaskGroup() as group:
        for configuration, attacks in wanted:
            group.create_task(one(configuration, attacks))


async def _attack_all(site: Site, attacks: Sequence[str], results: _Results, told: Told) -> None:
    gate = asyncio.Semaphore(_ATTACKS)

    async def one(attack: str) -> None:
        async with gate:
            ground = Ground(site, _FIRST + list(ATTACKS).index(attack))
            run = await attacked(ATTACKS[attack](ground))
            results.runs[attack][site.configuration.name] = run
            told(site.configuration.name, attack, run)

    async def without_functions(attack: str) -> None:
        """The same at the handlers that call no function of Ringfence's."""
        async with gate:
            bare = replace(site, places=(*site.plain, *site.places))
            tried = ATTACKS[attack](Ground(bare, _SEAMLESS + list(ATTACKS).index(attack)))
            tried.silent = True  # what a function of ours says of its work stopped nothing here
            results.plain[attack] = await attacked(tried)

    seamless = [each for each in attacks if site.configuration == NONE and _has_plain(site, each)]
    patient_first = sorted(attacks, key=lambda attack: not ATTACKS[attack].patient)
    await asyncio.gather(*(one(each) for each in patient_first if not ATTACKS[each].alone))
    await asyncio.gather(*map(without_functions, seamless))
    for each in attacks:
        if ATTACKS[each].alone:
            await one(each)


def _has_plain(site: Site, attack: str) -> bool:
    kind = ATTACKS[attack].seam
    return kind is not None and any(isinstance(each, kind) for each in site.plain)


async def attacked(attack: Attack) -> Run:
    """Run one attack: honest use, every payload, honest use."""
    try:
        await attack.prepare()
        await attack.twin()
        tried = await _tried_all(attack)
        await attack.twin()
    except UnavailableError as error:
        return unavailable(str(error))
    except (UnprovenError, *SURPRISES) as error:
        return broken(reason(error))
    return judge(tried, bound=attack.bound)


async def _tried_all(attack: Attack) -> Sequence[Tried]:
    payloads = attack.payloads()
    if not attack.apart:
        return [await _tried(attack, each) for each in payloads]
    tries = (_tried(attack, each) for each in payloads)
    found = await asyncio.gather(*tries, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each  # once the others are done with the site
    return [each for each in found if isinstance(each, Tried)]


async def _tried(attack: Attack, payload: Payload) -> Tried:
    with attack.ground.noting() as sent:
        through = await payload.strike()
    stopped_by = None
    if not through and not attack.silent:
        site = attack.ground.site
        stopped_by = actor(await site.signs(sent), attack.signs, site.configuration.off)
    failures = (each.answer.status for each in sent if each.answer.status >= _FAILURE)
    return Tried(
        name=payload.name,
        through=through,
        control=payload.control or attack.control,
        failure=0 if attack.breaks else next(failures, 0),
        stopped_by=stopped_by,
        sent=tuple(sent),
    )
