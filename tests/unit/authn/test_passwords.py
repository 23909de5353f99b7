"""What a new password must be, and that comparing one tells nothing."""

import hashlib
import unicodedata
from dataclasses import replace

import pytest

from ringfence.authn import verifier
from ringfence.authn.accounts import StoredVerifier
from ringfence.authn.derivation import Derivation
from ringfence.authn.passwords import Passwords, Policy, encode, names
from ringfence.authn.verifier import Argon2Parameters
from ringfence.core.errors import Refused
from ringfence.core.secret import Secret
from ringfence_demo.careless.authn import AnyPassword
from tests.unit.authn.credentials import CHEAPEST, Fixed, Inline
from tests.unit.authn.flows import ALICE, NOON, PASSWORD, within

POLICY = Policy.bundled("https://shop.acme-widgets.example")
DEARER = Argon2Parameters(memory_kib=19_456, passes=3, lanes=1)


def passwords(
    current: Argon2Parameters = CHEAPEST,
    following: Argon2Parameters | None = None,
    *,
    settled: bool = True,
) -> tuple[Passwords, Inline]:
    hashing = Inline()
    derivation = Derivation(current=current, next=following, raised_at=NOON, settled=settled)
    made = Passwords(
        hashing=hashing,
        policy=POLICY,
        tenant="default",
        salt_key=Secret(b"s" * 32),
        peppers={1: Secret(b"p" * 32)},
        derivations=Fixed(derivation),
    )
    return made, hashing


class Breached:
    """Knows one password from a breach."""

    async def hold(self, password: bytes) -> bool:
        return password == PASSWORD.encode()


async def test_a_password_from_a_breach_is_refused_when_it_is_set_and_not_when_it_is_used() -> None:
    """MUSTS P08; ASVS 6.2.12. And the pair: where nobody is asked, it is taken."""
    asks_nobody, _ = passwords()
    stored = await asks_nobody.make(ALICE, PASSWORD)
    asking = replace(asks_nobody, breaches=Breached())
    with pytest.raises(Refused, match="password.breached"):
        await asking.make(ALICE, PASSWORD)
    assert await asking.make(ALICE, PASSWORD + "!")
    assert await asking.matches(ALICE, PASSWORD, stored)


# ---------------------------------------------------------------------------------- the policy


def test_fifteen_code_points_are_enough_and_fourteen_are_not() -> None:
    """MUSTS P01."""
    POLICY.check("uqzjwkfmxbvnpty", ALICE)
    with pytest.raises(Refused, match="password.too_short"):
        POLICY.check("uqzjwkfmxbvnpt", ALICE)


def test_a_code_point_counts_as_one_whatever_its_bytes() -> None:
    """MUSTS P05."""
    foxes = "🦊🐙🦉🐝🐢🦜🐬🦔🐌🦋🐞🦀🐳🦩🐿"
    POLICY.check(foxes, ALICE)
    with pytest.raises(Refused, match="password.too_short"):
        POLICY.check(foxes[:-1], ALICE)


def test_length_is_counted_in_nfc() -> None:
    """MUSTS P05: a letter and its accent are one, however they were typed."""
    with pytest.raises(Refused, match="password.too_short"):
        POLICY.check(unicodedata.normalize("NFD", "éqzjwkfmxbvnpt"), ALICE)


@pytest.mark.parametrize("length", [64, 256, 1024])
def test_long_passwords_are_accepted(length: int) -> None:
    """MUSTS P04; ASVS 6.2.9."""
    POLICY.check(hashlib.shake_256(b"random").hexdigest(512)[:length], ALICE)


@pytest.mark.parametrize("password", ["x7" * 512 + "!", "é" * 513, "a" * 10_000_000])
def test_more_than_1024_bytes_are_refused_before_they_cost_anything(password: str) -> None:
    """MUSTS P04."""
    with pytest.raises(Refused, match="password.too_long"):
        POLICY.check(password, ALICE)


def test_nothing_is_cut_off_however_long() -> None:
    """MUSTS P10."""
    assert encode("x" * 1023 + "a") != encode("x" * 1023 + "b")
    assert len(encode("x" * 1024)) == 1024


