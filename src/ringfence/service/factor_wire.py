"""The messages about second factors, as API.md names them. Unknown fields are refused."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ringfence.authn.second_factor import Shown
from ringfence.core.errors import Refused
from ringfence.service.wire import Secretive, Tokens


class Ticket(Secretive, frozen=True, forbid_unknown_fields=True):
    """Of whoever has shown a password, and nothing more."""

    ticket: str


class SecondStep(Secretive, frozen=True, forbid_unknown_fields=True):
    """Of the second step of a sign-in, with exactly one of the three."""

    ticket: str
    code: str | UnsetType = UNSET
    recovery_code: str | UnsetType = UNSET
    credential: dict[str, Any] | UnsetType = UNSET


class StepUp(Secretive, frozen=True, forbid_unknown_fields=True):
    """Of who shows again who they are: exactly one of the factors, or of the two proofs."""

    code: str | UnsetType = UNSET
    recovery_code: str | UnsetType = UNSET
    credential: dict[str, Any] | UnsetType = UNSET
    password: str | UnsetType = UNSET
    client_key: str | UnsetType = UNSET
    next_key: str | UnsetType = UNSET


class TotpCode(Secretive, frozen=True, forbid_unknown_fields=True):
    """Of an app that is being set up."""

    ticket: str
    code: str


class Credential(Secretive, frozen=True, forbid_unknown_fields=True):
    """What a browser's ``PublicKeyCredential`` is as JSON (``toJSON``)."""

    credential: dict[str, Any]


class NewPasskey(Secretive, frozen=True, forbid_unknown_fields=True):
    """A passkey that was made, and its owner's name for it."""

    credential: dict[str, Any]
    name: Annotated[str, Meta(min_length=1, max_length=100)]


class Name(Struct, frozen=True, forbid_unknown_fields=True):
    """A name for a passkey."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]


class Next(Secretive, frozen=True):
    """In place of a session: ``mfa`` asks for a second factor, ``enrol`` for setting one up."""

    next: Literal["mfa", "enrol"]
    ticket: str
    factors: tuple[str, ...]


class Qr(Secretive, frozen=True):
    """A QR code as a path of SVG, in a square of ``size`` units, the quiet zone included."""

    size: int
    path: str


class TotpSetup(Secretive, frozen=True):
    """What an authenticator app needs, to be scanned or typed."""

    ticket: str
    secret: str
    uri: str
    qr: Qr


class TokensAndCodes(Tokens, frozen=True):
    """As of a sign-in; with recovery codes where there were none."""

    recovery_codes: tuple[str, ...] | UnsetType = UNSET


class RecoveryCodes(Secretive, frozen=True):
    """To be kept by their owner; they are shown once."""

    recovery_codes: tuple[str, ...]


class Factor(Struct, frozen=True):
    """One factor, as its owner sees it; ``left`` of recovery codes."""

    id: str
    kind: Literal["totp", "passkey", "recovery_codes"]
    name: str | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    last_used_at: str | UnsetType | None = UNSET
    left: int | UnsetType = UNSET


class PasskeyAdded(Factor, frozen=True):
    """With recovery codes where there were none."""

    recovery_codes: tuple[str, ...] | UnsetType = UNSET


class Factors(Struct, frozen=True):
    """A list, as all lists."""

    items: tuple[Factor, ...]
    next: str | None = None


def shown(code: str | UnsetType, recovery_code: str | UnsetType) -> Shown:
    """The one factor that is shown.

    Raises:
        Refused: ``body.invalid``: none, or both.
    """
    if (code is UNSET) == (recovery_code is UNSET):
        raise Refused("body.invalid")
    return Shown(
        code=None if code is UNSET else code,
        recovery_code=None if recovery_code is UNSET else recovery_code,
    )
