"""The ablation: the attacks run again with layers off, and what their outcomes mean.

Pure. The whole matrix fails if a layer that is off changes nothing, or if an attack fails where
every layer is off: then "stopped" would prove nothing.

Source: the rules at the top of the attack catalogue; API.md, "ringfence attack".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

from ringfence.attack.catalogue import Row
from ringfence.attack.configuration import (
    ALL,
    BUILT,
    NONE,
    PRODUCTION,
    SINGLES,
    Configuration,
    without,
)
from ringfence.attack.outcome import Run
from ringfence.core.codes import Layer

#: By id of the attack and name of the configuration.
Runs: TypeAlias = Mapping[str, Mapping[str, Run]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benign:
    """What the honest checks gave in one configuration."""

    passed: int
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The numbers that decide. ``idle_switches`` is None where too little ran to judge it.

    ``unavailable`` counts attacks that were asked for and not run, or not in each configuration.
    """

    stopped: int
    bounded: int
    succeeded: int
    naked_failed: int
    idle_switches: int | None
    depth_below_2: tuple[str, ...]
    unavailable: int
    broken: int
    benign_failed: int

    @property
    def good(self) -> bool:
        """Whether what is claimed was shown."""
        failures = (self.succeeded, self.naked_failed, self.broken, self.benign_failed)
        return not any(failures) and not self.idle_switches and not self.unavailable


@dataclass(frozen=True)
class Matrix:
    """Everything that was measured.

    ``whole`` says whether every attack of this version was run in every configuration: only then
    can a switch be called idle. ``plain`` has the runs, with nothing off, at handlers that call
    none of Ringfence's functions: what they show is told, and decides nothing.
    """

    rows: Mapping[str, Row]
    configurations: tuple[Configuration, ...]
    runs: Runs
    benign: Mapping[str, Benign]
    plain: Mapping[str, Run] = field(default_factory=dict[str, Run])
    whole: bool = False

    @cached_property
    def summary(self) -> Summary:
        """The numbers that decide."""
        sole = [runs[NONE.name] for runs in self.runs.values()]
        every = [run for runs in self.runs.values() for run in runs.values()]
        every += self.plain.values()
        depths = {attack: self.depth(attack) for attack in self.runs}
        return Summary(
            stopped=sum(run.held for run in sole),
            bounded=sum(run.outcome == "bounded" for run in sole),
            succeeded=sum(bool(self.breaches(attack)) for attack in self.runs),
            naked_failed=sum(self.unproven(attack) for attack in self.runs),
            idle_switches=len(self.idle) if self.whole else None,
            depth_below_2=tuple(a for a, depth in depths.items() if depth in (0, 1)),
            unavailable=sum(
                any(run.outcome == "unavailable" for run in runs.values())
                for runs in self.runs.values()
            ),
            broken=sum(run.broken for run in every),
            benign_failed=sum(len(benign.failures) for benign in self.benign.values()),
        )

    @cached_property
    def idle(self) -> tuple[Layer, ...]:
        """Layers whose switch changed no outcome."""
        return tuple(
            layer
            for layer in BUILT
            if all(runs[NONE.name].held == runs[layer].held for runs in self.runs.values())
        )

    def breaches(self, attack: str) -> tuple[str, ...]:
        """Configurations in which the attack got through although a line should have held."""
        runs, row = self.runs[attack], self.rows[attack]
        return tuple(
            each.name
            for each in (NONE, PRODUCTION, *SINGLES)
            if each.name in runs and runs[each.name].outcome == "succeeded"
            if not each.off or row.holds_without(each.off)
        )

    def unproven(self, attack: str) -> bool:
        """Whether the attack, or a payload of it, fails where nothing stands in its way."""
        run = self.runs[attack].get(ALL.name)
        if run is None or run.outcome == "unavailable":
            return False
        return run.outcome != "succeeded" or bool(run.duds)

    @cached_property
    def by_layer(self) -> tuple[str, ...]:
        """The attacks, sorted by the first layer that a line against them stands on."""
        return tuple(sorted(self.runs, key=lambda attack: self.rows[attack].place))

    def second_line(self, attack: str) -> str:
        """Who was seen to stop it once the first line was off; empty if nobody was."""
        runs = self.runs[attack]
        first = runs.get(NONE.name)
        behind = runs.get(first.by) if first is not None and first.held and first.by else None
        return behind.by or "" if behind is not None and behind.held else ""

    @property
    def not_run(self) -> Mapping[str, str]:
        """Attacks that could not be run here, each with the reason."""
        return {
            attack: run.reason
            for attack, runs in self.runs.items()
            for run in runs.values()
            if run.outcome == "unavailable" and not run.broken
        }

    def depth(self, attack: str) -> int | None:
        """How many lines were seen to hold alone: 0, 1, or 2 for two and more.

        None where the layers were not switched off one by one, or a run is missing.
        """
        runs = self.runs[attack]
        found = [runs.get(each.name) for each in (NONE, *SINGLES)]
        if any(run is None or run.outcome == "unavailable" for run in found):
            return None
        if not runs[NONE.name].held:
            return 0
        return 2 if all(runs[each.name].held for each in SINGLES) else 1

    def doubtful(self) -> Iterator[tuple[str, Configuration]]:
        """What is to be run as well, to name by elimination who stopped an attack in silence.

        With one layer off and nobody to name, each further layer of which the catalogue says that
        it stands behind is switched off beside it.
        """
        for attack, runs in self.runs.items():
            for single in SINGLES:
                run = runs.get(single.name)
                if run is None or not run.held or run.by is not None:
                    continue
                if self._alone(attack, single) is None:
                    row = self.rows[attack]
                    behind = {
                        row.first,
                        *row.second,
                        *(layer for line in row.built for layer in line),
                    }
                    for layer in BUILT:
                        if layer in behind and layer not in single.off:
                            yield attack, without({*single.off, layer})

    def named(self) -> "Matrix":
        """The matrix with every silent stop named, as far as elimination can name it."""
        runs = {attack: MappingProxyType(dict(self._named(attack))) for attack in self.runs}
        return replace(self, runs=MappingProxyType(runs))

    def _named(self, attack: str) -> Iterator[tuple[str, Run]]:
        configured = {each.name: each for each in (NONE, PRODUCTION, *SINGLES)}
        for name, run in self.runs[attack].items():
            by = None
            if run.held and run.by is None and name in configured:
                off = configured[name]
                by = self._alone(attack, off) or self._beside(attack, off)
                by = by or self._first_of_several(attack)
            yield name, run if by is None else replace(run, by=by.value)

    def _alone(self, attack: str, configuration: Configuration) -> Layer | None:
        """The layer without which the attack gets through, whatever else is off."""
        return self._opening(
            attack, [layer for layer in BUILT if layer not in configuration.off], ()
        )

    def _beside(self, attack: str, configuration: Configuration) -> Layer | None:
        """The layer without which it gets through once ``configuration`` is off as well."""
        return self._opening(attack, BUILT, configuration.off)

    def _first_of_several(self, attack: str) -> Layer | None:
        """Of lines that were each seen to hold without the other, the one that stands first."""
        for layer in (self.rows[attack].first, *BUILT):
            if self._opening(attack, [each for each in BUILT if each != layer], [layer]):
                return layer
        return None

    def _opening(
        self, attack: str, layers: Sequence[Layer], off: Sequence[Layer] | frozenset[Layer]
    ) -> Layer | None:
        for layer in layers:
            run = self.runs[attack].get(without({*off, layer}).name)
            if layer not in off and run is not None and run.outcome == "succeeded":
                return layer
        return None
