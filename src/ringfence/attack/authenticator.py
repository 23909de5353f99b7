"""A software authenticator (WebAuthn Level 3 section 6), which can also do what none should.

It answers the options of a site as a browser's ``PublicKeyCredential.toJSON()`` does. ``Faults``
say what it does wrong: one for each step of a verification.
"""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

#: Flags: the user was there, was verified; it may be backed up, and is; a credential follows.
UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is done otherwise than the options ask for."""

    type: str | None = None
    challenge: str | None = None
    origin: str | None = None
    cross_origin: bool | None = None
    top_origin: str | None = None
    rp_id: str | None = None
    flags: int | None = None
    count: int | None = None
    handle: str | None = None
    no_handle: bool = False
    signed: bytes = b""  # in place of what is to be signed
    credential: str | None = None
    algorithm: int = -7


RIGHT = Faults()


@dataclass(slots=True)
class Authenticator:
    """One device with one passkey for each site."""

    origin: str = "https://shop.example"
    flags: int = UP | UV
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: str = ""
    count: int = 0

    def create(self, options: dict[str, Any], faults: Faults = RIGHT) -> dict[str, Any]:
        """Answer ``navigator.credentials.create``."""
        from webauthn.helpers import encode_cbor  # noqa: PLC0415  # 180 ms

        asked = options["publicKey"]
        self.handle = asked["user"]["id"]
        point = self.key.public_key().public_numbers()
        public = {
            1: 2,
            3: faults.algorithm,
            -1: 1,
            -2: point.x.to_bytes(32),
            -3: point.y.to_bytes(32),
        }
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + encode_cbor(public)
        data = self._data(asked["rp"]["id"], faults, AT) + attested
        return self._credential(
            faults,
            {
                "clientDataJSON": encode(self._client_data("webauthn.create", asked, faults)),
                "attestationObject": encode(
                    encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
                ),
                "transports": ["internal", "hybrid", "unheard-of"],
            },
        )

    def get(self, options: dict[str, Any], faults: Faults = RIGHT) -> dict[str, Any]:
        """Answer ``navigator.credentials.get``."""
        asked = options["publicKey"]
        self.count += 1
        data = self._data(asked["rpId"], faults)
        client_data = self._client_data("webauthn.get", asked, faults)
        signed = faults.signed or data + hashlib.sha256(client_data).digest()
        response = {
            "clientDataJSON": encode(client_data),
            "authenticatorData": encode(data),
            "signature": encode(self.key.sign(signed, ec.ECDSA(SHA256()))),
        }
        if not faults.no_handle:
            response["userHandle"] = faults.handle or self.handle
        return self._credential(faults, response)

    def _client_data(self, kind: str, asked: dict[str, Any], faults: Faults) -> bytes:
        told: dict[str, Any] = {
            "type": faults.type or kind,
            "challenge": faults.challenge or asked["challenge"],
            "origin": faults.origin or self.origin,
        }
        if faults.cross_origin is not None:
            told["crossOrigin"] = faults.cross_origin
        if faults.top_origin is not None:
            told["topOrigin"] = faults.top_origin
        return json.dumps(told).encode()

    def _data(self, rp_id: str, faults: Faults, added: int = 0) -> bytes:
        flags = (self.flags if faults.flags is None else faults.flags) | added
        count = self.count if faults.count is None else faults.count
        about = hashlib.sha256((faults.rp_id or rp_id).encode()).digest()
        return about + struct.pack(">BI", flags, count)

    def _credential(self, faults: Faults, response: dict[str, Any]) -> dict[str, Any]:
        known = faults.credential or encode(self.id)
        return {"id": known, "rawId": known, "type": "public-key", "response": response}


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