@pytest.mark.parametrize(
    "password",
    [
        "uqzjwkfmxbvnpty",
        "UQZJWKFMXBVNPTY",
        "83 61 95 02 47 70",
        "мой дядя самых правил",
        "nul\0 tab\t ¶§ ~~",
    ],
)
def test_no_kind_of_character_is_asked_for_or_refused(password: str) -> None:
    """MUSTS P06; ASVS 6.2.5."""
    POLICY.check(password, ALICE)


def test_half_a_surrogate_pair_is_refused_with_a_reason() -> None:
    with pytest.raises(Refused, match="password.malformed"):
        POLICY.check("\ud83e" + PASSWORD, ALICE)


def test_what_is_easy_to_guess_is_refused_with_a_reason() -> None:
    """MUSTS P08; ASVS 6.2.4."""
    with pytest.raises(Refused, match="password.common"):
        POLICY.check("Password1234567", ALICE)


@pytest.mark.parametrize(
    "password", ["acme-widgets-2024", "ringfence-widgets", "kestrelvale!2024!", "kestrelvale@hosts"]
)
def test_names_of_the_service_and_of_the_login_are_easy_to_guess(password: str) -> None:
    """ASVS 6.2.11."""
    with pytest.raises(Refused, match="password.common"):
        POLICY.check(password, "kestrelvale@hosts.example")


def test_names_are_the_words_of_four_letters_and_more() -> None:
    assert names(ALICE, "mail.acme-widgets.io") == {
        *("alice", "example"),
        *("mail", "acme", "widgets"),
    }


# ---------------------------------------------------------------------------- making, comparing


async def test_what_is_made_matches_and_holds_no_password() -> None:
    made, _ = passwords()
    stored = await made.make(ALICE, PASSWORD)
    assert stored.kdf == "argon2id m=19456 t=2 p=1"
    assert stored.pepper == 1
    assert PASSWORD.encode() not in stored.digest
    assert await made.matches(ALICE, PASSWORD, stored)
    assert not await made.matches(ALICE, PASSWORD + " ", stored)
    assert not await made.matches(ALICE, PASSWORD.upper(), stored)


async def test_a_verifier_is_worth_nothing_for_another_login() -> None:
    """Whoever copies a row of the table onto another gains nothing."""
    made, _ = passwords()
    stored = await made.make(ALICE, PASSWORD)
    assert not await made.matches("bob@example.com", PASSWORD, stored)


async def test_the_normal_forms_of_one_password_are_one() -> None:
    """MUSTS P05."""
    made, _ = passwords()
    password = "la forêt brûlée, là-bas, hélas"
    stored = await made.make(ALICE, unicodedata.normalize("NFD", password))
    assert await made.matches(ALICE, unicodedata.normalize("NFC", password), stored)


async def test_the_client_key_is_what_matches_too() -> None:
    """API.md: what the browser sends is what the server derives from the password."""
    made, _ = passwords()
    stored = await made.make(ALICE, PASSWORD)
    salt = verifier.salt(Secret(b"s" * 32), "default", ALICE)
    key = verifier.client_key(PASSWORD.encode(), salt, CHEAPEST)
    assert made.matches_key(key, stored)
    assert not made.matches_key(key[:-1] + bytes([key[-1] ^ 1]), stored)


@pytest.mark.parametrize("key", [b"", b"\0" * 32, b"\0" * 31, b"\0" * 1000])
async def test_no_client_key_matches_where_nothing_is_stored(key: bytes) -> None:
    made, _ = passwords()
    assert not made.matches_key(key, None)


async def test_a_stolen_table_is_no_credential() -> None:
    """ATTACKS U04: what is stored is neither a client key nor checkable without the pepper."""
    made, _ = passwords()
    stored = await made.make(ALICE, PASSWORD)
    assert not made.matches_key(stored.digest, stored)
    without = replace(made, peppers={1: Secret(b"guessed".ljust(32))})
    assert not await without.matches(ALICE, PASSWORD, stored)


