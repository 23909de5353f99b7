"""The careless layers: what a hurried team would have written in the place of each.

They let through what their guarded twins refuse, and hand on untreated what those make harmless, so
that every attack can be shown to work. The library does not hold them, and takes them in ``demo``
and ``test`` only:

    Ringfence(app, settings=settings, layers=careless("boundary", "authn"))

Plumbing stays: with ``authn`` careless a token is still read, but nobody verifies it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ringfence.core.codes import Layer
from ringfence.stack.layers import Factory
from ringfence_demo.careless.authn import CarelessAuthn
from ringfence_demo.careless.authz import CarelessAuthz
from ringfence_demo.careless.boundary import CarelessBoundary
from ringfence_demo.careless.monitoring import CarelessMonitoring
from ringfence_demo.careless.network import CarelessNetwork
from ringfence_demo.careless.output import CarelessOutput

_CARELESS: Final[Mapping[Layer, Factory]] = MappingProxyType(
    {
        Layer.NETWORK: CarelessNetwork,
        Layer.BOUNDARY: CarelessBoundary,
        Layer.AUTHN: CarelessAuthn,
        Layer.AUTHZ: CarelessAuthz,
        Layer.OUTPUT: CarelessOutput,
        Layer.MONITORING: CarelessMonitoring,
    }
)


def careless(*layers: Layer | str) -> Mapping[Layer, Factory]:
    """Factories of careless layers, for ``Ringfence(layers=…)``.

    A layer that this version does not have (the gateway) changes nothing.

    Raises:
        ValueError: There is no such layer.
    """
    named = {Layer(layer) for layer in layers}
    return {layer: factory for layer, factory in _CARELESS.items() if layer in named}
