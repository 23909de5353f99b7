"""Opaque tokens and pseudonyms."""

import hashlib
import secrets

import pytest

from ringfence.authn import opaque
from ringfence.core.secret import Secret


def test_a_token_carries_256_random_bits_behind_its_prefix() -> None:
    """MUSTS S01."""
    token = opaque.new(opaque.REFRESH, lambda length: b"\xff" * length)
    assert token == "rf_rt_" + "_" * 42 + "8"
    assert len({opaque.new(opaque.REFRESH, secrets.token_bytes) for _ in range(100)}) == 100


def test_only_the_sha_256_of_a_token_is_stored() -> None:
    assert opaque.digest("rf_rt_x") == hashlib.sha256(b"rf_rt_x").digest()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "rf_rt_",
        "rf_rt_" + "a" * 42,
        "rf_rt_" + "a" * 44,
        "rf_ln_" + "a" * 43,
        "rf_rt_" + "\ud800" * 43,
    ],
)
def test_what_cannot_be_a_token_is_not_looked_up(token: str) -> None:
    assert not opaque.could_be(token, opaque.REFRESH)


@pytest.mark.parametrize("text", ["", "a" * 31, "a" * 33, "a" * 31 + "/", "a" * 31 + "\u0661"])
def test_what_cannot_be_an_id_is_not_looked_up(text: str) -> None:
    assert opaque.could_be_id(opaque.new_id(secrets.token_bytes))
    assert not opaque.could_be_id(text)


def test_a_pseudonym_is_worth_nothing_without_the_key() -> None:
    one, other = Secret(b"1" * 32), Secret(b"2" * 32)
    name = opaque.pseudonym("alice@example.com", one)
    assert name == opaque.pseudonym("alice@example.com", one)
    assert name != opaque.pseudonym("alice@example.com", other)
    assert name != opaque.pseudonym("bob@example.com", one)
    assert "alice" not in name
