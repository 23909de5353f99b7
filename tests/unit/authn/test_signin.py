"""Guessing is bounded, and what strangers do wrong does not lock the owner out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from ringfence.authn.budgets import Budgets
from ringfence.authn.counters import Change, Counter, CounterStore, T
from ringfence.authn.limits import Gcra
from ringfence.authn.signin import Credentials, SignIn
from ringfence.core.errors import Refused
from ringfence.core.secret import Secret
from ringfence.storage import Stores, open_stores
from ringfence_demo.careless.authn import Uncounted
from tests.unit.authn.flows import (
    ALICE,
    NOON,
    PASSWORD,
    NothingImported,
    PlainPasswords,
    account,
    plain,
)

HOME = "192.0.2.1"
SECOND = timedelta(seconds=1)
WINDOW = timedelta(minutes=15)


@dataclass
class Door:
    """A sign-in with its stores, and what it let through."""

    stores: Stores
    passwords: PlainPasswords
    signin: SignIn

    async def knock(
        self,
        password: str = "wrong",
        *,
        login: str = ALICE,
        client: str = HOME,
        after: timedelta = timedelta(),
    ) -> str:
        """The outcome of one attempt: a code, or ``in``."""
        credentials = Credentials(login=login, password=password)
        try:
            await self.signin.verify(credentials, client, NOON + after)
        except Refused as refused:
            return refused.code.name
        return "in"


@pytest.fixture
async def door() -> Door:
    stores = open_stores("memory:")
    await stores.accounts.create(account())
    passwords = PlainPasswords()
    signin = SignIn(
        accounts=stores.accounts,
        counters=stores.counters,
        proofs=passwords,
        imported=NothingImported(),
        budgets=Budgets(),
        pseudonyms=Secret(b"p" * 32),
    )
    return Door(stores, passwords, signin)


def elsewhere(number: int) -> str:
    """A stranger's address, another one for each number."""
    return f"198.51.{number // 250}.{number % 250}"


async def test_the_right_password_opens_and_a_wrong_one_does_not(door: Door) -> None:
    assert await door.knock(PASSWORD) == "in"
    assert await door.knock() == "credentials.invalid"


async def test_the_client_key_opens_as_well(door: Door) -> None:
    right, wrong = plain(PASSWORD), bytes(32)
    found = await door.signin.verify(Credentials(login=ALICE, client_key=right), HOME, NOON)
    assert found.id == "alice"
    with pytest.raises(Refused, match="credentials.invalid"):
        await door.signin.verify(Credentials(login=ALICE, client_key=wrong), HOME, NOON)


async def test_2000_guesses_from_one_address_get_10_verifications(door: Door) -> None:
    """ATTACKS U01: and the right password at the end is refused like the others."""
    for _ in range(2000):
        await door.knock()
    assert door.passwords.compared == 10
    assert await door.knock(PASSWORD) == "signin.limited"


async def test_with_the_layer_off_2000_guesses_get_2000_verifications(door: Door) -> None:
    """The pair of the test above."""
    door.signin = replace(door.signin, counters=Uncounted())
    for _ in range(2000):
        await door.knock()
    assert door.passwords.compared == 2000
    assert await door.knock(PASSWORD) == "in"


async def test_2000_guesses_from_200_addresses_get_10_verifications(door: Door) -> None:
    """ATTACKS U01, distributed."""
    for guess in range(2000):
        await door.knock(client=elsewhere(guess % 200))
    assert door.passwords.verified == 10
    assert await door.knock(PASSWORD, client=elsewhere(201)) == "signin.limited"


async def test_distributed_guessing_gets_at_most_50_verifications_a_day(door: Door) -> None:
    """ATTACKS U01, hard case H5: the bound that SECURITY.md states."""
    for minute in range(24 * 60):
        await door.knock(client=elsewhere(minute), after=timedelta(minutes=minute))
    assert 48 <= door.passwords.verified <= 50


