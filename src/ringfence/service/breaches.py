"""Asks a server of the range protocol whether a password is known from a breach.

The address is the operator's, from a setting: no client has a word in it. Redirects are not
followed.
"""

import asyncio
from http import HTTPStatus
from typing import Final

import httpx2

from ringfence.authn.breached import Breaches, NoBreaches, listed, split
from ringfence.core.exchange import current
from ringfence.core.settings import Settings

#: Until the whole answer is there: whoever sets a password waits for it.
_SECONDS: Final = 2.0
#: Some hundred lines of 40 characters, with padding.
_MOST_BYTES: Final = 262_144


class BreachServer:
    """``Breaches`` at a server of the range protocol.

    Args:
        address: Of the server; ``/range/`` and five digits are added to it.
    """

    def __init__(self, address: str) -> None:
        self._address: Final = address

    async def hold(self, password: bytes) -> bool:
        """See ``Breaches.hold``."""
        prefix, suffix = split(password)
        try:
            return listed(suffix, await self._range(prefix))
        except (httpx2.HTTPError, TimeoutError, ValueError) as error:
            _note(type(error).__name__)
            return False

    async def _range(self, prefix: str) -> str:
        """The lines for ``prefix``. Raises HTTPError, TimeoutError or ValueError."""
        headers = {"add-padding": "true", "user-agent": "ringfence"}
        client = httpx2.AsyncClient(timeout=_SECONDS, trust_env=False)
        url = f"{self._address}/range/{prefix}"
        async with (
            asyncio.timeout(_SECONDS),
            client,
            client.stream("GET", url, headers=headers) as found,
        ):
            if found.status_code != HTTPStatus.OK:
                raise ValueError(found.status_code)
            body = bytearray()
            async for piece in found.aiter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise ValueError(len(body))
        return body.decode("ascii")


def open_breaches(settings: Settings) -> Breaches:
    """What the setting names."""
    address = settings.breached_passwords
    return BreachServer(address) if address else NoBreaches()


def _note(reason: str) -> None:
    exchange = current.get()
    if exchange is not None:
        exchange.sink.emit(exchange.event("password.unjudged", {"reason": reason}))
