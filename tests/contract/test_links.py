"""``LinkStore`` keeps its promises on every adapter: one use, of the newest link, or nothing."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ringfence.authn.links import Purpose
from tests.contract.stores import (
    NOW,
    SECOND,
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

EXPIRES = link("any").expires_at
MICROSECOND = timedelta(microseconds=1)


async def test_a_link_is_found_as_it_was_added(rig: Rig) -> None:
    await rig.stores.links.add(link("one"))
    assert await rig.stores.links.find(digest("one"), "reset", NOW) == link("one")


async def test_a_link_works_until_it_expires_and_not_then(rig: Rig) -> None:
    await rig.stores.links.add(link("one"))
    assert await rig.stores.links.find(digest("one"), "reset", EXPIRES - MICROSECOND) is not None
    assert await rig.stores.links.find(digest("one"), "reset", EXPIRES) is None


async def test_a_link_is_good_for_its_own_purpose_only(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    await rig.stores.links.add(link("up", "sign-up", "carol@example.com"))
    await rig.stores.links.add(link("re"))
    assert await rig.stores.links.find(digest("up"), "reset", NOW) is None
    assert await rig.stores.links.find(digest("re"), "sign-up", NOW) is None
    assert await rig.stores.links.redeem_reset(digest("up"), verifier("new"), NOW) is None
    assert not await rig.stores.links.redeem_sign_up(digest("re"), account("dave"), NOW)


@pytest.mark.parametrize("purpose", ["sign-up", "reset"])
async def test_a_newer_link_stops_the_older_one(rig: Rig, purpose: Purpose) -> None:
    links = rig.stores.links
    await links.add(link("old", purpose))
    await links.add(link("other login", purpose, "bob@example.com"))
    await links.add(link("new", purpose))
    assert await links.find(digest("old"), purpose, NOW) is None
    assert await links.find(digest("new"), purpose, NOW) is not None
    assert await links.find(digest("other login"), purpose, NOW) is not None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Alice", "Alice"], "Alice"),
        (["Alice", "A Thief"], ""),
        (["A Thief", "Alice"], ""),
        (["Alice", "A Thief", "A Thief"], ""),
        (["Alice", ""], ""),
    ],
)
async def test_a_name_that_is_disputed_is_nobodys(
    rig: Rig, names: list[str], expected: str
) -> None:
    """Issue 9, A: whoever asked last named the account of whoever proved the mailbox."""
    for number, name in enumerate(names):
        await rig.stores.links.add(replace(link(f"{number}", "sign-up"), name=name))
    found = await rig.stores.links.find(digest(f"{len(names) - 1}"), "sign-up", NOW)
    assert found is not None
    assert found.name == expected


async def test_a_name_that_was_asked_for_long_ago_disputes_nothing(rig: Rig) -> None:
    first = replace(link("first", "sign-up"), name="A Thief")
    await rig.stores.links.add(first)
    again = replace(link("again", "sign-up"), name="Alice", created_at=first.expires_at)
    await rig.stores.links.add(replace(again, expires_at=first.expires_at + SECOND))
    found = await rig.stores.links.find(digest("again"), "sign-up", first.expires_at)
    assert found is not None
    assert found.name == "Alice"


async def test_a_sign_up_is_redeemed_once_of_fifty(rig: Rig) -> None:
    """Ledger 23; ASVS 6.5.1."""
    await rig.stores.links.add(link("up", "sign-up"))
    rivals = [account(id=f"id-{number}") for number in range(50)]
    won = await asyncio.gather(
        *(rig.stores.links.redeem_sign_up(digest("up"), rival, NOW) for rival in rivals)
    )
    assert sum(won) == 1
    found = await rig.stores.accounts.find_by_login("alice@example.com")
    assert found == rivals[won.index(True)]


async def test_a_sign_up_for_a_login_that_is_taken_keeps_its_link(rig: Rig) -> None:
    """Ledger 2: nobody's account is touched, and nothing is written."""
    await rig.stores.accounts.create(account())
    await rig.stores.links.add(link("up", "sign-up"))
    rival = account(id="id-mallory", verifier=verifier("mallory's"))
    assert not await rig.stores.links.redeem_sign_up(digest("up"), rival, NOW)
    assert await rig.stores.accounts.find_by_login("alice@example.com") == account()
    assert await rig.stores.links.find(digest("up"), "sign-up", NOW) is not None


async def test_a_sign_up_link_creates_no_account_for_another_mailbox(rig: Rig) -> None:
    await rig.stores.links.add(link("up", "sign-up", "mallory@example.com"))
    assert not await rig.stores.links.redeem_sign_up(digest("up"), account(), NOW)
    assert await rig.stores.accounts.find_by_login("alice@example.com") is None


