"""Configurations: which layers are off. A configuration is named for what is off in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ringfence.core.codes import Layer

#: Layers that this version cannot switch, because it does not have them.
ABSENT: Final = {Layer.GATEWAY: "this version has no gateway"}

#: Layers that this version has, in the order in which a request meets them.
BUILT: Final = tuple(layer for layer in Layer if layer not in ABSENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One way to start the application."""

    name: str
    off: frozenset[Layer] = frozenset()
    production: bool = False


NONE: Final = Configuration(name="none")
PRODUCTION: Final = Configuration(name="production", production=True)
ALL: Final = Configuration(name="all", off=frozenset(Layer))
SINGLES: Final = tuple(Configuration(name=layer.value, off=frozenset({layer})) for layer in BUILT)

#: What is run without and with ``--ablate``.
SHORT: Final = (NONE, ALL)
ABLATED: Final = (NONE, *SINGLES, ALL, PRODUCTION)


def without(layers: Iterable[Layer]) -> Configuration:
    """The configuration in which exactly these layers are off."""
    off = frozenset(layers)
    return Configuration(name="+".join(layer for layer in BUILT if layer in off), off=off)
