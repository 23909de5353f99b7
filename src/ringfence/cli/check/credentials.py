"""Default credentials, tried against the PostgreSQL server that the settings name (ATTACKS U19).

A server that takes one of these is open to everybody who reaches it, whatever the application's own
password is. At most ``len(PASSWORDS)`` passwords for each of two roles are tried, one after the
other, and no more once the server lets somebody in. Nothing is asked of the server but to sign in.

Sources: OWASP ASVS 5.0 13.2.3 (no default credentials); the documentation of PostgreSQL's Docker
image (its examples are copied into real installations).
"""

import asyncio
import getpass
import secrets
from enum import Enum, auto
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from ringfence.cli.check.finding import Problem, found

#: Tried for the role ``postgres`` and for the role of the settings, beside the role's own name.
PASSWORDS: Final = (
    "",
    "postgres",
    "password",
    "admin",
    "root",
    "changeme",
    "secret",
    "123456",
    "mysecretpassword",
    "example",
)

_SUPERUSER: Final = "postgres"
_SECONDS: Final = 3.0
#: Classes and codes of SQLSTATE: the first says no, the others are said after signing in.
_REFUSED: Final = "28"
_INSIDE: Final = ("3D000", "42501")  # no such database, may not connect to it


class _Answer(Enum):
    IN = auto()
    REFUSED = auto()
    UNREACHABLE = auto()


class _SilentError(Exception):
    """The server does not answer, or does not take connections now."""


def credentials(url: str) -> tuple[list[Problem], str]:
    """Try the default credentials on the server of ``url``; only PostgreSQL has any.

    Returns:
        What is wrong, and what is worth knowing beside it.
    """
    if not url.startswith("postgresql:"):
        return [], ""
    try:
        return asyncio.run(_try(urlsplit(url)))
    except _SilentError:
        return [], "default ones were not tried: the server does not answer"


async def _try(parts: SplitResult) -> tuple[list[Problem], str]:
    configured = unquote(parts.username or "") or _SUPERUSER
    tried = 0
    for role in dict.fromkeys((_SUPERUSER, configured)):
        if await _is_let_in(parts, role, secrets.token_urlsafe()) and not _is_peer(parts, role):
            return _any_password(parts, role), ""
        for password in dict.fromkeys((*PASSWORDS, role)):
            tried += 1
            if await _is_let_in(parts, role, password) and not _is_peer(parts, role):
                return _default(role), ""
    return [], f"{tried} default ones were refused"


def _is_peer(parts: SplitResult, role: str) -> bool:
    """Whether PostgreSQL may have asked the kernel who we are, in place of a password."""
    return not parts.hostname and role == getpass.getuser()


def _any_password(parts: SplitResult, role: str) -> list[Problem]:
    if not parts.hostname:
        text = f"every user of this machine signs in as {role}, with any password"
        remedy = "write peer or scram-sha-256 in place of trust in pg_hba.conf"
    else:
        text = f"everybody signs in as {role}, with any password"
        remedy = "write scram-sha-256 in place of trust in pg_hba.conf"
    return found("credentials-none", text, remedy=remedy)


def _default(role: str) -> list[Problem]:
    text = f"the role {role} has a default password"
    remedy = f"give it another one: \\password {role} in psql"
    return found("credentials-default", text, remedy=remedy)


async def _is_let_in(parts: SplitResult, role: str, password: str) -> bool:
    answer = await _sign_in(parts, role, password)
    if answer is _Answer.UNREACHABLE:
        raise _SilentError
    return answer is _Answer.IN


async def _sign_in(parts: SplitResult, role: str, password: str) -> _Answer:
    from ringfence.storage.postgres.database import FAILURES, asyncpg

    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    try:
        # Given as a function: without a password asyncpg would look into ~/.pgpass for one.
        connection: Any = await asyncpg.connect(
            bare, user=role, password=lambda: password, timeout=_SECONDS
        )
    except asyncpg.PostgresError as error:
        state: str = getattr(error, "sqlstate", "") or ""
        if state.startswith(_REFUSED):
            return _Answer.REFUSED
        return _Answer.IN if state in _INSIDE else _Answer.UNREACHABLE
    except (*FAILURES, TimeoutError):
        return _Answer.UNREACHABLE
    await connection.close()
    return _Answer.IN
