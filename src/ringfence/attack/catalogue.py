"""The sixty attacks, and what this version has against each.

``first`` and ``second`` are the plan: which layer should stop the attack, and which when that one
is off. ``built`` is what stands today: lines that stop the attack **alone**. A line may stand on
two layers (``network+authn``: a limit per address is worth what the address is worth); it falls
with either. An attack without a line is not implemented yet: its texts are the plan too. Of the
others, ``sends`` is what is on the wire.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One attack of the catalogue."""

    id: str
    name: str
    group: str  # injection, protocol, authz, …
    cwe: tuple[int, ...]
    sends: str
    stopped: str  # what "stopped" means
    first: Layer
    second: Mapping[Layer, str]
    built: tuple[frozenset[Layer], ...]

    @property
    def place(self) -> int:
        """Where the first layer of its lines stands among the layers."""
        layers = [layer for line in self.built[:1] for layer in line]
        return min(map(list(Layer).index, layers), default=len(Layer))

    def holds_without(self, off: frozenset[Layer]) -> bool:
        """Whether a line is claimed that stands on none of these layers."""
        return any(not line & off for line in self.built)


@cache
def catalogue() -> Mapping[str, Row]:
    """Every attack, by id, in order."""
    text = files("ringfence.attack").joinpath("catalogue.json").read_text("utf-8")
    return MappingProxyType({found["id"]: _row(found) for found in json.loads(text)})


def chosen(ids: str | None, known: Mapping[str, object]) -> tuple[str, ...]:
    """The ids of ``I01,O02`` that are in ``known``, in its order; all of them for None.

    Raises:
        ConfigurationError: No attack is named, there is no such attack, or this version does not
            have it.
    """
    if ids is None:
        return tuple(known)
    wanted = [word.strip().upper() for word in ids.split(",") if word.strip()]
    if not wanted:
        raise ConfigurationError("--only names no attack; --list shows them")
    for each in wanted:
        if each not in catalogue():
            raise ConfigurationError(f"{each} is no attack of the catalogue")
        if each not in known:
            raise ConfigurationError(f"{each} is not implemented in this version")
    return tuple(each for each in known if each in wanted)


def _row(found: Mapping[str, Any]) -> Row:
    return Row(
        id=found["id"],
        name=found["name"],
        group=found["class"],
        cwe=tuple(found["cwe"]),
        sends=found["sends"],
        stopped=found["stopped"],
        first=Layer(found["first"]),
        second=MappingProxyType({Layer(k): v for k, v in found["second"].items()}),
        built=tuple(frozenset(map(Layer, line.split("+"))) for line in found["built"]),
    )
