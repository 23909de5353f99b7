"""The SQL that makes PostgreSQL the second line: roles, grants, policies. Pure and deterministic.

It is what ``ringfence database render`` prints. It may run again and again, and leaves what it made
last. No secret is in it: the key is put in by ``apply``.

- The owner makes the tables and migrates. It sees every row, by a policy that names it.
- The application's role reads and writes rows, by column, and nothing else: it owns nothing, makes
  nothing, truncates nothing. To whom a row belongs it can't change.
- A third role has the policies for everybody's rows. The application may take it on, and it opens
  nothing without a signature that says so (``identity``).

Row-level security is forced: it holds for an owner, too, that no policy names.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import Table
from sqlalchemy.inspection import inspect

from ringfence.core.errors import ConfigurationError
from ringfence.core.ownership import Common
from ringfence.core.policy import Relation
from ringfence.storage.application.ownership import Declarations, Rows
from ringfence.storage.application.postgres import functions
from ringfence.storage.application.postgres.conditions import Conditions, literal, quoted
from ringfence.storage.application.postgres.identity import everybody_role

#: What bounds a statement of the application's: it can't hold a lock or a connection for ever.
TIMEOUTS: Final[Mapping[str, str]] = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
}

#: What no application needs of PostgreSQL, and an injected statement does: to stop time, to write
#: files in the database, to connect elsewhere. Only a superuser can take it from everybody.
REFUSED_FUNCTIONS: Final = (
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
    "lo_create",
    "lo_creat",
    "lo_from_bytea",
    "lo_get",
    "lo_import",
    "lo_export",
    "lo_open",
    "lo_put",
    "lo_unlink",
    "dblink",
    "dblink_connect",
    "dblink_exec",
    "dblink_send_query",
)

#: The owner of the tables, and everybody's rows.
_OWNER_POLICY: Final = "ringfence_owner"
_EVERYBODY_POLICY: Final = "ringfence_everybody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who makes the tables, and as whom the application connects.

    Raises:
        ConfigurationError: They are one.
    """

    owner: str
    application: str

    def __post_init__(self) -> None:
        if self.owner == self.application or not self.owner or not self.application:
            raise ConfigurationError("database: the owner and the application are two roles")

    @property
    def everybody(self) -> str:
        """Under which everybody's rows are read."""
        return everybody_role(self.application)