async def test_1000_failures_of_strangers_do_not_lock_the_owner_out(door: Door) -> None:
    """ATTACKS U18: the owner's own network has a budget of its own."""
    assert await door.knock(PASSWORD) == "in"
    for guess in range(1000):
        await door.knock(client=elsewhere(guess))
    assert await door.knock(client=elsewhere(1001)) == "signin.limited"
    assert await door.knock(PASSWORD) == "in"


async def test_a_mailbox_proven_from_anywhere_opens_the_door_there(door: Door) -> None:
    """ATTACKS U18: under attack and away from home, the reset link is the way in."""
    for guess in range(1000):
        await door.knock(client=elsewhere(guess))
    assert await door.knock(PASSWORD) == "signin.limited"
    await door.signin.remember(ALICE, HOME, NOON)
    assert await door.knock(PASSWORD) == "in"


async def test_a_known_network_is_limited_too(door: Door) -> None:
    """A neighbour behind the owner's address gets no more guesses than a stranger."""
    assert await door.knock(PASSWORD) == "in"
    day = timedelta(days=1)
    for step in range(24 * 60):
        await door.knock(after=timedelta(minutes=step))
    assert door.passwords.verified <= 1 + 50
    assert await door.knock(PASSWORD, after=day + timedelta(hours=1)) == "in"


@pytest.mark.parametrize(
    ("after", "outcome"),
    [(timedelta(days=30) - SECOND, "in"), (timedelta(days=30), "signin.limited")],
)
async def test_a_network_is_known_for_30_days_and_not_longer(
    door: Door, after: timedelta, outcome: str
) -> None:
    assert await door.knock(PASSWORD) == "in"
    for guess in range(20):
        await door.knock(client=elsewhere(guess), after=after)
    assert await door.knock(PASSWORD, after=after) == outcome


async def test_a_typing_error_at_home_does_not_make_home_unknown(door: Door) -> None:
    assert await door.knock(PASSWORD) == "in"
    assert await door.knock() == "credentials.invalid"
    later = timedelta(days=20)
    for guess in range(20):
        await door.knock(client=elsewhere(guess), after=later)
    assert await door.knock(PASSWORD, after=later) == "in"


async def test_one_success_does_not_clear_the_failures_of_a_known_network(door: Door) -> None:
    """Ledger 21, for the budget of a login on its own network: 8 are gone, 2 are left."""
    assert await door.knock(PASSWORD) == "in"
    for _ in range(8):
        await door.knock()
    assert await door.knock(PASSWORD, after=WINDOW) == "in"
    outcomes = [await door.knock(after=WINDOW) for _ in range(4)]
    assert outcomes == ["credentials.invalid"] * 2 + ["signin.limited"] * 2


async def test_failures_do_not_make_a_network_known(door: Door) -> None:
    for _ in range(9):
        await door.knock(client=HOME)
    for guess in range(20):
        await door.knock(client=elsewhere(guess))
    assert await door.knock(PASSWORD, client=HOME, after=WINDOW) == "signin.limited"


async def test_one_success_does_not_clear_the_failures_of_an_address(door: Door) -> None:
    """Ledger 21: an attacker with an account of their own signs in between the guesses."""
    await door.stores.accounts.create(account("mallory", "mallory@example.com"))
    for _ in range(9):
        assert await door.knock() == "credentials.invalid"
    assert await door.knock(PASSWORD, login="mallory@example.com") == "in"
    assert await door.knock() == "credentials.invalid"
    assert await door.knock() == "signin.limited"


async def test_a_success_gives_its_own_unit_back(door: Door) -> None:
    """A family behind one address signs in as often as it likes."""
    for _ in range(50):
        assert await door.knock(PASSWORD) == "in"


async def test_one_success_does_not_clear_the_failures_against_the_account(door: Door) -> None:
    """Ledger 21, for the budget that strangers share."""
    for guess in range(9):
        await door.knock(client=elsewhere(guess))
    assert await door.knock(PASSWORD, client=HOME) == "in"
    assert await door.knock(client=elsewhere(100)) == "credentials.invalid"
    assert await door.knock(client=elsewhere(101)) == "signin.limited"


