"""Passkeys: what a browser is asked for, and the judgement of what its authenticator answers.

The library does the steps of WebAuthn that need a parser or a signature. Ours are the challenge,
which is single-use, random and bound to the browser that asked; that the ceremony ran in no frame
of another origin; the user handle; the length of ids; and that a credential's eligibility for
backup never changes. Whatever the library raises is one refusal: it parses what strangers send.

Sources: WebAuthn Level 3 sections 7.1, 7.2 and 13.4.3; NIST SP 800-63B-4 section 3.1.6; Ledger 31;
ATTACKS U14; MUSTS W01 to W06.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from ringfence.authn.factors import Passkey
from ringfence.core.errors import Refused

CHALLENGE_BYTES: Final = 32
TIMEOUT_MILLISECONDS: Final = 300_000
LONGEST_ID_BYTES: Final = 1023

#: ES256, EdDSA and RS256, as COSE names them.
ALGORITHMS: Final = (-7, -8, -257)

#: Kinds of transport that are kept, to tell the browser where to look.
_TRANSPORTS: Final = frozenset({"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"})


@dataclass(frozen=True, slots=True)
class Site:
    """Where ceremonies run."""

    origin: str

    @property
    def rp_id(self) -> str:
        """The relying party's id: the host."""
        return urlsplit(self.origin).hostname or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """A credential that an authenticator has made."""

    id: bytes
    public_key: bytes
    sign_count: int
    eligible: bool
    backed_up: bool
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """What a signature says."""

    sign_count: int
    backed_up: bool
    user_verified: bool


def creation_options(
    site: Site, challenge: bytes, user: tuple[str, str], known: Sequence[Passkey]
) -> dict[str, object]:
    """For ``navigator.credentials.create``; ``user`` is the account's id and its login."""
    identity, login = user
    return {
        "challenge": encoded(challenge),
        "rp": {"id": site.rp_id, "name": site.rp_id},
        "user": {"id": encoded(identity.encode()), "name": login, "displayName": login},
        "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in ALGORITHMS],
        "timeout": TIMEOUT_MILLISECONDS,
        "excludeCredentials": [_descriptor(each) for each in known],
        "authenticatorSelection": {"residentKey": "preferred", "userVerification": "preferred"},
        "attestation": "none",
    }


def request_options(
    site: Site, challenge: bytes, known: Sequence[Passkey] | None
) -> dict[str, object]:
    """For ``navigator.credentials.get``; without ``known``: any that verifies its user."""
    return {
        "challenge": encoded(challenge),
        "rpId": site.rp_id,
        "timeout": TIMEOUT_MILLISECONDS,
        "userVerification": "required" if known is None else "preferred",
        "allowCredentials": [_descriptor(each) for each in known or ()],
    }


def challenge_of(credential: Mapping[str, Any]) -> bytes:
    """The challenge that an answer says it answers; to be looked up, and compared by the library.

    Raises:
        Refused: ``factor.invalid``.
    """
    client_data = _client_data(credential)
    challenge = decoded(client_data.get("challenge"))
    if len(challenge) != CHALLENGE_BYTES:
        raise _invalid("challenge")
    return challenge


def credential_id(credential: Mapping[str, Any]) -> bytes:
    """Which credential answers. Raises as ``challenge_of``."""
    found = decoded(credential.get("rawId"))
    if not 0 < len(found) <= LONGEST_ID_BYTES:
        raise _invalid("id")
    return found


def attested(credential: Mapping[str, Any], challenge: bytes, site: Site) -> Attested:
    """Judge a registration (WebAuthn 7.1).

    Raises:
        Refused: ``factor.invalid``; the event says by which check.
    """
    from webauthn import verify_registration_response  # noqa: PLC0415  # 180 ms, for those who use it
    from webauthn.helpers.cose import COSEAlgorithmIdentifier  # noqa: PLC0415  # as above
    from webauthn.helpers.structs import CredentialDeviceType  # noqa: PLC0415  # as above

    _same_origin(credential)
    try:
        found = verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(each) for each in ALGORITHMS],
        )
    except Exception as error:
        raise _invalid(type(error).__name__) from error
    if found.credential_id != credential_id(credential):
        raise _invalid("id")
    return Attested(
        id=found.credential_id,
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        eligible=found.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
        backed_up=found.credential_backed_up,
        transports=_transports(credential),
    )


def asserted(
    credential: Mapping[str, Any],
    challenge: bytes,
    site: Site,
    passkey: Passkey,
    *,
    verified: bool,
) -> Asserted:
    """Judge an assertion by ``passkey`` (WebAuthn 7.2). ``verified``: the user must have been.

    Raises:
        Refused: ``factor.invalid``; the event says by which check.
    """
    from webauthn import verify_authentication_response  # noqa: PLC0415  # 180 ms
    from webauthn.helpers.structs import CredentialDeviceType  # noqa: PLC0415  # as above

    _same_origin(credential)
    handle = _response(credential).get("userHandle")
    if handle is not None and decoded(handle) != passkey.account.encode():
        raise _invalid("userHandle")
    if verified and handle is None:
        raise _invalid("userHandle")
    try:
        found = verify_authentication_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=verified,
        )
    except Exception as error:
        raise _invalid(type(error).__name__) from error
    if found.credential_id != passkey.id:
        raise _invalid("id")
    if (found.credential_device_type == CredentialDeviceType.MULTI_DEVICE) != passkey.eligible:
        raise _invalid("backup")
    return Asserted(
        sign_count=found.new_sign_count,
        backed_up=found.credential_backed_up,
        user_verified=found.user_verified,
    )


def digest(challenge: bytes) -> bytes:
    """What is stored of a challenge."""
    return sha256(challenge).digest()


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: object) -> bytes:
    """What ``encoded`` made ``text`` of. Raises Refused: ``factor.invalid``."""
    if not isinstance(text, str):
        raise _invalid("encoding")
    try:
        data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise _invalid("encoding") from error
    if encoded(data) != text:
        raise _invalid("encoding")
    return data


def _response(credential: Mapping[str, Any]) -> Mapping[str, Any]:
    found = credential.get("response")
    if not isinstance(found, dict):
        raise _invalid("response")
    return found  # pyright: ignore[reportUnknownVariableType]  # JSON


def _client_data(credential: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        found = json.loads(decoded(_response(credential).get("clientDataJSON")))
    except (ValueError, RecursionError) as error:
        raise _invalid("clientDataJSON") from error
    if not isinstance(found, dict):
        raise _invalid("clientDataJSON")
    return found  # pyright: ignore[reportUnknownVariableType]  # JSON


def _same_origin(credential: Mapping[str, Any]) -> None:
    """In a frame of another origin nobody sees for which site they sign (WebAuthn 7.1, 7.2)."""
    client_data = _client_data(credential)
    if client_data.get("crossOrigin", False) is not False or "topOrigin" in client_data:
        raise _invalid("crossOrigin")


def _transports(credential: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        named = msgspec.convert(_response(credential).get("transports"), list[str])
    except msgspec.ValidationError:
        return ()
    return tuple(sorted(_TRANSPORTS & {*named}))


def _descriptor(passkey: Passkey) -> dict[str, object]:
    return {
        "type": "public-key",
        "id": encoded(passkey.id),
        "transports": list(passkey.transports),
    }


def _invalid(check: str) -> Refused:
    return Refused("factor.invalid", facts={"check": check})
