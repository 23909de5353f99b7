"""Who asks, told to PostgreSQL at the begin of each transaction, and signed.

Row-level security needs to know the caller. A plain session variable is no second line against an
injected statement: ``set_config`` switches it. So the value is signed for one transaction of one
connection:

1. ``ringfence_rows.challenge()`` says which: the backend's pid and ``transaction_timestamp()``.
2. The application sets ``ringfence.identity`` for this transaction: HMAC-SHA-256 of the challenge
   and the caller, and the caller.
3. ``ringfence_rows.subject()`` verifies it with the owner's key. What does not fit is nobody.

A signature is worth nothing in another transaction or on another connection, so nothing is gained
by reading one. The setting ends with the transaction: no pooled connection keeps it, and a pooler
that hands connections on after each transaction (PgBouncer) is safe (Ledger 38).

Where no request is under way, and for callers who are not signed in, nothing is sent.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection

from ringfence.core.errors import ConfigurationError
from ringfence.core.exchange import current
from ringfence.core.secret import Secret
from ringfence.network.sqlite import EVERYBODYS

#: The setting that holds the signed identity until the end of the transaction.
SETTING: Final = "ringfence.identity"

#: What the first letter of an identity says.
PERSON: Final = "s"  # the rest is a subject
ALL: Final = "e"  # everybody's rows

CHALLENGE: Final = "SELECT ringfence_rows.challenge()"
_SET: Final = "SELECT pg_catalog.set_config('ringfence.identity', {0}, true)"
#: Policies for everybody's rows are of a role of their own, so that the others can use an index.
#: Where there is none (an owner connects, say), nothing is set.
_SET_ALL: Final = (
    "SELECT pg_catalog.set_config('ringfence.identity', {0}, true), "
    "pg_catalog.set_config('role', rolname, true) FROM pg_catalog.pg_roles WHERE rolname = {1}"
)

_BLOCK_BYTES: Final = 64  # of SHA-256 (RFC 2104)


def signed(key: Secret[bytes], challenge: str, identity: str) -> str:
    """What ``ringfence.identity`` is set to: 64 hexadecimal digits, and the identity."""
    message = f"{challenge}|{identity}".encode()
    return hmac.new(key.reveal(), message, hashlib.sha256).hexdigest() + identity


def pads(key: Secret[bytes]) -> tuple[bytes, bytes]:
    """The inner and the outer block of HMAC (RFC 2104): what the database keeps of the key.

    With them it needs nothing but ``sha256()``, and no extension.
    """
    block = key.reveal().ljust(_BLOCK_BYTES, b"\0")
    if len(block) != _BLOCK_BYTES:
        raise ConfigurationError("identity.key is too long")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def everybody_role(role: str) -> str:
    """The role under which everybody's rows are read, beside the application's."""
    return f"{role}_everybody"


def caller() -> str | None:
    """The subject of the current request; None for nobody, and outside of requests."""
    exchange = current.get()
    if exchange is None or exchange.over or exchange.principal is None:
        return None
    return exchange.principal.subject


class Identity:
    """Puts the caller's identity on each transaction of some engines.

    Args:
        engines: Of SQLAlchemy, on one pool; of an ``AsyncEngine`` its ``sync_engine``. Where they
            are not PostgreSQL's, nothing is done.
        subject: Who asks; None for nobody.
    """

    def __init__(self, *engines: Engine, subject: Callable[[], str | None] = caller) -> None:
        self._subject: Final = subject
        self._role: Final = everybody_role(engines[0].url.username or "")
        self.key: Secret[bytes] | None = None
        for engine in dict.fromkeys(engines):
            if engine.dialect.name == "postgresql":
                event.listen(engine, "begin", self._begin)
                event.listen(engine, "begin_twophase", self._begin)

    def _begin(self, connection: Connection, _transaction: object = None) -> None:
        key = self.key
        if key is None:
            return
        if connection.get_execution_options().get(EVERYBODYS):
            self._sign(connection, key, ALL, _SET_ALL, self._role)
            return
        subject = self._subject()
        if subject is not None:
            self._sign(connection, key, PERSON + subject, _SET)

    def _sign(
        self, connection: Connection, key: Secret[bytes], identity: str, statement: str, *more: str
    ) -> None:
        """Two round trips: the signature needs to know its transaction.

        They are no statements of the request's, so the SQL guard does not judge them.
        """
        token = current.set(None)
        try:
            self._send(connection, key, identity, statement, *more)
        finally:
            current.reset(token)

    @staticmethod
    def _send(
        connection: Connection, key: Secret[bytes], identity: str, statement: str, *more: str
    ) -> None:
        challenge: str = connection.exec_driver_sql(CHALLENGE).scalar_one()
        values = (signed(key, challenge, identity), *more)
        numbered = connection.dialect.paramstyle == "numeric_dollar"
        marks = [f"${number}" if numbered else "%s" for number, _ in enumerate(values, 1)]
        connection.exec_driver_sql(statement.format(*marks), values)
