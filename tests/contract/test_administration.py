"""What an operator does to accounts and limits, on every adapter."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from ringfence.authn.accounts import AccountStore
from ringfence.authn.counters import Counter
from ringfence.core.errors import StoreError
from tests.contract.server import Server
from tests.contract.stores import (
    NOW,
    Rig,
    account,
    digest,
    feed,
    link,
    opened,
    revoked,
    session,
    signed_in,
    token,
)

LATER = NOW + timedelta(hours=1)


async def test_an_account_that_is_enabled_again_stays_signed_out(rig: Rig) -> None:
    accounts, sessions = rig.stores.accounts, rig.stores.sessions
    await accounts.create(account())
    await signed_in(rig.stores)
    disabled = await accounts.disable("id-alice", LATER)
    enabled = await accounts.enable("id-alice")
    assert enabled.disabled_at is None
    assert enabled == await accounts.find("id-alice")
    assert enabled.token_version == disabled.token_version == 1
    assert await sessions.get("laptop") is None
    assert await sessions.begin(session("new"), token("n0", family="new"), 1) is not None


async def test_enabling_twice_is_no_error(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    assert await rig.stores.accounts.enable("id-alice") == account()


async def test_a_deleted_account_is_gone_with_what_hung_on_it_and_its_tokens_die(
    administration: Rig,
) -> None:
    """ASVS 7.4.2."""
    stores = administration.stores
    await stores.accounts.create(account())
    await stores.accounts.create(account("bob"))
    first = await signed_in(stores)
    assert (
        await stores.sessions.begin(session("bobs", "id-bob"), token("b0", family="bobs"), 0)
        is not None
    )
    await stores.links.add(link("reset"))
    assert await stores.accounts.delete("id-alice") == account()

    assert await stores.accounts.find("id-alice") is None
    assert await stores.accounts.find_by_login("alice@example.com") is None
    assert await stores.sessions.get("laptop") is None
    assert await stores.sessions.find(first.digest) is None
    assert await stores.links.find(digest("reset"), "reset", NOW) is None
    assert stores.revocations.changed()
    assert await feed(stores) == [revoked(account="id-alice", tv=1)]
    assert await stores.accounts.find("id-bob") is not None
    assert await stores.sessions.get("bobs") is not None


async def test_a_login_that_was_deleted_is_free(administration: Rig) -> None:
    accounts = administration.stores.accounts
    await accounts.create(account())
    await accounts.delete("id-alice")
    assert await accounts.create(account(id="id-other"))


async def test_a_new_login_drops_the_password_and_ends_the_sessions(administration: Rig) -> None:
    stores = administration.stores
    await stores.accounts.create(account(roles=frozenset({"admin"})))
    await signed_in(stores)
    await stores.links.add(link("old"))
    await stores.links.add(link("new", purpose="sign-up", login="alice@example.net"))
    changed = await stores.accounts.change_login("id-alice", "alice@example.net", LATER)

    assert changed is not None
    assert changed == await stores.accounts.find_by_login("alice@example.net")
    assert (changed.id, changed.roles) == ("id-alice", frozenset({"admin"}))
    assert (changed.verifier, changed.token_version) == (None, 1)
    assert changed.login_verified_at == LATER
    assert await stores.accounts.find_by_login("alice@example.com") is None
    assert await stores.sessions.get("laptop") is None
    assert await stores.links.find(digest("old"), "reset", NOW) is None
    assert await stores.links.find(digest("new"), "sign-up", NOW) is None
    assert await feed(stores) == [revoked(account="id-alice", tv=1)]


async def test_a_login_that_is_taken_changes_nothing(administration: Rig) -> None:
    stores = administration.stores
    await stores.accounts.create(account())
    await stores.accounts.create(account("bob"))
    await signed_in(stores)
    assert await stores.accounts.change_login("id-alice", "bob@example.com", LATER) is None
    assert await stores.accounts.find("id-alice") == account()
    assert await stores.sessions.get("laptop") is not None
    assert await feed(stores) == []


async def test_of_two_who_take_one_login_at_once_one_gets_it(administration: Rig) -> None:
    """Whoever comes second is told so, or has to ask again."""
    accounts = administration.stores.accounts
    await accounts.create(account())
    await accounts.create(account("bob"))
    answers = await asyncio.gather(
        accounts.change_login("id-alice", "new@example.com", LATER),
        accounts.change_login("id-bob", "new@example.com", LATER),
        return_exceptions=True,
    )
    won = [each for each in answers if each is not None and not isinstance(each, BaseException)]
    assert len(won) == 1
    assert all(each is None or isinstance(each, StoreError) for each in answers if each not in won)
    found = await accounts.find_by_login("new@example.com")
    assert found == won[0]


ACTIONS: dict[str, Callable[[AccountStore], Awaitable[object]]] = {
    "enable": lambda accounts: accounts.enable("nobody"),
    "delete": lambda accounts: accounts.delete("nobody"),
    "change_login": lambda accounts: accounts.change_login("nobody", "new@example.com", LATER),
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_who_does_not_exist_is_a_lookup_error(administration: Rig, action: str) -> None:
    with pytest.raises(LookupError):
        await ACTIONS[action](administration.stores.accounts)
    assert await feed(administration.stores) == []


@pytest.mark.postgres
async def test_the_role_of_the_service_deletes_nobody_and_changes_no_login(
    postgres: Server,
) -> None:
    """Whoever takes the service over cannot give an account to another address."""
    async with opened(postgres.app_url) as stores:
        await stores.accounts.create(account())
        with pytest.raises(StoreError) as deleting:
            await stores.accounts.delete("id-alice")
        with pytest.raises(StoreError) as changing:
            await stores.accounts.change_login("id-alice", "new@example.com", LATER)
        assert await stores.accounts.find("id-alice") == account()
    for refused in (deleting, changing):
        assert refused.value.facts["reason"] == "InsufficientPrivilegeError"


# -------------------------------------------------------------------------------------- limits


async def fill(rig: Rig, **until: int) -> None:
    """Counters that are in debt for so many minutes from NOW on."""
    counters = [Counter((1,), NOW + timedelta(minutes=minutes)) for minutes in until.values()]
    await rig.stores.counters.update(list(until), lambda _found: (counters, None))


async def test_counters_in_debt_are_listed_by_their_keys(rig: Rig) -> None:
    await fill(rig, b=5, paid=0, a=1, c=9, B=3)
    found = await rig.stores.counters.list(NOW)
    assert [key for key, _ in found] == ["B", "a", "b", "c"]
    assert found[2][1] == Counter((1,), NOW + timedelta(minutes=5))


async def test_a_long_list_comes_in_pages(rig: Rig) -> None:
    await fill(rig, a=1, b=1, c=1, d=1)
    first = await rig.stores.counters.list(NOW, limit=3)
    rest = await rig.stores.counters.list(NOW, after=first[-1][0], limit=3)
    assert [key for key, _ in (*first, *rest)] == ["a", "b", "c", "d"]


async def test_what_is_removed_is_gone_and_nothing_else_is(rig: Rig) -> None:
    await fill(rig, a=1, ab=1, b=1)
    assert await rig.stores.counters.remove(["a", "b", "nothing"]) == 2
    assert [key for key, _ in await rig.stores.counters.list(NOW)] == ["ab"]


async def test_clearing_and_charging_at_once_wait_for_each_other(rig: Rig) -> None:
    """No deadlock, whatever the order of the keys."""
    keys = [f"key{number}" for number in range(20)]
    await fill(rig, **dict.fromkeys(keys, 1))
    counter = Counter((2,), LATER)
    await asyncio.gather(
        *(rig.stores.counters.update(keys, lambda found: ([counter] * 20, None)) for _ in "123"),
        *(rig.stores.counters.remove(keys[::-1]) for _ in "123"),
    )
