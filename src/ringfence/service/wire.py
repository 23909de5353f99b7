"""The messages of the auth service, exactly as API.md names them. Unknown fields are refused."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ringfence.authn.sessions import Place
from ringfence.authn.signin import Credentials
from ringfence.core.errors import Refused
from ringfence.core.secret import MASK

MessageT = TypeVar("MessageT", bound=Struct)

_CLIENT_KEY_BYTES: Final = 32

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR: Final = re.compile("([0-9]{1,16}) ([0-9a-f]{32})")


class Secretive(Struct, frozen=True):
    """A message that holds a secret: formatted by accident, it gives nothing away."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"


class Login(Struct, frozen=True, forbid_unknown_fields=True):
    """Of prelogin and of a forgotten password."""

    login: str


class SignUp(Struct, frozen=True, forbid_unknown_fields=True):
    """Of a sign-up. There is no password yet (DESIGN section 6)."""

    login: str
    name: Annotated[str, Meta(max_length=100)] = ""


class NewPassword(Secretive, frozen=True, forbid_unknown_fields=True):
    """Of whoever opens a mailed link."""

    token: str
    password: str


class SignIn(Secretive, frozen=True, forbid_unknown_fields=True):
    """Of a sign-in, with exactly one of the two proofs; ``next_key`` stands beside a key."""

    login: str
    password: str | UnsetType = UNSET
    client_key: str | UnsetType = UNSET
    next_key: str | UnsetType = UNSET


class PasswordChange(Secretive, frozen=True, forbid_unknown_fields=True):
    """Of a password change: the new one in full, and the current one or its key."""

    new: str
    current: str | UnsetType = UNSET
    current_key: str | UnsetType = UNSET
    next_key: str | UnsetType = UNSET


class Kdf(Struct, frozen=True):
    """The client's step."""

    m: int
    t: int
    p: int
    alg: str = "argon2id"
    len: int = 32


class Derivation(Struct, frozen=True):
    """What a client needs to derive one key."""

    kdf: Kdf
    salt: str


class Prelogin(Derivation, frozen=True):
    """The same shape for every login; with ``next`` while the cost is raised."""

    next: Derivation | UnsetType = UNSET


class PasswordRules(Struct, frozen=True):
    """What a page can tell before it sends a password: code points at least, bytes at most."""

    min_length: int
    max_bytes: int


class Config(Struct, frozen=True):
    """What a client may know before anybody signs in."""

    methods: tuple[str, ...]
    sign_up: bool
    kdf: Kdf
    password: PasswordRules
    password_retry: bool = False  # passwords from elsewhere are being imported


class Tokens(Secretive, frozen=True):
    """Of a successful sign-in, refresh or password change; the refresh token is in the cookie."""

    access_token: str
    expires_in: int
    aal: int
    token_type: str = "Bearer"  # noqa: S105  # the name of a kind
    mfa_due: str | UnsetType = UNSET  # when a second factor is asked for, where there is none yet


class Me(Struct, frozen=True):
    """Who is signed in. ``auth_time`` is in seconds since the epoch, as the claim."""

    sub: str
    login: str
    name: str
    roles: tuple[str, ...]
    aal: int
    amr: tuple[str, ...]
    auth_time: int


class Device(Struct, frozen=True):
    """One session, as its owner sees it. ``client`` is a name made of the user agent."""

    id: str
    current: bool
    signed_in_at: str
    last_used_at: str
    client: str
    address: str


class Devices(Struct, frozen=True):
    """A list, as all lists."""

    items: tuple[Device, ...]
    next: str | None = None


class Health(Struct, frozen=True):
    """The service is up."""

    status: str = "ok"
    degraded: tuple[str, ...] | UnsetType = UNSET  # for those who may know


def decode(body: bytes, kind: type[MessageT]) -> MessageT:
    """Read a message.

    Raises:
        Refused: ``body.malformed``: no JSON; ``body.invalid``: other fields than these.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Refused("body.invalid", facts={"reason": str(error)}) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("body.malformed") from error


def credentials(
    login: str,
    password: str | UnsetType,
    client_key_: str | UnsetType,
    next_key: str | UnsetType,
) -> Credentials:
    """What proves who ``login`` is: a password, or a key, and beside a key the one that comes next.

    Raises:
        Refused: ``body.invalid``: both, none, or keys that are none.
    """
    if (password is UNSET) == (client_key_ is UNSET) or (client_key_ is UNSET and next_key):
        raise Refused("body.invalid")
    return Credentials(
        login=login,
        password=None if password is UNSET else password,
        client_key=None if client_key_ is UNSET else client_key(client_key_),
        next_key=None if next_key is UNSET else client_key(next_key),
    )


def client_key(text: str) -> bytes:
    """The 32 bytes of a client key.

    Raises:
        Refused: ``body.invalid``: not base64url of 32 bytes, without padding, in its one spelling.
    """
    try:
        key = urlsafe_b64decode(text.encode("ascii") + b"=")
    except ValueError as error:
        raise Refused("body.invalid") from error
    if len(key) != _CLIENT_KEY_BYTES or base64url(key) != text:
        raise Refused("body.invalid")
    return key


def cursor(place: Place) -> str:
    """A place in a list, for the client to show again. It says nothing that the list does not."""
    at = int((place.last_used_at - _EPOCH) / timedelta(microseconds=1))
    return base64url(f"{at} {place.id}".encode())


def place(text: str) -> Place:
    """The place that ``cursor`` made ``text`` of.

    Raises:
        Refused: ``query.invalid``.
    """
    try:
        decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError as error:
        raise Refused("query.invalid") from error
    found = _CURSOR.fullmatch(decoded)
    if found is None or base64url(decoded.encode()) != text:
        raise Refused("query.invalid")
    return Place(_EPOCH + timedelta(microseconds=int(found[1])), found[2])


def base64url(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