async def test_200_at_once_get_exactly_10_verifications(door: Door) -> None:
    """Ledger 22."""
    outcomes = await asyncio.gather(*(door.knock() for _ in range(200)))
    assert outcomes.count("credentials.invalid") == 10
    assert door.passwords.compared == 10


@pytest.mark.parametrize(
    "spellings",
    [
        ["203.0.113.9", "::ffff:203.0.113.9", "::ffff:cb00:7109"],
        ["2001:db8::1", "2001:DB8:0::1", "2001:db8::dead:beef"],
        ["", "unknown", "not an address"],
    ],
)
async def test_spelling_an_address_differently_buys_no_attempts(
    door: Door, spellings: list[str]
) -> None:
    """Ledger 18 and 20."""
    for attempt in range(30):
        await door.knock(login=f"user{attempt}@example.com", client=spellings[attempt % 3])
    assert door.passwords.compared == 10


async def test_a_login_that_does_not_exist_is_limited_in_the_same_way(door: Door) -> None:
    """Ledger 24: a limit that only accounts have would tell who has one."""
    known = [await door.knock(client=elsewhere(guess)) for guess in range(15)]
    nobody = [
        await door.knock(login="nobody@example.com", client=elsewhere(guess + 500))
        for guess in range(15)
    ]
    assert known == nobody


class Written:
    """A ``CounterStore`` that notes how often it was asked to write how many counters."""

    def __init__(self, inner: CounterStore) -> None:
        self._inner = inner
        self.writes: list[int] = []

    async def update(self, keys: Sequence[str], change: Change[T]) -> T:
        def noting(counters: Sequence[Counter | None]) -> tuple[Sequence[Counter | None], T]:
            changed, answer = change(counters)
            self.writes.append(sum(counter is not None for counter in changed))
            return changed, answer

        return await self._inner.update(keys, noting)

    async def purge(self, now: datetime) -> int:
        return await self._inner.purge(now)


async def neighbours(door: Door, strangers: int) -> tuple[list[str], list[str], set[int], set[int]]:
    """What a neighbour of alice's, behind the same address, sees of her login and of no login.

    The codes and waits, and what each attempt costs: comparisons and writes.
    """
    assert await door.knock(PASSWORD) == "in"
    seen: list[list[str]] = []
    costs: list[set[int]] = []
    for login in (ALICE, "nobody@example.com"):
        for guess in range(strangers):
            await door.knock(login=login, client=elsewhere(guess))
        counters = Written(door.stores.counters)
        signin = replace(door.signin, counters=counters)
        answers: list[str] = []
        cost: set[int] = set()
        for step in range(60):
            before, counters.writes = door.passwords.compared, []
            now = NOON + WINDOW + step * timedelta(minutes=20)
            with pytest.raises(Refused) as caught:
                await signin.verify(Credentials(login=login, password="wrong"), HOME, now)
            answers.append(f"{caught.value.code.name} {caught.value.retry_after}")
            cost.add(100 * (door.passwords.compared - before) + len(counters.writes))
        seen.append(answers)
        costs.append(cost)
    return seen[0], seen[1], costs[0], costs[1]


@pytest.mark.parametrize("strangers", [0, 5, 9, 10, 11, 200])
async def test_a_neighbour_learns_of_no_account(door: Door, strangers: int) -> None:
    """ATTACKS U03: 401 against 429 told which logins are used behind the address."""
    alice, nobody, her_costs, their_costs = await neighbours(door, strangers)
    assert alice == nobody
    assert her_costs == their_costs == {102}  # one comparison, two writes


async def test_an_owner_who_mistypes_among_strangers_gets_in_all_the_same(door: Door) -> None:
    """ATTACKS U18."""
    assert await door.knock(PASSWORD) == "in"
    for guess in range(20):
        await door.knock(client=elsewhere(guess))
    assert await door.knock() == "signin.limited"
    assert await door.knock(PASSWORD) == "in"


