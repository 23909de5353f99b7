"""The attacker's key of a password, made after the documentation, is the one that the server makes.

Neither side's code knows the other's.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from ringfence.attack import client_key
from ringfence.authn import verifier

SALT = bytes(range(16))
CHEAP = verifier.Argon2Parameters(memory_kib=19_456, passes=2, lanes=1)


def test_both_sides_make_the_same_key() -> None:
    kdf = {"alg": "argon2id", "m": 19_456, "t": 2, "p": 1, "len": 32}
    prelogin = {"kdf": kdf, "salt": urlsafe_b64encode(SALT).decode().rstrip("=")}
    made = client_key.derive("violet kettle orbits quietly", prelogin)
    assert "=" not in made
    expected = verifier.client_key(b"violet kettle orbits quietly", SALT, CHEAP)
    assert urlsafe_b64decode(made + "=") == expected


def test_a_guess_has_the_shape_of_a_key() -> None:
    assert len(client_key.guess()) == 43
    assert client_key.guess() != client_key.guess()
