"""Every forgery that the tests try, by kind; after Wycheproof's JWS set.

Each kind is a function that names its forgeries; a forgery is made when it is asked for.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ringfence.authn.tokens import AccessTokens
from ringfence.core.settings import Settings
from tests.unit.authn import forgery
from tests.unit.authn.credentials import keys, signing_key
from tests.unit.authn.flows import NOON, account
from tests.unit.authn.forgery import forge, nothing, ours, pack, stranger, unpack

ORIGIN = "https://shop.example"
SIGNER = signing_key()
OTHER = signing_key()
KEYS = keys(SIGNER)

Forgery: TypeAlias = Callable[[], str]


def service() -> AccessTokens:
    return AccessTokens(KEYS, Settings(origin=ORIGIN))


def issued(now: datetime = NOON, issuer: AccessTokens | None = None) -> str:
    return (issuer or service()).issue(
        replace(account(), roles=frozenset({"user", "admin"}), token_version=3, role_version=4),
        "session-1",
        now,
        aal=1,
        amr=("pwd",),
        authenticated_at=NOON - timedelta(hours=1),
    )


TOKEN = issued()
HEADER = forgery.header_of(TOKEN)
CLAIMS = forgery.claims_of(TOKEN)
SIGN = ours(SIGNER)
SIGNED, _, SIGNATURE = TOKEN.rpartition(".")
PEM = SIGNER.key.as_pem(private=False)
POINT = forgery.private(SIGNER).public_key()


def header(**members: object) -> dict[str, Any]:
    return {**HEADER, **members}


def claims(**members: object) -> dict[str, Any]:
    return {**CLAIMS, **members}


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


def algorithms() -> dict[str, Forgery]:
    found: dict[str, Forgery] = {}
    for name in ("none", "None", "NONE", "nOnE", "noNe", "nonE", ""):
        found[f"alg {name!r}"] = lambda name=name: forge(header(alg=name), CLAIMS, nothing)
        found[f"alg {name!r}, signed"] = lambda name=name: forge(header(alg=name), CLAIMS, SIGN)
    for name in ("ES256", "ES384", "ES512", "ES256K", "EdDSA", "RS256", "PS256"):
        found[f"{name} by a key of the attacker"] = lambda name=name: forge(
            header(alg=name), CLAIMS, stranger(name)
        )
    secrets: dict[str, bytes] = {
        "PEM": PEM,
        "PEM without the last newline": PEM.rstrip(),
        "DER": POINT.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "point": POINT.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        "JWK": json.dumps(service().jwks()["keys"]).encode(),
        "kid": SIGNER.kid.encode(),
        "nothing": b"",
    }
    for name, secret in secrets.items():
        found[f"HS256 with the public key as secret: {name}"] = lambda secret=secret: forge(
            header(alg="HS256"), CLAIMS, forgery.hs256(secret)
        )
    for name in ("es256", "ES256 ", "ES256\0", "HS384", None, 256, ["ES256"], {"alg": "ES256"}):
        found[f"alg {name!r}"] = lambda name=name: forge(header(alg=name), CLAIMS, SIGN)
    found["no alg"] = lambda: forge(without(HEADER, "alg"), CLAIMS, SIGN)
    return found


def signatures() -> dict[str, Forgery]:
    raw = unpack(SIGNATURE)
    order = forgery.ORDER.to_bytes(32, "big")
    one = (1).to_bytes(32, "big")
    values = {
        "stripped": b"",
        "zero": bytes(64),  # CVE-2022-21449
        "r zero": bytes(32) + one,
        "s zero": one + bytes(32),
        "r and s the order": order * 2,
        "one and one": one * 2,
        "all bits": b"\xff" * 64,
        "one byte short": raw[:-1],
        "one byte long": raw + b"\0",
        "led by a zero": b"\0" + raw,
        "twice": raw * 2,
        "r alone": raw[:32],
        "r and s exchanged": raw[32:] + raw[:32],
        "of other claims": unpack(forge(HEADER, claims(sub="bob"), SIGN).rpartition(".")[2]),
    }
    found: dict[str, Forgery] = {
        name: lambda value=value: f"{SIGNED}.{pack(value)}" for name, value in values.items()
    }
    found["DER"] = lambda: forge(HEADER, CLAIMS, forgery.der(SIGNER))
    found["claims exchanged"] = lambda: (
        f"{SIGNED.partition('.')[0]}.{pack(forgery.written(claims(aal=3)))}.{SIGNATURE}"
    )
    return found


def headers() -> dict[str, Forgery]:
    jwk = OTHER.key.as_dict(private=False)
    theirs = ours(OTHER)
    members: dict[str, dict[str, object]] = {
        "jwk": {"jwk": jwk},  # CVE-2026-27962
        "jwk and its kid": {"jwk": jwk, "kid": OTHER.kid},
        "jku": {"jku": "https://attacker.example/jwks.json"},
        "x5u": {"x5u": "https://attacker.example/cert.pem"},
        "x5c": {"x5c": ["MIIB"]},
        "x5t": {"x5t": "AAAA"},
        "kid of the attacker": {"kid": OTHER.kid},
        "our kid": {},
    }
    found: dict[str, Forgery] = {
        f"{name}, signed by the attacker": lambda more=more: forge(header(**more), CLAIMS, theirs)
        for name, more in members.items()
    }
    extra: dict[str, object] = {
        "jwk": jwk,
        "jku": "https://shop.example/.well-known/jwks.json",
        "x5u": "https://shop.example/cert.pem",
        "x5c": [],
        "crit": ["exp"],  # CVE-2025-59420
        "crit, empty": [],
        "b64": False,
        "cty": "JWT",
        "zip": "DEF",
        "enc": "A256GCM",
        "alg2": "ES256",
    }
    for name, value in extra.items():
        member = name.partition(",")[0]
        found[f"{name} in a header that we signed"] = lambda member=member, value=value: forge(
            header(**{member: value}), CLAIMS, SIGN
        )
    found["b64 and crit"] = lambda: forge(header(b64=False, crit=["b64"]), CLAIMS, SIGN)
    for kid in (
        *(
            "",
            " ",
            "../../../../dev/null",
            "/dev/null",
            "' UNION SELECT 'key",
            "%00",
            SIGNER.kid + " ",
        ),
        *(SIGNER.kid.lower(), f"{SIGNER.kid}\0", "https://attacker.example/key", None, 0, [], {}),
        *([SIGNER.kid], True),
    ):
        found[f"kid {kid!r}"] = lambda kid=kid: forge(header(kid=kid), CLAIMS, SIGN)
    found["no kid"] = lambda: forge(without(HEADER, "kid"), CLAIMS, SIGN)
    for typ in (
        *("JWT", "jwt", "AT+JWT", "at+JWT", "application/at+jwt", "at+jwt ", "", None, 1),
        *("logout+jwt", "id+jwt", "dpop+jwt", "secevent+jwt", "rt+jwt", ["at+jwt"]),
    ):
        found[f"typ {typ!r}"] = lambda typ=typ: forge(header(typ=typ), CLAIMS, SIGN)
    found["no typ"] = lambda: forge(without(HEADER, "typ"), CLAIMS, SIGN)
    return found


def encodings() -> dict[str, Forgery]:
    """Headers and claims that mean the same, or might, in other bytes; all signed by us."""
    plain, body = forgery.written(HEADER), forgery.written(CLAIMS)
    headers = {
        "alg twice": plain.replace(b'{"alg"', b'{"alg":"none","alg"'),
        "alg twice, the other way round": plain.replace(b',"typ"', b',"alg":"none","typ"'),
        "kid twice": plain.replace(b',"kid"', b',"kid":"other","kid"'),
        "typ twice, the same": plain.replace(b',"typ"', b',"typ":"at+jwt","typ"'),
        "a space": plain.replace(b":", b": ", 1),
        "a space behind": plain + b" ",
        "a newline": b"\n" + plain,
        "another order": forgery.written(dict(reversed(HEADER.items()))),
        "an escaped name": plain.replace(b'"alg"', b'"\\u0061lg"'),
        "an escaped value": plain.replace(b"ES256", b"\\u0045S256"),
        "a byte order mark": b"\xef\xbb\xbf" + plain,
        "UTF-16": plain.decode().encode("utf-16"),  # RFC 8725 section 3.7
        "UTF-32": plain.decode().encode("utf-32"),
        "Latin-1": plain.replace(b"at+jwt", b"\xe4t+jwt"),
        "rubbish behind": plain + b"x",
        "a second object behind": plain + plain,
        "a comment": plain[:-1] + b"/**/}",
        "a comma too many": plain[:-1] + b",}",
        "single quotes": plain.replace(b'"', b"'"),
        "an array": b"[" + plain + b"]",
        "deep": b"[" * 1500,
        "deep in a member": plain[:-1] + b',"x":' + b"[" * 1500,
        "empty": b"",
        "null": b"null",
        "a string": b'"at+jwt"',
        "no members": b"{}",
    }
    bodies = {
        "sub twice": body.replace(b',"sub"', b',"sub":"root","sub"'),
        "exp twice": body.replace(b',"exp"', b',"exp":99999999999,"exp"'),
        "a space": body.replace(b":", b": ", 1),
        "an escape": body.replace(b'"sub"', b'"\\u0073ub"'),
        "a float": body.replace(b'"aal":1', b'"aal":1.0'),
        "an exponent": body.replace(b'"aal":1', b'"aal":1e0'),
        "UTF-16": body.decode().encode("utf-16"),
        "rubbish behind": body + b"x",
        "deep": b'{"iss":' + b"[" * 1500,
        "empty": b"",
        "an array": b"[" + body + b"]",
    }
    found: dict[str, Forgery] = {
        f"header: {name}": lambda content=content: forge(content, CLAIMS, SIGN)
        for name, content in headers.items()
    }
    for name, content in bodies.items():
        found[f"claims: {name}"] = lambda content=content: forge(HEADER, content, SIGN)
    return found


def texts() -> dict[str, Forgery]:
    """Texts that are near a token of ours."""
    first, second, third = TOKEN.split(".")
    texts = {
        "nothing": "",
        "dots": "..",
        "one part": first,
        "two parts": f"{first}.{second}",
        "four parts": f"{TOKEN}.",
        "five parts, as in JWE": f"{first}.{second}.{third}.{third}.{third}",
        "a dot in front": f".{TOKEN}",
        "a space in front": f" {TOKEN}",
        "a space behind": f"{TOKEN} ",
        "a newline behind": f"{TOKEN}\n",
        "a newline within": f"{first}\n.{second}.{third}",
        "NUL behind": f"{TOKEN}\0",
        "padding": f"{first}.{second}.{third}==",
        "one sign of padding": f"{TOKEN}=",
        "a spare bit set": TOKEN[:-1] + chr(ord(TOKEN[-1]) + 1),
        "more spare bits set": TOKEN[:-1] + chr(ord(TOKEN[-1]) + 3),
        "a letter too many": f"{TOKEN}A",
        "a full-width dot": f"{first}\uff0e{second}.{third}",
        "full-width letters": TOKEN.replace("e", "\uff45"),
        "a sign outside of the alphabet": f"{first}.{second}.{third[:10]}!{third[10:]}",
        "the standard alphabet": TOKEN.replace("-", "+").replace("_", "/") + "+/",
        "quotes": f'"{TOKEN}"',
        "two tokens": f"{TOKEN},{TOKEN}",
        "JSON serialisation": json.dumps(
            {"protected": first, "payload": second, "signature": third}
        ),
        "longer than any of ours": f"{first}.{second * 20}.{third}",
        "a surrogate": "\ud800" + TOKEN,
        "a megabyte": "a" * 1_000_000,
        "a megabyte of dots": "." * 1_000_000,
    }
    return {name: lambda text=text: text for name, text in texts.items()}


def changed_claims() -> dict[str, Forgery]:
    """Claims that we never make, under our own signature: as if another issuer shared the key."""
    hour = 3600
    changes: dict[str, list[object]] = {
        "iss": [
            *(
                "https://evil.example",
                f"{ORIGIN}/",
                f"{ORIGIN}.evil.example",
                "http://shop.example",
            ),
            *("https://SHOP.example", "", None, [ORIGIN], 1),
        ],
        "aud": [*("https://evil.example", f"{ORIGIN}/", "", None, [ORIGIN], [ORIGIN, "x"], [], 1)],
        "sub": ["", None, 1, ["alice"], {"id": "alice"}, True],
        "sid": ["", None, 1, []],
        "exp": [
            *(CLAIMS["exp"] + 1, 99999999999, 2**63, 2**70, -1, 0, None, str(CLAIMS["exp"]), True),
            *(float(CLAIMS["exp"]), CLAIMS["exp"] + 0.5, [CLAIMS["exp"]], CLAIMS["iat"] - hour),
        ],
        "iat": [CLAIMS["iat"] + 6, CLAIMS["iat"] - 1, -1, None, str(CLAIMS["iat"]), 2**70, 1.5],
        "auth_time": [CLAIMS["iat"] + 6, -1, None, "0", 2**70],
        "aal": [0, 4, -1, "1", None, True, 1.5, [1], 2**70],
        "amr": ["pwd", None, [1], [["pwd"]], {}],
        "roles": ["admin", None, [1], [["admin"]], {"admin": True}, [None]],
        "tv": [-1, None, "3", True, 3.5],
        "rv": [-1, None, "4", False, 4.5],
    }
    found: dict[str, Forgery] = {
        f"{name} {value!r}": lambda name=name, value=value: forge(
            HEADER, claims(**{name: value}), SIGN
        )
        for name, values in changes.items()
        for value in values
    }
    for name in CLAIMS:
        found[f"no {name}"] = lambda name=name: forge(HEADER, without(CLAIMS, name), SIGN)
    for name in ("nbf", "jti", "scope", "email", "is_admin"):
        found[f"and {name}"] = lambda name=name: forge(HEADER, claims(**{name: 1}), SIGN)
    return found


FORGERIES: dict[str, Forgery] = {
    f"{kind}: {name}": forgery
    for kind, made in {
        "algorithm": algorithms(),
        "signature": signatures(),
        "header": headers(),
        "encoding": encodings(),
        "text": texts(),
        "claims": changed_claims(),
    }.items()
    for name, forgery in made.items()
}
