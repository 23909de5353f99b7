"""What a Python client derives: the published vectors, and the parameters that it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from ringfence.client.derive import Derivation, Kdf, KdfRefused, Prelogin, proof

VECTORS = json.loads((Path(__file__).parents[3] / "docs/vectors/client_key.json").read_text())
SALT = "A" * 22
CHEAP: dict[str, Any] = {"alg": "argon2id", "m": 19_456, "t": 2, "p": 1, "len": 32}


def kdf(**changed: Any) -> Kdf:
    return Kdf(**{**CHEAP, **changed})


@pytest.mark.parametrize("vector", VECTORS["vectors"])
def test_the_published_vectors_hold(vector: dict[str, Any]) -> None:
    asked = kdf(m=vector["m"], t=vector["t"], p=vector["p"])
    made = proof(vector["password"], Prelogin(kdf=asked, salt=vector["salt"]))
    assert made == {"client_key": vector["client_key"]}


def test_while_the_cost_is_raised_there_are_two_keys() -> None:
    costly = Derivation(kdf=kdf(t=3), salt=SALT)
    made = proof("violet kettle", Prelogin(kdf=kdf(), salt=SALT, next=costly))
    assert made.keys() == {"client_key", "next_key"}
    later = proof("violet kettle", Prelogin(kdf=kdf(t=3), salt=SALT))
    assert made["next_key"] == later["client_key"] != made["client_key"]


BEYOND: list[dict[str, Any]] = [
    {"m": 19_455},
    {"t": 1},
    {"p": 0},
    {"alg": "argon2d"},
    {"alg": "argon2i"},
    {"len": 16},
    {"m": 1_048_577},
    {"t": 33},
    {"p": 65},
]


@pytest.mark.parametrize("changed", BEYOND, ids=str)
def test_parameters_below_the_floor_or_beyond_the_ceiling_are_refused(
    changed: dict[str, Any],
) -> None:
    """MUSTS P14: a downgrade gets no key that is cheap to guess."""
    weak = Derivation(kdf=kdf(**changed), salt=SALT)
    with pytest.raises(KdfRefused):
        proof("violet kettle", Prelogin(kdf=weak.kdf, salt=SALT))
    with pytest.raises(KdfRefused):
        proof("violet kettle", Prelogin(kdf=kdf(), salt=SALT, next=weak))


@pytest.mark.parametrize("salt", ["", "A" * 20, "A" * 24, "ä" * 22])
def test_a_salt_of_another_size_is_refused(salt: str) -> None:
    """MUSTS P13: 128 bit."""
    with pytest.raises(KdfRefused):
        proof("violet kettle", Prelogin(kdf=kdf(), salt=salt))
