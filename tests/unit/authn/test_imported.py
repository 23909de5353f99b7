"""Hashes of other programs are verified as they were made, within limits, and kept sealed."""

import base64
import hashlib
import json
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import bcrypt
import pytest

from ringfence.authn.imported.formats import recognise
from ringfence.authn.imported.methods import Hash
from ringfence.authn.imported.passwords import drawn
from ringfence.authn.imported.refusal import Reason, Unusable
from ringfence.authn.imported.sealed import seal, unseal
from ringfence.core.secret import Secret
from tests.unit.authn.flows import counting

Form: TypeAlias = Literal["NFC", "NFD", "NFKC"]
VECTORS = json.loads((Path(__file__).parents[2] / "vectors/imported_hashes.json").read_text())
HASHES = [
    pytest.param(each, id=f"{each['origin']}-{n}") for n, each in enumerate(VECTORS["hashes"])
]
PEPPERS = {1: Secret(b"p" * 32), 2: Secret(b"q" * 32)}
SALT, DIGEST = "c2FsdHNhbHQ", base64.b64encode(bytes(32)).decode().rstrip("=")
BCRYPT_REST = "." * 53


@pytest.mark.parametrize("vector", HASHES)
def test_what_the_original_has_hashed_is_verified(vector: dict[str, str]) -> None:
    """MUSTS P15. The other password is wrong in its last character alone."""
    found = recognise(vector["hash"])
    assert found.matches(vector["password"])
    assert not found.matches(vector["password"][:-1] + "Y")


@pytest.mark.parametrize("vector", HASHES)
def test_a_decoy_is_of_the_same_method_and_matches_nothing(vector: dict[str, str]) -> None:
    """ATTACKS U03: what costs as much as the real one."""
    found = recognise(vector["hash"])
    decoy = Hash.like(str(found.method))
    assert str(decoy.method) == str(found.method)
    assert type(decoy.method) is type(found.method)


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        ("$argon2id$v=19$m=131072,t=4,p=16", "$argon2id$v=19$m=131073,t=4,p=16"),
        ("$argon2id$v=19$m=131072,t=4,p=16", "$argon2id$v=19$m=131072,t=5,p=16"),
        ("$argon2id$v=19$m=131072,t=4,p=16", "$argon2id$v=19$m=131072,t=4,p=17"),
        ("$argon2i$m=8,t=65536,p=1", "$argon2i$m=8,t=2147483648,p=1"),
        ("$scrypt$ln=16,r=8,p=8", "$scrypt$ln=17,r=8,p=1"),
        ("$scrypt$ln=16,r=8,p=8", "$scrypt$ln=16,r=8,p=9"),
        ("$scrypt$ln=16,r=8,p=8", "$scrypt$ln=31,r=1,p=1"),
        ("$scrypt$ln=16,r=8,p=8", "$scrypt$ln=9999999999,r=1,p=1"),
        ("$scrypt$ln=1,r=1,p=1048574", "$scrypt$ln=1,r=1,p=1048575"),
        ("$pbkdf2-sha256$2000000", "$pbkdf2-sha256$2000001"),
        ("$pbkdf2-sha512$2000000", "$pbkdf2-sha512$2147483648"),
    ],
)
def test_a_planted_cost_is_refused_before_it_is_computed(within: str, beyond: str) -> None:
    """Ledger 34: at the limit and one above it."""
    recognise(f"{within}${SALT}${DIGEST}")
    with pytest.raises(Unusable) as refused:
        recognise(f"{beyond}${SALT}${DIGEST}")
    assert refused.value.reason is Reason.HASH_COSTLY


def test_a_planted_cost_of_bcrypt_is_refused() -> None:
    """Ledger 34: 31 is 2^31 rounds, which take days."""
    recognise(f"$2b$14${BCRYPT_REST}")
    for planted in ("15", "31", "99"):
        with pytest.raises(Unusable) as refused:
            recognise(f"$2b${planted}${BCRYPT_REST}")
        assert refused.value.reason is Reason.HASH_COSTLY


