"""Access tokens: ES256 JWTs of 15 minutes, of our own making and for ourselves alone.

A token carries an opaque subject, its session, roles and versions, and no personal data. The
profile is RFC 9068's in type, checks and claims, but for ``client_id`` and ``jti``: nobody but the
service's own clients gets one, and nothing is spent by showing it.

``examine`` is the list of checks, in order, each beside the step that asks for it. A header or a
claim set is accepted only in the very bytes that this module writes: that shuts out duplicate
members, other encodings, floats, escapes and whatever else two parsers may read in two ways. So
does the exact set of members: there is no place for ``crit``, ``jwk``, ``jku`` or ``x5u``.

Sources: RFC 7515, RFC 7519, RFC 8725, RFC 9068; ASVS 5.0 chapter 9; Ledger 14, 15; ATTACKS U08 to
U10; MUSTS J01 to J08.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from msgspec import Meta, Struct

from ringfence.authn.accounts import Account
from ringfence.authn.keys import Keys
from ringfence.core.errors import Refused
from ringfence.core.principal import Principal
from ringfence.core.settings import Settings

LIFETIME: Final = timedelta(minutes=15)
TYPE: Final = "at+jwt"
ALGORITHM: Final = "ES256"

#: How far the clocks of two hosts may differ. Expiry has no leeway.
CLOCKS_DIFFER_BY: Final = timedelta(seconds=5)

LONGEST: Final = 4096  # characters

#: What a verified token takes beside its characters (measured: 850 bytes with two roles).
_REMEMBERED_BYTES: Final = 900

StructT = TypeVar("StructT", bound=Struct)

_Text = Annotated[str, Meta(min_length=1)]
_Version = Annotated[int, Meta(ge=0)]
_Seconds = Annotated[int, Meta(ge=0, lt=2**35)]  # until the year 3058


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    typ: str
    kid: str


class _Claims(Struct, frozen=True, forbid_unknown_fields=True):
    """The claims, in the order in which they are written."""

    iss: _Text
    aud: _Text
    sub: _Text
    sid: _Text
    iat: _Seconds
    exp: _Seconds
    auth_time: _Seconds
    aal: Annotated[int, Meta(ge=1, le=3)]
    amr: tuple[str, ...]
    roles: tuple[str, ...]
    tv: _Version
    rv: _Version


class AccessTokens:
    """Issues and verifies access tokens, and remembers those verified until they expire."""

    def __init__(
        self,
        keys: Keys,
        settings: Settings,
        *,
        met_unknown: Callable[[], None] = lambda: None,
    ) -> None:
        self._issuer: Final = settings.origin
        self._met_unknown: Final = met_unknown  # called where a key's name is not known; may `use`
        self._verified: Final = OrderedDict[str, Principal]()  # the one verified first comes first
        self._verified_bytes = 0
        self._most_bytes: Final = settings.token_cache_bytes
        self._known: dict[str, ECKey] = {}
        self.use(keys)

    def use(self, keys: Keys) -> None:
        """Take these keys from now on. What a key that is gone has signed is forgotten."""
        known = {key.kid: key.key for key in keys.signing}
        if self._known.keys() - known.keys():
            self.forget()
        self._keys, self._known = keys, known

    def issue(
        self,
        account: Account,
        session_id: str,
        now: datetime,
        *,
        aal: int,
        amr: tuple[str, ...],
        authenticated_at: datetime,
    ) -> str:
        """A token for ``account``, good for ``LIFETIME``."""
        signer = self._keys.signer(now)
        seconds = int(now.timestamp())
        claims = _Claims(
            iss=self._issuer,
            aud=self._issuer,
            sub=account.id,
            sid=session_id,
            iat=seconds,
            exp=seconds + int(LIFETIME.total_seconds()),
            auth_time=int(authenticated_at.timestamp()),
            aal=aal,
            amr=amr,
            roles=tuple(sorted(account.roles)),
            tv=account.token_version,
            rv=account.role_version,
        )
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": signer.kid}
        payload = msgspec.json.encode(claims)
        return jws.serialize_compact(header, payload, signer.key, [ALGORITHM])

    def known(self, token: str, now: datetime) -> Principal | None:
        """Who is asking, if ``token`` was examined and remembered, and has not expired."""
        known = self._verified.get(token)
        return known if known is not None and now < known.expires_at else None

    def remember(self, token: str, principal: Principal, now: datetime) -> None:
        """Spare the next request of ``token`` the examination.

        What has expired goes, and what there is no room for: in the order in which they came.
        """
        if token in self._verified:  # of two requests at once
            return
        self._verified[token] = principal
        self._verified_bytes += len(token) + _REMEMBERED_BYTES
        while self._verified and (
            self._verified_bytes > self._most_bytes or self._oldest().expires_at <= now
        ):
            gone, _ = self._verified.popitem(last=False)
            self._verified_bytes -= len(gone) + _REMEMBERED_BYTES

    def forget(self) -> None:
        """Remember no token."""
        self._verified.clear()
        self._verified_bytes = 0

    def _oldest(self) -> Principal:
        return self._verified[next(iter(self._verified))]

    def jwks(self) -> dict[str, object]:
        """The public keys (RFC 7517), those included that do not sign yet."""
        return {
            "keys": [
                key.key.as_dict(private=False, kid=key.kid, use="sig", alg=ALGORITHM)
                for key in self._keys.signing
            ]
        }

    def examine(self, token: str, now: datetime) -> Principal:
        """Who ``token`` says is asking: every check, in order. Whether it was revoked is not asked.

        Raises:
            Refused: ``token.malformed``, ``token.invalid`` (the event says by which check),
                ``token.expired``.
        """
        # RFC 7515 5.2 steps 1 to 4: three parts, base64url without padding, JSON in UTF-8
        parts = token.split(".")
        if len(token) > LONGEST or len(parts) != 3:  # noqa: PLR2004  # RFC 7515 7.1
            raise Refused("token.malformed")
        header_bytes, claims_bytes, signature = map(_decode, parts)
        # RFC 7515 4 and 4.1.11, RFC 8725 3.10: no member but ours, none twice
        header = _parse(header_bytes, _Header, "header")
        # RFC 9068 4 step 1, RFC 8725 3.11: a token of another kind is none
        _require(header.typ == TYPE, "typ")
        # RFC 9068 4 step 5, RFC 8725 3.1: the algorithm is ours to choose, "none" is not one
        _require(header.alg == ALGORITHM, "alg")
        # RFC 8725 3.10: the key id is looked up among our own keys, and is nothing else
        key = self._known.get(header.kid)
        if key is None:
            self._met_unknown()
            key = self._known.get(header.kid)
        if key is None:
            raise _invalid("kid")
        # RFC 7515 5.2 step 8, RFC 7518 3.4: R and S, 32 bytes each
        _require(len(signature) == 64, "signature")  # noqa: PLR2004  # RFC 7518 3.4
        try:
            jws.deserialize_compact(token, key, [ALGORITHM])
        except (JoseError, ValueError) as error:
            raise _invalid("signature") from error
        # RFC 7519 7.2, RFC 8725 3.7: the types of all claims
        claims = _parse(claims_bytes, _Claims, "claims")
        # RFC 9068 4 steps 3 and 4, RFC 8725 3.8 and 3.9
        _require(claims.iss == self._issuer, "iss")
        _require(claims.aud == self._issuer, "aud")
        # RFC 9068 4 step 6; RFC 7519 4.1.4 and 4.1.6
        principal = _principal(claims)
        if now >= principal.expires_at:
            raise Refused("token.expired")
        issued_at = datetime.fromtimestamp(claims.iat, UTC)
        _require(issued_at <= now + CLOCKS_DIFFER_BY, "iat")
        _require(principal.expires_at <= issued_at + LIFETIME, "exp")
        _require(principal.authenticated_at <= issued_at + CLOCKS_DIFFER_BY, "auth_time")
        return principal


def _decode(part: str) -> bytes:
    """Base64url, strictly: no padding, no other alphabet, no spare bits (RFC 7515 2)."""
    try:
        decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise Refused("token.malformed") from error
    if urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise Refused("token.malformed")
    return decoded


def _parse(encoded: bytes, kind: type[StructT], check: str) -> StructT:
    """JSON, accepted only in the bytes that we write."""
    try:
        parsed = msgspec.json.decode(encoded, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(check) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("token.malformed") from error
    _require(msgspec.json.encode(parsed) == encoded, check)
    return parsed


def _principal(claims: _Claims) -> Principal:
    return Principal(
        subject=claims.sub,
        session=claims.sid,
        roles=frozenset(claims.roles),
        aal=claims.aal,
        amr=claims.amr,
        authenticated_at=datetime.fromtimestamp(claims.auth_time, UTC),
        expires_at=datetime.fromtimestamp(claims.exp, UTC),
        token_version=claims.tv,
        role_version=claims.rv,
    )


def _require(holds: bool, check: str) -> None:  # noqa: FBT001  # reads like an assertion
    if not holds:
        raise _invalid(check)


def _invalid(check: str) -> Refused:
    return Refused("token.invalid", facts={"check": check})
