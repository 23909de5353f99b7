"""Wycheproof's JWS vectors: none is a token of ours, whatever key it was made for.

Each vector is shown to a service that holds the vector's own key under the vector's own key id,
so that no vector is refused for being signed by a stranger. The vectors, their origin and their
licence are in ``tests/vectors/wycheproof_jws.json``.

Sources: ATTACKS U08 to U10, MUSTS J01 to J08, RFC 8725 3.1 and 3.2.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey

from ringfence.authn.keys import SigningKey
from ringfence.authn.tokens import ALGORITHM, AccessTokens
from ringfence.core.errors import Refused
from ringfence.core.settings import Settings
from tests.unit.authn.credentials import keys, signing_key
from tests.unit.authn.flows import NOON
from tests.unit.authn.forgeries import ORIGIN, issued
from tests.unit.authn.forgery import pack, unpack

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors/wycheproof_jws.json").read_text()
)
GROUPS: list[dict[str, Any]] = VECTORS["testGroups"]
TESTS: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {
    test["tcId"]: (group, test) for group in GROUPS for test in group["tests"]
}
SIGNATURES = {
    number: test["jws"].rpartition(".")[2]
    for number, (group, test) in TESTS.items()
    if group["comment"] == "SpecialCaseEs256" and test["result"] == "invalid"
}


@pytest.mark.parametrize("number", TESTS)
def test_no_vector_is_a_token(number: int) -> None:
    group, test = TESTS[number]
    with pytest.raises(Refused) as refused:
        _service(group).examine(test["jws"], NOON)
    assert refused.value.code.name in {"token.malformed", "token.invalid"}


def test_a_token_by_the_key_of_the_vectors_is_accepted() -> None:
    """The positive control: the services above do accept what they have issued."""
    pair = signing_key()
    jwk = pair.key.as_dict(private=True)
    group = {"public": {**jwk, "kid": "kid-ec-sign", "alg": "ES256", "use": "sig"}}
    service = _service(group)
    assert service.examine(issued(issuer=service), NOON).subject == "alice"


def test_the_valid_vectors_are_good_signatures() -> None:
    """What is refused above is not broken: the library alone accepts it, with the group's key."""
    accepted = {number for number, (group, test) in TESTS.items() if _library(group, test["jws"])}
    valid = {number for number, (_, test) in TESTS.items() if test["result"] == "valid"}
    tampered = {372, 373}  # a "?" within base64url, which Wycheproof lets pass
    repeated = {367, 370}  # the bytes of 357, which is valid
    assert valid - tampered <= accepted <= valid | repeated


@pytest.mark.parametrize("number", SIGNATURES)
def test_no_special_signature_signs_a_token_of_ours(number: int) -> None:
    """R or S of zero, one, the group's order (CVE-2022-21449), too long, one byte too many."""
    signed, _, _ = issued(issuer=AccessTokens(KEYS, SETTINGS)).rpartition(".")
    with pytest.raises(Refused, match="token.invalid") as refused:
        AccessTokens(KEYS, SETTINGS).examine(f"{signed}.{SIGNATURES[number]}", NOON)
    assert refused.value.facts == {"check": "signature"}


def test_a_signature_of_ours_in_its_place_is_accepted() -> None:
    """The positive control of the special signatures: the same join, with the right one."""
    signed, _, signature = issued(issuer=AccessTokens(KEYS, SETTINGS)).rpartition(".")
    token = f"{signed}.{pack(unpack(signature))}"
    assert AccessTokens(KEYS, SETTINGS).examine(token, NOON).subject == "alice"


def test_every_vector_is_there() -> None:
    assert len(TESTS) == sum(len(group["tests"]) for group in GROUPS) == 80
    assert len(SIGNATURES) == 22


SETTINGS = Settings(origin=ORIGIN)
KEYS = keys(signing_key())


def _service(group: dict[str, Any]) -> AccessTokens:
    """A service whose signing key is the group's key, whatever kind of key it is."""
    key = _key(group)
    pair = SigningKey(kid=key.kid or "", signs_from=datetime.fromtimestamp(0, UTC), key=key)  # pyright: ignore[reportArgumentType]  # an HMAC secret among our keys is the attack
    return AccessTokens(keys(pair), SETTINGS)


def _key(group: dict[str, Any]) -> Key:
    """The group's key, but for ``alg``: that of 351 names one that does not exist, "ES521"."""
    jwk = {**(group.get("public") or group["private"])}
    jwk.pop("alg", None)
    return ECKey.import_key(jwk) if jwk["kty"] == "EC" else OctKey.import_key(jwk)


def _library(group: dict[str, Any], token: str) -> bool:
    """What the library says alone, when the token may choose its algorithm."""
    try:
        jws.deserialize_compact(token, _key(group), [ALGORITHM, "HS256", "ES512"])
    except (JoseError, ValueError):
        return False
    return True
