"""Careless: whoever asks says where from, and SQL may do anything to the database."""

from typing import Final

from ringfence.core.codes import Layer
from ringfence.core.exchange import Exchange, Seams
from ringfence.network import sqlite
from ringfence.stack import protocols
from ringfence.stack.layers import Parts


class CarelessNetwork:
    """Believes ``X-Forwarded-For`` of anybody (ATTACKS H03)."""

    def __init__(self, parts: Parts) -> None:
        self.seams: Seams = SEAMS
        self._guarded: protocols.Network = parts.guarded[Layer.NETWORK](parts)

    def start(self) -> None:
        """No authorizer is put on any connection."""

    def close(self) -> None:
        """As ``start``."""

    def admit(self, exchange: Exchange) -> None:
        """Take the first address that the headers name."""
        forwarded = [v for k, v in exchange.scope["headers"] if k == b"x-forwarded-for"]
        if forwarded:
            exchange.client = forwarded[0].decode("latin-1").split(",")[0].strip()
        else:
            self._guarded.admit(exchange)


def _nothing_is_denied(_action: int, _subject: str | None, _detail: str | None) -> bool:
    return False


#: What this layer puts in the place of guarded implementations.
SEAMS: Final[Seams] = {sqlite.JUDGE: _nothing_is_denied}