async def test_an_expired_sign_up_creates_nothing(rig: Rig) -> None:
    await rig.stores.links.add(link("up", "sign-up"))
    assert not await rig.stores.links.redeem_sign_up(digest("up"), account(), EXPIRES)
    assert await rig.stores.accounts.find("id-alice") is None


async def test_a_reset_is_redeemed_once_of_fifty(rig: Rig) -> None:
    """Ledger 23; ASVS 6.5.1."""
    await rig.stores.accounts.create(account())
    await rig.stores.links.add(link("re"))
    verifiers = [verifier(f"new {number}") for number in range(50)]
    outcomes = await asyncio.gather(
        *(rig.stores.links.redeem_reset(digest("re"), one, NOW) for one in verifiers)
    )
    won = [outcome for outcome in outcomes if outcome is not None]
    assert len(won) == 1
    assert won[0].token_version == 1
    assert won[0].verifier == verifiers[outcomes.index(won[0])]
    assert await rig.stores.accounts.find("id-alice") == won[0]


async def test_a_reset_ends_every_session_and_tells_the_feed(rig: Rig) -> None:
    """ASVS 7.4.3."""
    await rig.stores.accounts.create(account())
    await signed_in(rig.stores)
    await rig.stores.links.add(link("re"))
    after = await rig.stores.links.redeem_reset(digest("re"), verifier("new"), NOW + SECOND)
    assert after == account(verifier=verifier("new"), token_version=1)
    assert await rig.stores.sessions.of_account("id-alice") == []
    entry = revoked(account="id-alice", tv=1)
    assert await feed(rig.stores) == [entry]
    assert await rig.stores.sessions.begin(session("late"), token("late", "late"), 0) is None


async def test_a_new_password_stops_a_reset_link_that_was_mailed_before(rig: Rig) -> None:
    """OWASP Forgot Password; ATTACKS U17: whoever asked for it need not be the owner."""
    await rig.stores.accounts.create(account())
    await rig.stores.links.add(link("re"))
    await rig.stores.links.add(link("up", "sign-up"))
    await rig.stores.links.add(link("bob's", "reset", "bob@example.com"))
    await rig.stores.accounts.set_verifier("id-alice", verifier("changed"), 0, NOW)
    assert await rig.stores.links.redeem_reset(digest("re"), verifier("mallory's"), NOW) is None
    found = await rig.stores.accounts.find("id-alice")
    assert found is not None
    assert found.verifier == verifier("changed")
    assert await rig.stores.links.find(digest("bob's"), "reset", NOW) is not None
    assert await rig.stores.links.find(digest("up"), "sign-up", NOW) is not None


async def test_of_a_change_and_a_reset_at_once_one_is_carried_out(rig: Rig) -> None:
    """The password that is left is the winner's, and the loser was told."""
    await rig.stores.accounts.create(account())
    for number in range(10):
        await rig.stores.links.add(link("re"))
        changed, reset = verifier(f"changed {number}"), verifier(f"reset {number}")
        outcomes = await asyncio.gather(
            rig.stores.accounts.set_verifier("id-alice", changed, number, NOW),
            rig.stores.links.redeem_reset(digest("re"), reset, NOW),
        )
        (winner,) = [outcome for outcome in outcomes if outcome is not None]
        assert winner.verifier in (changed, reset)
        assert await rig.stores.accounts.find("id-alice") == winner


async def test_an_expired_reset_changes_nothing(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    await rig.stores.links.add(link("re"))
    assert await rig.stores.links.redeem_reset(digest("re"), verifier("new"), EXPIRES) is None
    assert await rig.stores.accounts.find("id-alice") == account()


async def test_a_reset_does_not_bring_a_disabled_account_back(rig: Rig) -> None:
    """Ledger 9."""
    await rig.stores.accounts.create(account(disabled_at=NOW))
    await rig.stores.links.add(link("re"))
    assert await rig.stores.links.redeem_reset(digest("re"), verifier("new"), NOW) is None
    assert await rig.stores.accounts.find("id-alice") == account(disabled_at=NOW)
    assert await rig.stores.links.find(digest("re"), "reset", NOW) is not None


async def test_a_reset_for_a_login_without_account_changes_nothing(rig: Rig) -> None:
    await rig.stores.links.add(link("re"))
    assert await rig.stores.links.redeem_reset(digest("re"), verifier("new"), NOW) is None


async def test_of_two_links_at_once_one_is_left(rig: Rig) -> None:
    both = [replace(link("re"), digest=digest(name)) for name in ("one", "two")]
    await asyncio.gather(*map(rig.stores.links.add, both))
    found = [await rig.stores.links.find(one.digest, "reset", NOW) for one in both]
    assert sum(one is not None for one in found) == 1
