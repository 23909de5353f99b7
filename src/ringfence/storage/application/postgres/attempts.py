"""What an application's role must not be able to do, as statements to try."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ringfence.storage.application.postgres.conditions import quoted
from ringfence.storage.application.postgres.render import Roles

#: No right to it; or it is not there, as ``dblink`` may be.
_DENIED: Final = frozenset({"42501"})
_DENIED_OR_MISSING: Final = _DENIED | {"42883", "0A000"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A statement that must be refused, or that must find and change no row (``counts``)."""

    what: str
    sql: str
    counts: bool = True
    values: tuple[object, ...] = ()
    before: tuple[str, ...] = ()
    refusals: frozenset[str] = _DENIED


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Names that should not be there. ``known`` says which are taken off."""

    what: str
    sql: str
    known: str = ""


def _refused(what: str, sql: str) -> Attempt:
    return Attempt(what, sql, counts=False)


def on_the_server(roles: Roles) -> Iterator[Attempt]:
    """Attempts that are about no table."""
    owner, me = quoted(roles.owner), quoted(roles.application)
    yield _refused("read the key", "SELECT inside FROM ringfence_identity.keys")
    yield _refused("write a key", "INSERT INTO ringfence_identity.keys VALUES ('', '')")
    yield _refused("become the owner", f"SET ROLE {owner}")
    yield _refused("become the owner for good", f"SET SESSION AUTHORIZATION {owner}")
    yield _refused("pass by row-level security", f"ALTER ROLE {me} BYPASSRLS")
    yield _refused("make a role", "CREATE ROLE ringfence_attempt")
    yield _refused("make a schema", "CREATE SCHEMA ringfence_attempt")
    yield _refused("make a temporary table", "CREATE TEMPORARY TABLE ringfence_attempt (id int)")
    yield _refused("make a table", "CREATE TABLE public.ringfence_attempt (id int)")
    yield _refused("run a program", "COPY (SELECT 1) TO PROGRAM 'true'")
    yield _refused("read a file of the server", "SELECT pg_read_file('PG_VERSION')")
    yield _refused("stop the time", "SELECT pg_sleep(0)")
    yield _refused("write a large object", "SELECT lo_create(0)")
    yield Attempt(
        "connect elsewhere",
        "SELECT dblink_connect('ringfence_attempt', '')",
        counts=False,
        refusals=_DENIED_OR_MISSING,
    )


def on_a_table(name: str) -> Iterator[Attempt]:
    """Attempts on a table of which rows are somebody's."""
    yield _refused(f"empty {name}", f"TRUNCATE {name}")
    yield _refused(
        f"switch off the policies of {name}", f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"
    )
    yield _refused(
        f"make a policy for {name}", f"CREATE POLICY ringfence_attempt ON {name} USING (true)"
    )
    trigger = f"CREATE TRIGGER ringfence_attempt AFTER INSERT ON {name}"
    function = "EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    yield _refused(f"put a trigger on {name}", f"{trigger} {function}")


def on_a_row(
    name: str, row: Mapping[str, object], *, key: Sequence[str], change: str
) -> Iterator[Attempt]:
    """Attempts on somebody's row, by a stranger.

    Args:
        name: Of the table, quoted.
        row: All columns and their values.
        key: The columns of its key.
        change: A column that may be changed.
    """
    where = " AND ".join(f"{quoted(column)} = {{}}" for column in key)
    named = tuple(row[column] for column in key)
    changed = f"UPDATE {name} SET {quoted(change)} = {quoted(change)} WHERE {where}"  # noqa: S608  # quoted
    yield Attempt(f"change a row of {name} as a stranger", changed, values=named)
    deleted = f"DELETE FROM {name} WHERE {where}"  # noqa: S608  # quoted
    yield Attempt(f"delete a row of {name} as a stranger", deleted, values=named)
    columns, marks = ", ".join(map(quoted, row)), ", ".join("{}" for _ in row)
    added = f"INSERT INTO {name} ({columns}) VALUES ({marks})"  # noqa: S608  # quoted
    yield Attempt(f"add a row to {name} in another's name", added, values=(*row.values(),))


#: What can only be looked up.
LOOKED_UP: Final = (
    LookedUp(
        "tables and views that no declaration covers, and that the application can use",
        "SELECT nspname || '.' || relname FROM pg_class"  # names from pg_class, quoted
        " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE nspname IN ({schemas}) AND relkind IN ('r', 'p', 'v', 'm', 'f')"
        " AND (has_any_column_privilege(pg_class.oid, 'SELECT, INSERT, UPDATE')"
        " OR has_table_privilege(pg_class.oid, 'DELETE, TRUNCATE'))",
        known="tables",
    ),
    LookedUp(
        "tables with policies that are not forced",
        "SELECT pg_class.oid::regclass FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid"
        " WHERE polname = 'ringfence_select' AND NOT (relrowsecurity AND relforcerowsecurity)",
    ),
    LookedUp(
        "policies that somebody else has made for these tables",
        "SELECT format('%s on %s', polname, polrelid::regclass) FROM pg_policy"
        " WHERE polpermissive AND polname NOT LIKE 'ringfence\\_%'"
        " AND polrelid IN (SELECT polrelid FROM pg_policy WHERE polname = 'ringfence_select')",
    ),
    LookedUp(
        "timeouts that are off",
        "SELECT name FROM pg_settings WHERE setting = '0' AND name IN"
        " ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')",
    ),
)
