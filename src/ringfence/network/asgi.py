"""The network layer in the pipeline: whose request is this?"""

from typing import Final

from ringfence.core.exchange import NO_SEAMS, Exchange, Seams
from ringfence.core.settings import Settings
from ringfence.network import sqlite
from ringfence.network.client import client_address

#: Known peers are looked up, not parsed: a worker sees few addresses at a time.
_MOST_REMEMBERED: Final = 4096
#: No address: the client then counts as unknown.
_NOBODYS: Final = b"trailer"


class Network:
    """Finds the client's address, and allows SQLite only to read and write rows.

    The server's own proxy handling must be off.
    """

    seams: Seams = NO_SEAMS

    def __init__(self, settings: Settings) -> None:
        self._proxies: Final = settings.trusted_proxies
        self._remembered: dict[str, str] = {}

    def start(self) -> None:
        """Put the authorizer on the connections of this process."""
        sqlite.freeze()

    def close(self) -> None:
        """Undo one ``start``."""
        sqlite.thaw()

    def admit(self, exchange: Exchange) -> None:
        """Set ``exchange.client``."""
        peer: tuple[str, int] | None = exchange.scope.get("client")
        host = peer[0] if peer else None
        if self._proxies:
            forwarded = [v for k, v in exchange.scope["headers"] if k == b"x-forwarded-for"]
            if len(forwarded) > 1 and b"transfer-encoding" in exchange.headers:
                # A chunked body may end with trailers, which a proxy passes on as they are, and
                # uvicorn adds to the head: the last line need not be the proxy's (RFC 9110, 6.5.1).
                forwarded = [_NOBODYS]
            exchange.client = client_address(host, forwarded, self._proxies)
            return
        exchange.client = self._remembered.get(host or "") or self._learn(host)

    def _learn(self, host: str | None) -> str:
        client = client_address(host, (), ())
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[host or ""] = client
        return client
