"""Raising the cost of deriving a key, and the time of imports, as clients see them (API.md)."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from ringfence.authn import verifier
from ringfence.authn.accounts import StoredVerifier
from ringfence.authn.derivation import SETTLED_AFTER, Derivation
from ringfence.authn.verifier import ARGON2ID, Argon2Parameters
from ringfence.core.secret import Secret
from ringfence.service.wire import base64url
from tests.unit.authn.flows import ALICE, NOON
from tests.unit.service.harness import CLIENT_KEY, House, Visitor, bearer

NEXT_KEY = b"n" * 32
DEARER = Argon2Parameters(memory_kib=131_072, passes=3, lanes=4)
KEY, NEXT = base64url(CLIENT_KEY), base64url(NEXT_KEY)
BOTH = {"login": ALICE, "client_key": KEY, "next_key": NEXT}
OLD = {"login": ALICE, "client_key": KEY}


async def begin(house: House, ago: timedelta = timedelta(hours=1)) -> None:
    """Raise the cost, so long ago."""
    raised_at = datetime.now(UTC) - ago
    await house.stores.derivations.put(Derivation(next=DEARER, raised_at=raised_at))


async def stored(house: House) -> StoredVerifier:
    account = await house.stores.accounts.find_by_login(ALICE)
    assert account is not None
    assert account.verifier is not None
    return account.verifier


async def sign_in(visitor: Visitor, body: dict[str, str]) -> int:
    return (await visitor.post("/auth/sign-in", body)).status_code


async def test_during_a_raise_every_login_gets_both_sets(house: House, visitor: Visitor) -> None:
    """ATTACKS U03: whether there is an account, and whether it has moved, changes nothing."""
    assert "next" not in (await visitor.post("/auth/prelogin", {"login": ALICE})).json()
    await begin(house)
    before = await visitor.post("/auth/prelogin", {"login": ALICE})
    assert await sign_in(visitor, BOTH) == 200
    after = await visitor.post("/auth/prelogin", {"login": ALICE})
    unknown = await visitor.post("/auth/prelogin", {"login": "nobody@example.com"})
    assert before.json() == after.json()
    assert before.headers == unknown.headers
    for answer in (before.json(), unknown.json()):
        assert answer["kdf"] == {"alg": "argon2id", "m": 65536, "t": 3, "p": 4, "len": 32}
        assert answer["next"]["kdf"] == {**answer["kdf"], "m": 131_072}
        assert answer["next"]["salt"] == answer["salt"]
        assert answer.keys() == {"kdf", "salt", "next"}


async def test_whoever_signs_in_moves_and_no_session_ends(house: House, visitor: Visitor) -> None:
    await visitor.sign_in()
    await begin(house)
    other = Visitor(house)
    assert await sign_in(other, BOTH) == 200
    assert (await stored(house)).kdf == str(DEARER)
    assert await house.stores.derivations.passwords() == {str(DEARER): 1}
    assert (await visitor.post("/auth/refresh")).status_code == 200
    assert await sign_in(other, BOTH) == 200
    assert await sign_in(other, OLD) == 401


async def test_whoever_does_not_know_of_the_raise_signs_in_and_stays(
    house: House, visitor: Visitor
) -> None:
    await begin(house)
    assert await sign_in(visitor, OLD) == 200
    assert (await stored(house)).kdf == str(ARGON2ID)


async def test_nobody_moves_until_every_process_knows(house: House, visitor: Visitor) -> None:
    await begin(house, SETTLED_AFTER - timedelta(seconds=5))
    assert await sign_in(visitor, BOTH) == 200
    assert (await stored(house)).kdf == str(ARGON2ID)
    await begin(house, SETTLED_AFTER)
    assert await sign_in(visitor, BOTH) == 200
    assert (await stored(house)).kdf == str(DEARER)


async def test_whoever_signs_in_moves_to_the_newest_pepper_and_no_session_ends(
    house: House, visitor: Visitor
) -> None:
    """Issue 9, B6: passwords of an older pepper stayed with it for ever."""
    newest = max(house.keys.peppers)
    await visitor.sign_in()
    before = await stored(house)
    older = Secret(b"o" * 32)
    made = StoredVerifier(digest=verifier.digest(older, CLIENT_KEY), pepper=0, kdf=before.kdf)
    assert await house.stores.accounts.move_verifier("alice", before, made)
    cast("dict[int, Secret[bytes]]", house.keys.peppers)[0] = older
    assert await sign_in(Visitor(house), OLD) == 200
    assert (await stored(house)).pepper == newest
    assert await house.stores.derivations.peppers() == {newest: 1}
    assert (await visitor.post("/auth/refresh")).status_code == 200


async def test_two_keys_are_one_guess(house: House, visitor: Visitor) -> None:
    """The key counts that the password was stored with, and a wrong one is a failure."""
    wrong = base64url(bytes(32))
    assert await sign_in(visitor, {**OLD, "client_key": wrong, "next_key": KEY}) == 401
    await begin(house)
    assert await sign_in(visitor, {**OLD, "client_key": wrong, "next_key": KEY}) == 401
    assert await sign_in(visitor, BOTH) == 200
    assert await sign_in(visitor, {**OLD, "client_key": NEXT, "next_key": wrong}) == 401
    assert await sign_in(visitor, {**OLD, "client_key": wrong, "next_key": NEXT}) == 200


async def test_when_the_raise_is_over_the_new_key_is_the_key(
    house: House, visitor: Visitor
) -> None:
    await begin(house)
    assert await sign_in(visitor, BOTH) == 200
    await house.stores.derivations.put(Derivation(current=DEARER))
    prelogin = (await visitor.post("/auth/prelogin", {"login": ALICE})).json()
    assert (prelogin["kdf"]["m"], "next" in prelogin) == (131_072, False)
    assert (await visitor.http.get("/auth/config")).json()["kdf"]["m"] == 131_072
    assert await sign_in(visitor, {"login": ALICE, "client_key": NEXT}) == 200
    assert await sign_in(visitor, OLD) == 401


async def test_a_change_takes_the_key_that_the_password_was_stored_with(
    house: House, visitor: Visitor
) -> None:
    await begin(house)
    signed_in = await visitor.post("/auth/sign-in", BOTH)  # moves
    token = bearer(signed_in.json()["access_token"])
    keys = {"current_key": KEY, "new": "granite lantern walks slowly"}
    assert (await visitor.post("/auth/password/change", keys, **token)).status_code == 401
    keys["next_key"] = NEXT
    assert (await visitor.post("/auth/password/change", keys, **token)).status_code == 200
    assert (await stored(house)).kdf == str(DEARER)


@pytest.mark.parametrize(
    "body",
    [
        {"login": ALICE, "next_key": KEY},
        {"login": ALICE, "password": "x", "next_key": KEY},
        {**OLD, "next_key": KEY + "="},
        {**OLD, "next_key": None},
    ],
)
async def test_a_next_key_stands_beside_a_key_and_is_one(
    house: House, visitor: Visitor, body: object
) -> None:
    await begin(house)
    answer = await visitor.post("/auth/sign-in", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "body.invalid")


async def test_a_password_that_was_set_meanwhile_is_not_moved_over(house: House) -> None:
    """The move compares what was proven with what is stored, in one statement."""
    proven = await stored(house)
    pepper = max(house.keys.peppers)
    digest = verifier.digest(house.keys.peppers[pepper], b"another password's key, of 32 b.")
    changed = StoredVerifier(digest=digest, pepper=pepper, kdf=str(ARGON2ID))
    moved = StoredVerifier(digest=bytes(32), pepper=pepper, kdf=str(DEARER))
    assert await house.stores.accounts.set_verifier("alice", changed, 0, NOON) is not None
    assert not await house.stores.accounts.move_verifier("alice", proven, moved)
    assert await stored(house) == changed


async def test_a_time_of_imports_is_said_to_everybody(house: House, visitor: Visitor) -> None:
    await house.stores.derivations.put(Derivation(password_retry=True))
    assert (await visitor.http.get("/auth/config")).json()["password_retry"] is True