async def test_an_unknown_login_costs_what_a_known_one_does() -> None:
    """ATTACKS U03: the same jobs, whatever is stored."""
    made, hashing = passwords(CHEAPEST, DEARER)
    stored = await made.make(ALICE, PASSWORD)
    old = StoredVerifier(digest=bytes(32), pepper=9, kdf="argon2id m=1 t=1 p=1")
    costs: list[int] = []
    for known in (stored, None, old):
        hashing.jobs.clear()
        await made.matches(ALICE, "wrong horse battery staple", known)
        costs.append(len(hashing.jobs))
    assert costs == [2, 2, 2]


async def test_while_the_cost_is_raised_both_sets_match() -> None:
    old, _ = passwords(CHEAPEST)
    stored = await old.make(ALICE, PASSWORD)
    raised, _ = passwords(CHEAPEST, DEARER)
    assert await raised.matches(ALICE, PASSWORD, stored)
    renewed = await raised.make(ALICE, PASSWORD)
    assert renewed.kdf == str(DEARER)
    assert await raised.matches(ALICE, PASSWORD, renewed)
    assert not await old.matches(ALICE, PASSWORD, renewed)


async def test_two_keys_are_one_guess_at_the_one_that_is_stored() -> None:
    """Else each attempt of a raise would try two passwords, for one unit of the limits."""
    raised, hashing = passwords(CHEAPEST, DEARER)
    key, following = b"k" * 32, b"f" * 32

    def stored(of: bytes, parameters: Argon2Parameters) -> StoredVerifier:
        digest = verifier.digest(Secret(b"p" * 32), of)
        return StoredVerifier(digest=digest, pepper=1, kdf=str(parameters))

    waiting, moved = stored(key, CHEAPEST), stored(following, DEARER)
    for found in (waiting, moved):
        assert await raised.matches_keys(key, following, found)
        assert not await raised.matches_keys(following, key, found)
    assert await raised.matches_keys(key, None, waiting)
    assert not await raised.matches_keys(key, None, moved)
    assert not await raised.matches_keys(key, following, None)
    calm, _ = passwords(CHEAPEST)
    assert not await calm.matches_keys(following, key, waiting)
    assert hashing.jobs == []


async def test_until_each_process_knows_of_a_raise_new_passwords_are_made_as_before() -> None:
    """Else a process that knows nothing yet would ask the owner for the other key alone."""
    begun, _ = passwords(CHEAPEST, DEARER, settled=False)
    stored = await begun.make(ALICE, PASSWORD)
    assert stored.kdf == str(CHEAPEST)
    assert await begun.moved(ALICE, stored, password=PASSWORD) is None


async def test_what_was_proven_moves_by_the_password_or_by_the_next_key() -> None:
    old, _ = passwords(CHEAPEST)
    stored = await old.make(ALICE, PASSWORD)
    raised, hashing = passwords(CHEAPEST, DEARER)
    by_password = await raised.moved(ALICE, stored, password=PASSWORD)
    assert by_password is not None
    assert hashing.jobs == [True]  # proven: in a reserved worker
    later, _ = passwords(DEARER)
    assert await later.matches(ALICE, PASSWORD, by_password)
    salt = verifier.salt(Secret(b"s" * 32), "default", ALICE)
    key = verifier.client_key(PASSWORD.encode(), salt, DEARER)
    assert await raised.moved(ALICE, stored, next_key=key) == by_password


async def test_nothing_moves_twice_nor_without_a_raise_nor_without_its_key() -> None:
    raised, hashing = passwords(CHEAPEST, DEARER)
    stored = await raised.make(ALICE, PASSWORD)  # with the new parameters
    hashing.jobs.clear()
    assert await raised.moved(ALICE, stored, password=PASSWORD) is None
    calm, _ = passwords(CHEAPEST)
    old = await calm.make(ALICE, PASSWORD)
    assert await calm.moved(ALICE, old, password=PASSWORD) is None
    assert await raised.moved(ALICE, old) is None
    assert hashing.jobs == []


