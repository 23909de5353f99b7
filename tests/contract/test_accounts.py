"""``AccountStore`` keeps its promises on every adapter."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from ringfence.authn.accounts import Account, AccountStore
from tests.contract.stores import (
    NOW,
    Rig,
    account,
    digest,
    feed,
    link,
    revoked,
    session,
    signed_in,
    token,
    verifier,
)

LATER = NOW + timedelta(hours=1)

CHANGES: dict[str, Callable[[AccountStore, str], Awaitable[Account | None]]] = {
    "a new password": lambda store, key: store.set_verifier(key, verifier("new"), 0, LATER),
    "disabling": lambda store, key: store.disable(key, LATER),
    "signing out everywhere": lambda store, key: store.sign_out_everywhere(key, LATER),
}


async def test_an_account_is_found_as_it_was_created(rig: Rig) -> None:
    alice = account(
        roles=frozenset({"user", 'a "quoted" rôle', ""}),
        disabled_at=LATER,
        token_version=7,
        role_version=8,
    )
    assert await rig.stores.accounts.create(alice)
    assert await rig.stores.accounts.find(alice.id) == alice
    assert await rig.stores.accounts.find_by_login(alice.login) == alice


async def test_an_account_without_a_password_has_no_verifier(rig: Rig) -> None:
    await rig.stores.accounts.create(account(verifier=None))
    found = await rig.stores.accounts.find("id-alice")
    assert found is not None
    assert found.verifier is None


@pytest.mark.parametrize("text", ["", "nobody", "nul\0", "lone \udc80 surrogate", "x" * 5000])
async def test_what_was_never_stored_is_not_found(rig: Rig, text: str) -> None:
    assert await rig.stores.accounts.find(text) is None
    assert await rig.stores.accounts.find_by_login(text) is None


async def test_a_login_that_is_taken_creates_nothing(rig: Rig) -> None:
    accounts = rig.stores.accounts
    assert await accounts.create(account())
    assert not await accounts.create(account(id="id-mallory", verifier=verifier("other")))
    assert await accounts.find("id-mallory") is None
    assert await accounts.find_by_login("alice@example.com") == account()


async def test_fifty_sign_ups_of_one_login_at_once_make_one_account(rig: Rig) -> None:
    rivals = [account(id=f"id-{number}") for number in range(50)]
    made = await asyncio.gather(*map(rig.stores.accounts.create, rivals))
    assert sum(made) == 1
    winner = await rig.stores.accounts.find_by_login("alice@example.com")
    assert winner == rivals[made.index(True)]


async def test_accounts_are_listed_by_the_bytes_of_their_ids(rig: Rig) -> None:
    ids = ["B", "Z", "_", "a", "b", "-", "0", "~"]
    for number, key in enumerate(ids):
        await rig.stores.accounts.create(account(f"n{number}", id=key))
    first = await rig.stores.accounts.list(limit=3)
    rest = await rig.stores.accounts.list(after=first[-1].id, limit=50)
    assert [found.id for found in (*first, *rest)] == sorted(ids)


@pytest.mark.parametrize("change", CHANGES)
async def test_older_tokens_and_sessions_die_with(rig: Rig, change: str) -> None:
    """Ledger 9; ASVS 7.4."""
    await rig.stores.accounts.create(account())
    await rig.stores.accounts.create(account("bob"))
    first = await signed_in(rig.stores)
    bob = await rig.stores.sessions.begin(session("bobs", "id-bob"), token("bobs-t0", "bobs"), 0)
    after = await CHANGES[change](rig.stores.accounts, "id-alice")

    assert bob is not None
    assert after is not None
    assert after == await rig.stores.accounts.find("id-alice")
    assert after.token_version == 1
    assert after.role_version == 0
    assert await rig.stores.sessions.of_account("id-alice") == []
    assert await rig.stores.sessions.get("laptop") is None
    assert await rig.stores.sessions.get("bobs") is not None
    spent = await rig.stores.sessions.find(first.digest)
    assert spent is not None
    assert spent.family_revoked
    assert rig.stores.revocations.changed()
    assert await feed(rig.stores) == [revoked(account="id-alice", tv=1)]


async def test_a_new_password_replaces_the_old_one(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    after = await rig.stores.accounts.set_verifier("id-alice", verifier("new"), 0, LATER)
    assert after is not None
    assert after.verifier == verifier("new")


async def test_a_first_password_can_be_set(rig: Rig) -> None:
    await rig.stores.accounts.create(account(verifier=None))
    after = await rig.stores.accounts.set_verifier("id-alice", verifier("new"), 0, LATER)
    assert after is not None
    assert after.verifier == verifier("new")


async def test_new_roles_leave_sessions_alone_and_tell_the_feed(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    await signed_in(rig.stores)
    after = await rig.stores.accounts.set_roles("id-alice", frozenset({"admin"}))
    assert after == account(roles=frozenset({"admin"}), role_version=1)
    assert await rig.stores.sessions.get("laptop") is not None
    assert await feed(rig.stores) == [revoked(account="id-alice", rv=1)]


async def test_disabling_again_keeps_the_first_time(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    await rig.stores.accounts.disable("id-alice", NOW)
    after = await rig.stores.accounts.disable("id-alice", LATER)
    assert after == account(disabled_at=NOW, token_version=2)


async def test_a_password_change_does_not_undo_what_was_done_meanwhile(rig: Rig) -> None:
    """It compared the old password, and hashes the new one while a reset is carried out."""
    await rig.stores.accounts.create(account())
    await rig.stores.links.add(link("re"))
    reset = await rig.stores.links.redeem_reset(digest("re"), verifier("reset"), NOW)
    thief = await rig.stores.accounts.set_verifier("id-alice", verifier("thief's"), 0, LATER)
    assert thief is None
    assert await rig.stores.accounts.find("id-alice") == reset
    assert await feed(rig.stores) == [revoked(account="id-alice", tv=1)]


async def test_of_parallel_changes_of_one_password_one_is_carried_out(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    new = [verifier(f"new {number}") for number in range(20)]
    outcomes = await asyncio.gather(
        *(rig.stores.accounts.set_verifier("id-alice", one, 0, LATER) for one in new)
    )
    (winner,) = [outcome for outcome in outcomes if outcome is not None]
    assert winner.verifier == new[outcomes.index(winner)]
    assert await rig.stores.accounts.find("id-alice") == winner


@pytest.mark.parametrize("version", [-1, 1])
async def test_a_change_that_is_refused_writes_nothing(rig: Rig, version: int) -> None:
    await rig.stores.accounts.create(account())
    await rig.stores.links.add(link("re"))
    await signed_in(rig.stores)
    new = await rig.stores.accounts.set_verifier("id-alice", verifier("new"), version, LATER)
    assert new is None
    assert await rig.stores.accounts.find("id-alice") == account()
    assert await rig.stores.sessions.get("laptop") is not None
    assert await rig.stores.links.find(digest("re"), "reset", NOW) is not None
    assert await feed(rig.stores) == []


async def test_nobody_sets_the_password_of_an_account_that_is_gone_or_disabled(rig: Rig) -> None:
    """Ledger 9."""
    disabled = account(disabled_at=NOW)
    await rig.stores.accounts.create(disabled)
    assert await rig.stores.accounts.set_verifier("nobody", verifier("new"), 0, LATER) is None
    assert await rig.stores.accounts.set_verifier("id-alice", verifier("new"), 0, LATER) is None
    assert await rig.stores.accounts.find("id-alice") == disabled


@pytest.mark.parametrize("change", ["disabling", "signing out everywhere"])
async def test_an_account_that_is_not_there_cannot_be_changed_by(rig: Rig, change: str) -> None:
    with pytest.raises(LookupError):
        await CHANGES[change](rig.stores.accounts, "nobody")
    with pytest.raises(LookupError):
        await rig.stores.accounts.set_roles("nobody", frozenset())
    assert await feed(rig.stores) == []


async def test_parallel_changes_lose_no_version(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    ends = (rig.stores.accounts.sign_out_everywhere("id-alice", LATER) for _ in range(30))
    after = await asyncio.gather(*ends)
    assert sorted(found.token_version for found in after) == list(range(1, 31))