@pytest.mark.parametrize(
    ("planted", "reason"),
    [
        ("pbkdf2_sha256$2000001$salt$" + DIGEST, Reason.HASH_COSTLY),
        ("pbkdf2:sha1:2147483648$salt$" + "0" * 40, Reason.HASH_COSTLY),
        ("scrypt:2147483648:8:1$salt$" + "0" * 128, Reason.HASH_COSTLY),
        ("scrypt$16384$salt$8$2147483648$" + DIGEST, Reason.HASH_COSTLY),
        (f"firebase-scrypt:31:8:Bw==:{DIGEST}${SALT}${DIGEST}", Reason.HASH_COSTLY),
        # A hash of many blocks would cost as many times.
        ("$pbkdf2$1500$c2FsdA$" + DIGEST, Reason.HASH_MALFORMED),
        ("$scrypt$ln=14,r=8,p=0$c2FsdA$" + DIGEST, Reason.HASH_MALFORMED),
        ("$scrypt$ln=16,r=1,p=1$c2FsdA$" + DIGEST, Reason.HASH_MALFORMED),
        ("scrypt:3:8:1$salt$" + "0" * 128, Reason.HASH_MALFORMED),
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$" + DIGEST, Reason.HASH_MALFORMED),
        ("$argon2id$v=18$m=65536,t=3,p=4$c2FsdHNhbHQ$" + DIGEST, Reason.HASH_MALFORMED),
        ("$argon2id$v=19$m=31,t=3,p=4$c2FsdHNhbHQ$" + DIGEST, Reason.HASH_MALFORMED),
        ("$argon2id$v=19$m=65536,t=0,p=4$c2FsdHNhbHQ$" + DIGEST, Reason.HASH_MALFORMED),
        ("$argon2id$v=19$m=65536,t=3,p=4,keyid=x$c2FsdHNhbHQ$" + DIGEST, Reason.HASH_MALFORMED),
        ("$2b$12$tooshort", Reason.HASH_MALFORMED),
        ("$2b$03$" + BCRYPT_REST, Reason.HASH_MALFORMED),
        ("$2b$12$" + BCRYPT_REST + "\n", Reason.HASH_MALFORMED),
        (f"firebase-scrypt:14:8:Bw==:c2hvcnQ=${SALT}${DIGEST}", Reason.HASH_MALFORMED),
        ("$2b$12$" + "é" * 53, Reason.HASH_MALFORMED),
        ("$2b$12$" + "." * 2000, Reason.HASH_MALFORMED),
        ("$2x$12$" + BCRYPT_REST, Reason.HASH_UNKNOWN),
        ("md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", Reason.HASH_UNKNOWN),
        ("5f4dcc3b5aa765d61d8327deb882cf99", Reason.HASH_UNKNOWN),
        ("violet kettle orbits quietly", Reason.HASH_UNKNOWN),
        ("", Reason.HASH_UNKNOWN),
    ],
)
def test_what_cannot_be_verified_is_refused_by_its_reason(planted: str, reason: Reason) -> None:
    with pytest.raises(Unusable) as refused:
        recognise(planted)
    assert refused.value.reason is reason


def made_by_bcrypt(password: bytes) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()


def test_bcrypt_compares_no_beginning_of_a_password() -> None:
    """It reads 72 bytes and stops at a NUL; nothing is truncated here (MUSTS P10, P15)."""
    whole, long = "x" * 72, "x" * 73
    assert recognise(made_by_bcrypt(whole.encode())).matches(whole)
    assert not recognise(made_by_bcrypt(whole.encode())).matches(long)
    euros = "€" * 24  # 72 bytes
    assert recognise(made_by_bcrypt(euros.encode())).matches(euros)
    assert not recognise(made_by_bcrypt(euros.encode())).matches(euros + "!")
    assert not recognise(made_by_bcrypt(b"violet")).matches("violet\0kettle")
    assert not recognise(made_by_bcrypt(b"")).matches(long)
    assert not recognise(made_by_bcrypt(b"")).matches("\0")


def test_djangos_bcrypt_of_a_hash_takes_passwords_of_any_length() -> None:
    long = "x" * 100
    made = made_by_bcrypt(hashlib.sha256(long.encode()).hexdigest().encode())
    found = recognise(f"bcrypt_sha256${made}")
    assert found.matches(long)
    assert not found.matches(long + "x")


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_a_password_matches_in_whatever_form_it_was_hashed(form: Form, typed: Form) -> None:
    """MUSTS P05: a keyboard that composes differently, a program that normalised or did not."""
    password = "Zürich ﬁnds lètmein"
    hashed = unicodedata.normalize(form, password).encode()
    made = hashlib.pbkdf2_hmac("sha256", hashed, b"salt", 1000)
    found = recognise(f"pbkdf2_sha256$1000$salt${base64.b64encode(made).decode()}")
    assert found.matches(unicodedata.normalize(typed, password))
    assert not found.matches(unicodedata.normalize(typed, password.replace("ü", "u")))


def test_a_sealed_hash_is_opened_for_its_account_alone() -> None:
    """MUSTS P17: whoever reads the table has nothing to guess at."""
    text = made_by_bcrypt(b"violet")
    sealed = seal(text, "alice", PEPPERS, counting())
    assert text.encode() not in sealed.sealed
    assert (sealed.kind, sealed.pepper) == ("bcrypt r=4", 2)
    assert unseal(sealed, "alice", PEPPERS) == text
    assert unseal(sealed, "bob", PEPPERS) is None
    assert unseal(sealed, "alice", {1: PEPPERS[1]}) is None
    assert unseal(sealed, "alice", {2: PEPPERS[1]}) is None
    assert unseal(replace(sealed, sealed=b"short"), "alice", PEPPERS) is None


def test_decoys_are_drawn_by_the_login_as_often_as_their_kind_is_there() -> None:
    """ATTACKS U03: logins without a hash are spread over the kinds like those with one."""
    kinds = {"bcrypt r=12": 300, "scrypt n=16384 r=8 p=1": 100, "pbkdf2-sha1 i=1000": 0}
    key = Secret(b"k" * 32)

    def draws() -> list[str]:
        found = [drawn(f"{number}@example.com", kinds, key) for number in range(2000)]
        return [str(each.method) for each in found if each is not None]

    counts = Counter(draws())
    assert draws() == draws()
    assert counts.keys() == {"bcrypt r=12", "scrypt n=16384 r=8 p=1"}
    assert 1400 < counts["bcrypt r=12"] < 1600
    assert drawn("alice@example.com", {}, key) is None
    assert drawn("alice@example.com", {"bcrypt r=12": 0}, key) is None
