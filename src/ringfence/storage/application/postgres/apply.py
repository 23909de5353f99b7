"""Brings a database to what ``render`` says, in one transaction, as the owner of its tables."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.core.secret import Secret
from ringfence.storage.application.postgres.identity import pads
from ringfence.storage.application.postgres.render import Script, for_administrators

#: A table that somebody reads for long is waited for so long, and everybody else behind us.
_PATIENCE = "SET LOCAL lock_timeout = '5s'"

_INSUFFICIENT = "42501"  # insufficient_privilege


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done."""

    statements: int
    tables: int


async def apply(engine: AsyncEngine, script: Script, key: Secret[bytes]) -> Applied:
    """Do it all, or nothing.

    Args:
        engine: As the owner.
        script: What to do.
        key: That identities are signed with; it takes the place of the one before.

    Raises:
        ConfigurationError: It is not the owner; a role is missing that the owner may not make.
        StoreError: The database does not answer, or does not take a statement.
    """
    statements = [*for_administrators(script.roles), *script.for_the_owner()]
    inside, outside = pads(key)
    try:
        async with engine.begin() as connection:
            await _check_owner(connection, script)
            await connection.exec_driver_sql(_PATIENCE)
            for statement in statements:
                await connection.exec_driver_sql(statement)
            await connection.exec_driver_sql("DELETE FROM ringfence_identity.keys")
            await connection.execute(
                text("INSERT INTO ringfence_identity.keys VALUES (:inside, :outside)"),
                {"inside": inside, "outside": outside},
            )
    except DBAPIError as error:
        raise _told(error) from error
    except OSError as error:
        raise StoreError("application", type(error).__name__) from error
    return Applied(statements=len(statements), tables=len(script.tables) + len(script.common))


async def _check_owner(connection: AsyncConnection, script: Script) -> None:
    me = (await connection.exec_driver_sql("SELECT current_user")).scalar_one()
    if me != script.roles.owner:
        raise ConfigurationError(f"database: the owner is {script.roles.owner}, and this is {me}")


def _told(error: DBAPIError) -> ConfigurationError | StoreError:
    code = state(error)
    if code == _INSUFFICIENT:
        return ConfigurationError(
            f"database: {_first_line(error)}. What an administrator has to do once: "
            "ringfence database render APP --part roles"
        )
    if code[:2] in ("3F", "42"):  # a schema, table, column or function that is not there
        return ConfigurationError(f"database: {_first_line(error)}: migrate first")
    return StoreError("application", code or type(error.orig).__name__)


def state(error: DBAPIError) -> str:
    """The SQLSTATE of an error; empty where the server did not get to say one."""
    original: Any = error.orig
    return getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or ""


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0].rpartition(": ")[2]
