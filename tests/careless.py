"""Careless layers for tests that run no whole stack."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ringfence.authn.keyring import KeyRing
from ringfence.authz.starlette import Routes
from ringfence.core.codes import Layer
from ringfence.core.exchange import Seams
from ringfence.core.settings import Environment, Settings
from ringfence.stack.layers import GUARDED, Parts
from ringfence.storage import open_stores
from ringfence.storage.keys import load_or_create
from ringfence_demo.careless import authn, authz, boundary, monitoring, network, output
from tests.unit.authn.credentials import Inline

_SEAMS = {
    Layer.NETWORK: network.SEAMS,
    Layer.BOUNDARY: boundary.SEAMS,
    Layer.AUTHN: authn.SEAMS,
    Layer.AUTHZ: authz.SEAMS,
    Layer.OUTPUT: output.SEAMS,
    Layer.MONITORING: monitoring.SEAMS,
}


def seams(*layers: Layer | str) -> Seams:
    """What these careless layers provide."""
    return {
        seam: provided
        for layer in layers
        for seam, provided in _SEAMS.get(Layer(layer), {}).items()
    }


class Unsent:
    """Takes mails and forgets them."""

    async def send(self, to: str, subject: str, text: str) -> None: ...


async def nothing(_scope: object, _receive: object, _send: object) -> None:
    """An application that has no routes."""


def parts(settings: Settings | None = None, **changes: Any) -> Parts:
    """What a factory is given: memory stores, new keys, no routes, and ``changes``."""
    with TemporaryDirectory() as folder:
        keys = KeyRing(changes.pop("keys", None) or load_or_create(Path(folder) / "keys"))
    made = Parts(
        settings=settings or Settings(environment=Environment.TEST),
        stores=open_stores("memory:"),
        keys=keys,
        hashing=Inline(),
        mailer=Unsent(),
        clock=lambda: datetime(2026, 1, 1, 12, tzinfo=UTC),
        routes=Routes(nothing, {}),
        finders={},
        guarded=GUARDED,
    )
    return replace(made, **changes)