async def test_the_right_password_is_not_looked_at_where_the_budget_is_used_up(door: Door) -> None:
    for guess in range(10):
        await door.knock(client=elsewhere(guess))
    right = [await door.knock(PASSWORD, client=elsewhere(50 + guess)) for guess in range(5)]
    wrong = [await door.knock(client=elsewhere(100 + guess)) for guess in range(5)]
    assert right == wrong == ["signin.limited"] * 5


async def test_whoever_has_no_address_never_becomes_known(door: Door) -> None:
    """Ledger 20: everybody without an address would share that."""
    assert await door.knock(PASSWORD, client="") == "in"
    await door.signin.remember(ALICE, "", NOON)
    for guess in range(20):
        await door.knock(client=elsewhere(guess))
    assert await door.knock(PASSWORD, client="") == "signin.limited"


async def test_a_disabled_account_is_answered_like_a_wrong_password(door: Door) -> None:
    """Ledger 9."""
    await door.stores.accounts.disable("alice", NOON)
    assert await door.knock(PASSWORD) == "credentials.invalid"


async def test_an_account_without_a_password_is_answered_like_a_wrong_one(door: Door) -> None:
    await door.stores.accounts.create(replace(account("bob", "bob@example.com"), verifier=None))
    assert await door.knock(PASSWORD, login="bob@example.com") == "credentials.invalid"


async def test_a_refusal_names_the_login_by_its_pseudonym_only(door: Door) -> None:
    """MUSTS L02: people type passwords into that field."""
    with pytest.raises(Refused) as caught:
        await door.signin.verify(Credentials(login=ALICE, password="wrong"), HOME, NOON)
    assert list(caught.value.facts) == ["login"]
    assert "alice" not in str(caught.value.facts)


async def test_no_counter_is_named_after_a_login(door: Door) -> None:
    names: list[str] = []
    update = door.stores.counters.update

    class Listening:
        async def update(self, keys: Sequence[str], change: Change[T]) -> T:
            names.extend(keys)
            return await update(keys, change)

        async def purge(self, now: datetime) -> int:
            return 0

    signin = replace(door.signin, counters=Listening())
    await signin.verify(Credentials(login=ALICE, password=PASSWORD), HOME, NOON)
    assert names
    assert not any("alice" in name for name in names)


FEW = replace(Budgets(), signin_success=Gcra(burst=3, every=timedelta(seconds=10)))


async def test_right_sign_ins_of_one_account_are_bounded_too(door: Door) -> None:
    """Each leaves a session that is kept for a week: without a bound the disk is full in hours."""
    door.signin = replace(door.signin, budgets=FEW)
    outcomes = [await door.knock(PASSWORD, client=elsewhere(n)) for n in range(5)]
    assert outcomes == ["in"] * 3 + ["signin.limited"] * 2
    assert await door.knock(PASSWORD, client=elsewhere(5), after=timedelta(seconds=10)) == "in"


async def test_with_the_layer_off_they_are_not(door: Door) -> None:
    """The pair of the test above."""
    door.signin = replace(door.signin, budgets=FEW, counters=Uncounted())
    outcomes = [await door.knock(PASSWORD, client=elsewhere(n)) for n in range(5)]
    assert outcomes == ["in"] * 5


async def test_no_stranger_uses_up_the_owners_sign_ins(door: Door) -> None:
    door.signin = replace(door.signin, budgets=FEW)
    for guess in range(8):
        await door.knock(client=elsewhere(guess))
    assert [await door.knock(PASSWORD, client=elsewhere(n)) for n in range(2)] == ["in"] * 2


async def test_more_sign_ins_than_any_person_needs_are_let_through(door: Door) -> None:
    assert [await door.knock(PASSWORD) for _ in range(200)] == ["in"] * 200
