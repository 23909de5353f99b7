"""Which column of a file or table says what of a person, and what its values mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from ringfence.authn.accounts import Account
from ringfence.authn.imported.formats import recognise
from ringfence.authn.imported.refusal import Reason, Unusable
from ringfence.authn.login import normalise
from ringfence.authn.opaque import Random, new_id
from ringfence.cli.users.access import checked
from ringfence.core.errors import ConfigurationError, Refused

#: One row of a file or table, by the names of its columns.
Row: TypeAlias = Mapping[str, object]

#: What a column can say of a person.
FIELDS: Final = (
    "id",
    "login",
    "name",
    "hash",
    "roles",
    "disabled",
    "active",
    "verified",
    "created_at",
)

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME_LENGTH: Final = 100
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", ""})
_SECONDS: Final = re.compile(r"[0-9]{1,11}")
_MILLISECONDS: Final = re.compile(r"[0-9]{12,14}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a program keeps people.

    Attributes:
        columns: By field, which column holds it.
        table: Its table, unless another one is named.
        hashes: Where the hashes are in a table of their own: that table, the column that names the
            person, and the column and value that a row with a password has.
    """

    columns: Mapping[str, str]
    table: str = ""
    hashes: tuple[str, str, str, str] | None = None


#: Our own: what ``export`` writes, and what a file has whose columns are not named otherwise.
OWN: Final = Layout(columns=MappingProxyType({name: name for name in FIELDS}))

LAYOUTS: Final = MappingProxyType(
    {
        "ringfence": OWN,
        "django": Layout(
            columns=MappingProxyType(
                {
                    "id": "id",
                    "login": "email",
                    "hash": "password",
                    "active": "is_active",
                    "created_at": "date_joined",
                }
            ),
            table="auth_user",
        ),
        "fastapi-users": Layout(
            columns=MappingProxyType(
                {
                    "id": "id",
                    "login": "email",
                    "hash": "hashed_password",
                    "active": "is_active",
                    "verified": "is_verified",
                }
            ),
            table="user",
        ),
        "better-auth": Layout(
            columns=MappingProxyType(
                {
                    "id": "id",
                    "login": "email",
                    "name": "name",
                    "verified": "emailVerified",
                    "created_at": "createdAt",
                    "hash": "password",
                }
            ),
            table="user",
            hashes=("account", "userId", "providerId", "credential"),
        ),
        "firebase": Layout(
            columns=MappingProxyType(
                {
                    "id": "localId",
                    "login": "email",
                    "name": "displayName",
                    "verified": "emailVerified",
                    "disabled": "disabled",
                    "created_at": "createdAt",
                    "hash": "hash",
                }
            )
        ),
    }
)


def chosen(layout: Layout, given: str | None) -> Mapping[str, str]:
    """The columns of ``layout``, those in ``given`` (``login=email,hash=pw``) in their place.

    Raises:
        ConfigurationError: That is no such text, or names no login.
    """
    if given is None:
        return layout.columns
    pairs = [pair.partition("=") for pair in given.split(",")]
    columns = {name.strip(): column.strip() for name, _, column in pairs}
    unknown = sorted(set(columns) - set(FIELDS))
    if unknown or not all(columns.values()) or len(columns) != len(pairs):
        raise ConfigurationError(f"--columns: FIELD=COLUMN,…; the fields are {', '.join(FIELDS)}")
    if layout is not OWN:
        columns = {**layout.columns, **columns}
    if "login" not in columns:
        raise ConfigurationError("--columns: say which one is the login")
    return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Who a row says it is."""

    account: Account
    hash: str | None = field(repr=False)
    named: bool  # the row has an id of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads rows.

    Attributes:
        columns: By field, which column holds it.
        strict: A column that says nothing that is known refuses the row.
        hashes: Whether hashes are taken.
        now: When people are imported.
        random: For those without an id.
    """

    columns: Mapping[str, str]
    strict: bool
    hashes: bool
    now: datetime
    random: Random

    def read(self, row: Row) -> Newcomer:
        """Who ``row`` is about.

        Raises:
            Unusable: What is wrong with it.
        """
        if self.strict and (unknown := sorted(set(row) - set(self.columns.values()) - _IGNORED)):
            raise Unusable(Reason.ROW_MALFORMED, f"there is no field {unknown[0]}")
        given = {name: row.get(column) for name, column in self.columns.items()}
        if _switch(given.get("verified"), otherwise=True) is False:
            raise Unusable(Reason.LOGIN_UNPROVEN)
        disabled = _switch(given.get("disabled"), otherwise=False)
        disabled |= not _switch(given.get("active"), otherwise=True)
        created_at = min(_moment(given.get("created_at")) or self.now, self.now)
        identity = _identity(given.get("id"))
        account = Account(
            id=identity or new_id(self.random),
            login=_login(given.get("login")),
            login_verified_at=created_at,
            created_at=created_at,
            name=_name(given.get("name")),
            roles=_roles(given.get("roles")),
            disabled_at=self.now if disabled else None,
        )
        spelled = _hash(given.get("hash")) if self.hashes else None
        return Newcomer(account=account, hash=spelled, named=identity is not None)


#: What ``export`` writes beside the fields: our own verifiers are worth nothing without our keys.
_IGNORED: Final = frozenset({"verifier"})


def _login(value: object) -> str:
    if not isinstance(value, str):
        raise Unusable(Reason.LOGIN_MALFORMED)
    try:
        return normalise(value)
    except Refused as error:
        raise Unusable(Reason.LOGIN_MALFORMED) from error


def _identity(value: object) -> str | None:
    if value is None or value == "":
        return None
    text = str(value)
    if not _ID.fullmatch(text):
        raise Unusable(Reason.ID_MALFORMED)
    return text


def _name(value: object) -> str:
    name = "" if value is None else str(value)
    if len(name) > _NAME_LENGTH or not name.isprintable():
        raise Unusable(Reason.NAME_MALFORMED)
    return name


def _roles(value: object) -> frozenset[str]:
    if value is None or value == "":
        return frozenset({"user"})
    given = value.replace(",", " ").split() if isinstance(value, str) else value
    try:
        return checked(msgspec.convert(given, list[str]))
    except (ConfigurationError, msgspec.ValidationError) as error:
        raise Unusable(Reason.ROLES_MALFORMED) from error


def _switch(value: object, *, otherwise: bool) -> bool:
    """A truth value as databases and files spell it; the text "false" is false (Ledger 5)."""
    if value is None:
        return otherwise
    spelled = str(value).strip().lower()
    if spelled in _TRUE:
        return True
    if spelled in _FALSE:
        return False
    raise Unusable(Reason.ROW_MALFORMED, "neither true nor false")


def _moment(value: object) -> datetime | None:
    """A time of a database, in ISO 8601 (without a zone: UTC), or in seconds or ms since 1970."""
    if value is None or value == "":
        return None
    try:
        at = value if isinstance(value, datetime) else _written(str(value))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unusable(Reason.TIME_MALFORMED) from error
    return at


def _written(text: str) -> datetime:
    if _SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    if _MILLISECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    return datetime.fromisoformat(text)


def _hash(value: object) -> str | None:
    """The hash, if it is one that can be verified; None: the row says that there is no password.

    Django writes "!" before what nobody can sign in with.
    """
    if value is None or value == "" or (isinstance(value, str) and value.startswith("!")):
        return None
    if not isinstance(value, str):
        raise Unusable(Reason.HASH_MALFORMED)
    recognise(value)
    return value
