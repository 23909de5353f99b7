"""Tokens as attackers make them: any header, any claims, any signature."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from ringfence.authn.keys import SigningKey

Sign: TypeAlias = Callable[[bytes], bytes]

#: The order of P-256 (SEC 2).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def pack(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def unpack(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def written(value: object) -> bytes:
    """JSON as this project writes it; bytes stand for themselves."""
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def forge(header: object, claims: object, sign: Sign) -> str:
    signed = f"{pack(written(header))}.{pack(written(claims))}"
    return f"{signed}.{pack(sign(signed.encode()))}"


def claiming(claims: bytes) -> str:
    """A token of which nobody has verified anything."""
    return f"x.{pack(claims)}.x"


def header_of(token: str) -> dict[str, Any]:
    return json.loads(unpack(token.split(".", maxsplit=1)[0]))


def claims_of(token: str) -> dict[str, Any]:
    return json.loads(unpack(token.split(".")[1]))


def nothing(_signed: bytes) -> bytes:
    return b""


def constant(signature: bytes) -> Sign:
    return lambda _signed: signature


def private(key: SigningKey) -> ec.EllipticCurvePrivateKey:
    found = key.key.private_key
    assert found is not None
    return found


def ours(key: SigningKey) -> Sign:
    """What the service itself signs."""
    return es(private(key), SHA256(), 32)


def es(key: ec.EllipticCurvePrivateKey, algorithm: Any, length: int) -> Sign:
    def sign(signed: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(algorithm)))
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")

    return sign


def der(key: SigningKey) -> Sign:
    return lambda signed: private(key).sign(signed, ec.ECDSA(SHA256()))


def hs256(secret: bytes) -> Sign:
    return lambda signed: hmac.digest(secret, signed, hashlib.sha256)


def stranger(algorithm: str) -> Sign:
    """A valid signature by a key of the attacker's own."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate().sign
    if algorithm in {"RS256", "PS256"}:
        key = rsa.generate_private_key(65537, 2048)
        pss = padding.PSS(padding.MGF1(SHA256()), 32)
        scheme = pss if algorithm == "PS256" else padding.PKCS1v15()
        return lambda signed: key.sign(signed, scheme, SHA256())
    curve, digest, length = {
        "ES256": (ec.SECP256R1(), SHA256(), 32),
        "ES384": (ec.SECP384R1(), SHA384(), 48),
        "ES512": (ec.SECP521R1(), SHA512(), 66),
        "ES256K": (ec.SECP256K1(), SHA256(), 32),
    }[algorithm]
    return es(ec.generate_private_key(curve), digest, length)