async def test_an_older_pepper_still_compares_and_the_newest_makes() -> None:
    """MUSTS P17."""
    made, _ = passwords()
    stored = await made.make(ALICE, PASSWORD)
    both = replace(made, peppers={**made.peppers, 2: Secret(b"q" * 32)})
    assert await both.matches(ALICE, PASSWORD, stored)
    assert (await both.make(ALICE, PASSWORD)).pepper == 2
    gone = replace(made, peppers={2: Secret(b"q" * 32)})
    assert not await gone.matches(ALICE, PASSWORD, stored)


async def test_whoever_signs_in_moves_to_the_newest_pepper() -> None:
    """Issue 9, B6: what an older pepper had made stayed with it for ever."""
    made, hashing = passwords()
    stored = await made.make(ALICE, PASSWORD)
    both = replace(made, peppers={**made.peppers, 2: Secret(b"q" * 32)})
    salt = verifier.salt(Secret(b"s" * 32), "default", ALICE)
    key = verifier.client_key(PASSWORD.encode(), salt, CHEAPEST)
    hashing.jobs.clear()
    moved = await both.moved(ALICE, stored, client_key=key)
    assert hashing.jobs == []
    assert moved is not None
    assert (moved.pepper, moved.kdf) == (2, stored.kdf)
    assert both.matches_key(key, moved)
    assert await both.moved(ALICE, stored, password=PASSWORD) == moved
    assert await both.moved(ALICE, moved, client_key=key) is None


async def test_pepper_and_parameters_move_each_by_itself_or_both_at_once() -> None:
    made, _ = passwords(CHEAPEST)
    stored = await made.make(ALICE, PASSWORD)
    raised, _ = passwords(CHEAPEST, DEARER)
    both = replace(raised, peppers={**raised.peppers, 2: Secret(b"q" * 32)})
    salt = verifier.salt(Secret(b"s" * 32), "default", ALICE)
    old, new = (verifier.client_key(PASSWORD.encode(), salt, each) for each in (CHEAPEST, DEARER))
    at_once = await both.moved(ALICE, stored, client_key=old, next_key=new)
    assert at_once is not None
    assert (at_once.pepper, at_once.kdf) == (2, str(DEARER))
    behind = await both.moved(ALICE, stored, client_key=old)  # a client that knows of no raise
    assert behind is not None
    assert (behind.pepper, behind.kdf) == (2, str(CHEAPEST))
    dearer = await raised.moved(ALICE, stored, client_key=old, next_key=new)
    assert dearer is not None
    assert await both.moved(ALICE, dearer, client_key=old, next_key=new) == at_once


@pytest.mark.parametrize("password", ["\ud83e" + PASSWORD, "x" * 1025, "x" * 10_000_000])
async def test_what_cannot_be_a_password_matches_nothing_and_costs_nothing(password: str) -> None:
    made, hashing = passwords()
    stored = await made.make(ALICE, PASSWORD)
    hashing.jobs.clear()
    assert not await made.matches(ALICE, password, stored)
    assert not await made.matches(ALICE, password, None)
    assert hashing.jobs == []


async def test_only_whoever_has_proven_something_gets_a_reserved_worker() -> None:
    made, hashing = passwords()
    stored = await made.make(ALICE, PASSWORD)  # with a mailed link, or a session
    await made.matches(ALICE, PASSWORD, stored)
    await made.matches(ALICE, PASSWORD, stored, reserved=True)
    assert hashing.jobs == [True, False, True]


async def test_a_weak_password_is_refused_before_it_costs_anything() -> None:
    made, hashing = passwords()
    with within(), pytest.raises(Refused, match="password.too_short"):
        await made.make(ALICE, "short")
    assert hashing.jobs == []


async def test_a_common_password_is_refused_in_a_worker_and_not_in_the_loop() -> None:
    """One that is made to be hard to judge would keep every other request waiting."""
    made, hashing = passwords()
    with within(), pytest.raises(Refused, match="password.common"):
        await made.make(ALICE, "password1234567")
    assert hashing.jobs == [True]


async def test_with_authn_off_a_weak_password_is_taken() -> None:
    """The pair of the one above."""
    made = replace(passwords()[0], policy=AnyPassword())
    stored = await made.make(ALICE, "short")
    assert await made.matches(ALICE, "short", stored)
