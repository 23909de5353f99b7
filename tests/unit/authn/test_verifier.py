"""The client's step gives what API.md says, by whichever implementation."""

import hashlib
import hmac
import json
import unicodedata
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ringfence.authn import verifier
from ringfence.authn.verifier import ARGON2ID, Argon2Parameters
from ringfence.core.errors import ConfigurationError
from ringfence.core.secret import Secret

SHARED: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "docs/vectors/client_key.json").read_text()
)


def unpack(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("vector", SHARED["vectors"])
def test_the_shared_vectors_hold(vector: dict[str, Any]) -> None:
    salt = verifier.salt(Secret(unpack(SHARED["salt_key"])), vector["tenant"], vector["login"])
    assert salt == unpack(vector["salt"])
    password = unicodedata.normalize("NFC", vector["password"]).encode()
    parameters = Argon2Parameters(memory_kib=vector["m"], passes=vector["t"], lanes=vector["p"])
    key = verifier.client_key(password, salt, parameters)
    assert key == unpack(vector["client_key"])
    digest = verifier.digest(Secret(unpack(SHARED["pepper"])), key)
    assert digest == unpack(vector["digest"])


@pytest.mark.parametrize("vector", SHARED["vectors"])
def test_another_argon2_and_a_hand_made_hkdf_agree(vector: dict[str, Any]) -> None:
    """RFC 9106 by OpenSSL, RFC 5869 spelt out."""
    stretched = Argon2id(
        salt=unpack(vector["salt"]),
        length=32,
        iterations=vector["t"],
        lanes=vector["p"],
        memory_cost=vector["m"],
    ).derive(unicodedata.normalize("NFC", vector["password"]).encode())
    assert stretched == unpack(vector["stretched"])
    extracted = hmac.digest(bytes(32), stretched, hashlib.sha256)
    expanded = hmac.digest(extracted, b"ringfence sign-in v1\x01", hashlib.sha256)
    assert expanded == unpack(vector["client_key"])


def test_the_cost_is_the_one_that_was_decided() -> None:
    """DESIGN section 6; MUSTS P14."""
    assert str(ARGON2ID) == "argon2id m=65536 t=3 p=4"


@pytest.mark.parametrize(
    ("memory_kib", "passes", "lanes"),
    [(19_455, 2, 1), (19_456, 1, 1), (65_536, 1, 4), (65_536, 3, 0)],
)
def test_a_cost_below_the_floor_stops_the_start(memory_kib: int, passes: int, lanes: int) -> None:
    """MUSTS P14."""
    with pytest.raises(ConfigurationError, match="weaker than m=19456 t=2 p=1"):
        Argon2Parameters(memory_kib=memory_kib, passes=passes, lanes=lanes)


def test_the_floor_itself_is_accepted() -> None:
    assert Argon2Parameters(memory_kib=19_456, passes=2, lanes=1).passes == 2


def test_each_login_tenant_and_key_has_a_salt_of_its_own() -> None:
    """MUSTS P13; a salt for every login, so that it tells nothing (ATTACKS U03)."""
    salts = {
        verifier.salt(Secret(key), tenant, login)
        for key in (b"a" * 32, b"b" * 32)
        for tenant in ("default", "acme")
        for login in ("alice@example.com", "nobody@example.com")
    }
    assert len(salts) == 8
    assert {len(salt) for salt in salts} == {16}