def for_administrators(roles: Roles) -> Iterator[str]:
    """What needs more rights than the owner's, and is done only if it is not done yet."""
    owner, app, everybody = roles.owner, roles.application, roles.everybody
    for role, can in ((owner, "LOGIN"), (app, "LOGIN"), (everybody, "NOLOGIN")):
        yield _unless(
            f"EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(role)})",
            f"CREATE ROLE {quoted(role)} {can} NOINHERIT",
        )
    yield _unless(
        f"EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(app)} AND NOT (rolsuper OR "
        "rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolinherit))",
        f"ALTER ROLE {quoted(app)} NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB"
        " NOREPLICATION NOINHERIT",
    )
    yield _unless(
        f"pg_has_role({literal(app)}, {literal(everybody)}, 'MEMBER')",
        f"GRANT {quoted(everybody)} TO {quoted(app)}",
    )
    for setting, value in TIMEOUTS.items():
        yield _unless(
            "EXISTS (SELECT FROM pg_db_role_setting JOIN pg_roles ON pg_roles.oid = setrole"
            f" WHERE rolname = {literal(app)} AND {literal(f'{setting}={value}')}"
            " = ANY (setconfig))",
            f"ALTER ROLE {quoted(app)} SET {setting} = {literal(value)}",
        )
    yield functions.refused(", ".join(map(literal, REFUSED_FUNCTIONS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What ``render`` makes of the declarations of one database."""

    roles: Roles
    schema: str
    tables: Mapping[Table, Rows]
    common: Mapping[Table, Common]

    @classmethod
    def of(
        cls,
        declarations: Declarations,
        common: Iterable[Common],
        *,
        roles: Roles,
        schema: str = "public",
    ) -> "Script":
        """The script for what is declared.

        Raises:
            ConfigurationError: A class is declared both ways.
        """
        open_to_all = {_table(each.kind): each for each in common}
        if both := sorted(table.name for table in open_to_all.keys() & declarations.tables.keys()):
            raise ConfigurationError(f"Common: declared as somebody's, too: {', '.join(both)}")
        return cls(roles=roles, schema=schema, tables=declarations.tables, common=open_to_all)

    def name(self, table: Table) -> str:
        """The name of a table with its schema, as PostgreSQL reads it."""
        return quoted(table.schema or self.schema, table.name)

    def fixed(self, table: Table) -> set[str]:
        """The columns that say whose a row is: nobody gives one away, or takes it."""
        resource = self.tables[table].resource if table in self.tables else None
        if resource is None:
            return set()
        said = (each.key for each in (resource.owner, resource.tenant) if each is not None)
        return {self.tables[table].mapper.columns[key].name for key in said}

    @property
    def schemas(self) -> list[str]:
        """In which the tables are."""
        return sorted({table.schema or self.schema for table in (*self.tables, *self.common)})

    def for_the_owner(self) -> Iterator[str]:
        """Grants and policies."""
        app, everybody = quoted(self.roles.application), quoted(self.roles.everybody)
        yield functions.CLEARED
        yield from functions.MADE
        yield f"GRANT USAGE ON SCHEMA ringfence_rows TO {app}, {everybody}"
        for name in ("challenge", "subject", "everybody"):
            yield f"GRANT EXECUTE ON FUNCTION ringfence_rows.{name}() TO {app}, {everybody}"
        yield from self._surroundings()
        conditions = Conditions(self.schema)
        ordered = sorted((*self.tables, *self.common), key=self.name)
        policies = [
            line
            for table in ordered
            if table in self.tables
            for line in self._rows(table, conditions)
        ]
        for function, made in sorted(conditions.functions.items()):
            yield made
            yield f"REVOKE ALL ON FUNCTION {function}() FROM PUBLIC"
            yield f"GRANT EXECUTE ON FUNCTION {function}() TO {app}"
        for table in ordered:
            yield from self._grants(table)
        yield from policies

    def _surroundings(self) -> Iterator[str]:
        app, everybody = quoted(self.roles.application), quoted(self.roles.everybody)
        yield _if_allowed(
            "format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database())"
        )
        for schema in self.schemas:
            yield _if_allowed(literal(f"REVOKE CREATE ON SCHEMA {quoted(schema)} FROM PUBLIC"))
            yield f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {app}, {everybody}"
            yield f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA {quoted(schema)} FROM {app}, {everybody}"
            yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {quoted(schema)} TO {app}, {everybody}"

    def _grants(self, table: Table) -> Iterator[str]:
        name = self.name(table)
        roles = f"{quoted(self.roles.application)}, {quoted(self.roles.everybody)}"
        yield f"REVOKE ALL ON {name} FROM PUBLIC, {roles}"
        columns = [column.name for column in table.columns]
        yield f"GRANT SELECT ({_listed(columns)}) ON {name} TO {roles}"
        if table in self.common and not self.common[table].write:
            return
        yield f"GRANT INSERT ({_listed(columns)}) ON {name} TO {roles}"
        fixed = self.fixed(table)
        if changing := [column for column in columns if column not in fixed]:
            app = quoted(self.roles.application)
            yield f"GRANT UPDATE ({_listed(changing)}) ON {name} TO {app}"
        yield f"GRANT UPDATE ({_listed(columns)}) ON {name} TO {quoted(self.roles.everybody)}"
        yield f"GRANT DELETE ON {name} TO {roles}"

    def _rows(self, table: Table, conditions: Conditions) -> Iterator[str]:
        name, rows = self.name(table), self.tables[table]
        app = quoted(self.roles.application)
        viewer = conditions.of(rows, Relation.VIEWER)
        editor = conditions.of(rows, Relation.EDITOR)
        # Who makes a row is its owner, where rows have one of their own.
        owned = rows.resource is not None and rows.resource.owner is not None
        maker = conditions.of(rows, Relation.OWNER) if owned else editor
        yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
        everybody = "((SELECT ringfence_rows.everybody()))"
        for policy, to, clauses in (
            (_OWNER_POLICY, quoted(self.roles.owner), "USING (true) WITH CHECK (true)"),
            (
                _EVERYBODY_POLICY,
                quoted(self.roles.everybody),
                f"USING {everybody} WITH CHECK {everybody}",
            ),
        ):
            yield f"CREATE POLICY {policy} ON {name} TO {to} {clauses}"
        for command, clauses in (
            ("SELECT", f"USING ({viewer})"),
            ("INSERT", f"WITH CHECK ({maker})"),
            ("UPDATE", f"USING ({editor}) WITH CHECK ({editor})"),
            ("DELETE", f"USING ({editor})"),
        ):
            policy = f"ringfence_{command.lower()}"
            yield f"CREATE POLICY {policy} ON {name} FOR {command} TO {app} {clauses}"


def text(statements: Iterable[str]) -> str:
    """Statements as one script."""
    return "".join(f"{statement};\n" for statement in statements)


def _table(kind: type) -> Table:
    table: Any = getattr(inspect(kind, raiseerr=False), "local_table", None)
    if not isinstance(table, Table):
        raise ConfigurationError(f"Common({kind.__name__}): SQLAlchemy maps it to no table")
    return cast("Table", table)


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(quoted(column) for column in columns)


def _unless(condition: str, statement: str) -> str:
    """A statement that is left out where its outcome is there already."""
    return _block(f"BEGIN IF NOT {condition} THEN {statement}; END IF; END")


def _if_allowed(statement: str) -> str:
    """A statement (as an expression of SQL) that is left out where the owner may not do it."""
    return _block(
        f"BEGIN EXECUTE {statement}; EXCEPTION WHEN insufficient_privilege THEN NULL; END"
    )


def _block(body: str) -> str:
    """A DO block. Raises ConfigurationError where a name would end its quotation."""
    if "$ringfence$" in body:
        raise ConfigurationError("database: a name holds $ringfence$")
    return f"DO $ringfence$\n{body}\n$ringfence$"
