"""A new password ends everything that the old one began (ATTACKS U17; Ledger 9)."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ringfence.authn.accounts import Account, AccountStore, StoredVerifier
from ringfence.authn.budgets import Budgets
from ringfence.authn.outbox import SEVERAL, Errand
from ringfence.authn.recovery import Recovery
from ringfence.authn.refresh import RefreshToken
from ringfence.authn.sessions import Session
from ringfence.authn.signin import Credentials
from ringfence.core.errors import Refused
from ringfence.storage import Stores, open_stores
from ringfence_demo.careless.authn import ReusableLinks, Uncounted
from tests.unit.authn.flows import (
    ALICE,
    NOON,
    PASSWORD,
    Mailbox,
    PlainPasswords,
    account,
    counting,
    plain,
)

SITE = "https://shop.example"
NEW = "granite lantern walks slowly"


def by(password: str) -> Credentials:
    return Credentials(login=ALICE, password=password)


@dataclass
class Desk:
    stores: Stores
    mailbox: Mailbox
    passwords: PlainPasswords
    recovery: Recovery

    async def alice(self) -> Account:
        found = await self.stores.accounts.find("alice")
        assert found is not None
        return found


@pytest.fixture
async def desk() -> Desk:
    """Alice has an account and is signed in once."""
    stores, mailbox, passwords = open_stores("memory:"), Mailbox(), PlainPasswords()
    await stores.accounts.create(account())
    session = Session(id="s", account="alice", signed_in_at=NOON, last_used_at=NOON)
    first = RefreshToken(digest=bytes(32), family="s", signed_in_at=NOON, issued_at=NOON)
    assert await stores.sessions.begin(session, first, 0) is not None
    recovery = Recovery(
        accounts=stores.accounts,
        links=stores.links,
        counters=stores.counters,
        mailer=mailbox,
        passwords=passwords,
        budgets=Budgets(),
        random=counting(),
    )
    return Desk(stores, mailbox, passwords, recovery)


async def test_a_reset_sets_the_password_ends_every_session_and_begins_none(desk: Desk) -> None:
    await desk.recovery.ask(ALICE, SITE, NOON)
    changed = await desk.recovery.reset(desk.mailbox.token(), NEW, NOON)
    assert changed == await desk.alice()
    assert changed.verifier is not None
    assert changed.verifier.digest == plain(NEW)
    assert changed.token_version == 1
    assert await desk.stores.sessions.of_account("alice") == []


async def test_a_reset_link_works_once(desk: Desk) -> None:
    await desk.recovery.ask(ALICE, SITE, NOON)
    await desk.recovery.reset(desk.mailbox.token(), NEW, NOON)
    with pytest.raises(Refused, match="link.invalid"):
        await desk.recovery.reset(desk.mailbox.token(), PASSWORD, NOON)


async def test_with_the_layer_off_a_reset_link_works_again(desk: Desk) -> None:
    """The pair of the test above."""
    stores = desk.stores
    links = ReusableLinks(stores.links, stores.accounts, stores.factors)
    desk.recovery = replace(desk.recovery, links=links)
    await desk.recovery.ask(ALICE, SITE, NOON)
    await desk.recovery.reset(desk.mailbox.token(), PASSWORD, NOON)
    changed = await desk.recovery.reset(desk.mailbox.token(), NEW, NOON)
    assert changed.verifier is not None
    assert changed.verifier.digest == plain(NEW)


async def test_50_parallel_resets_give_one_success(desk: Desk) -> None:
    """Ledger 23, for links."""
    await desk.recovery.ask(ALICE, SITE, NOON)
    token = desk.mailbox.token()
    resets = (desk.recovery.reset(token, f"{NEW} {n}", NOON) for n in range(50))
    outcomes = await asyncio.gather(*resets, return_exceptions=True)
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 49
    assert (await desk.alice()).token_version == 1


async def test_a_weak_password_does_not_burn_the_link(desk: Desk) -> None:
    await desk.recovery.ask(ALICE, SITE, NOON)
    with pytest.raises(Refused, match="password.too_short"):
        await desk.recovery.reset(desk.mailbox.token(), "short", NOON)
    assert await desk.recovery.reset(desk.mailbox.token(), NEW, NOON)


async def test_a_link_that_is_20_minutes_old_is_dead(desk: Desk) -> None:
    await desk.recovery.ask(ALICE, SITE, NOON)
    with pytest.raises(Refused, match="link.invalid"):
        await desk.recovery.reset(desk.mailbox.token(), NEW, NOON + timedelta(minutes=20))


async def test_who_has_no_account_gets_no_mail(desk: Desk) -> None:
    await desk.recovery.ask("nobody@example.com", SITE, NOON)
    assert desk.mailbox.mails == []


async def test_a_disabled_account_is_not_recovered(desk: Desk) -> None:
    """Ledger 9: neither is a link mailed, nor does an older one work."""
    await desk.recovery.ask(ALICE, SITE, NOON)
    await desk.stores.accounts.disable("alice", NOON)
    with pytest.raises(Refused, match="link.invalid"):
        await desk.recovery.reset(desk.mailbox.token(), NEW, NOON)
    await desk.recovery.ask(ALICE, SITE, NOON)
    assert len(desk.mailbox.mails) == 1


async def test_a_change_ends_every_session(desk: Desk) -> None:
    changed = await desk.recovery.change(await desk.alice(), by(PASSWORD), NEW, NOON)
    assert changed.token_version == 1
    assert await desk.stores.sessions.of_account("alice") == []


class Paused(PlainPasswords):
    """Hashes a new password once the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.hashing = asyncio.Event()
        self.go_on = asyncio.Event()

    async def make(self, login: str, password: str) -> StoredVerifier:
        self.hashing.set()
        await self.go_on.wait()
        return await super().make(login, password)


class Uncompared:
    """Accounts whose password is set whatever became of them meanwhile."""

    def __init__(self, inner: AccountStore) -> None:
        self._inner = inner

    async def set_verifier(
        self,
        account_id: str,
        verifier: StoredVerifier,
        token_version: int,
        now: datetime,
        *,
        tell: Errand | None = None,
    ) -> Account | None:
        found = await self._inner.find(account_id)
        assert found is not None
        current = found.token_version
        return await self._inner.set_verifier(account_id, verifier, current, now, tell=tell)


async def reset_during_a_change(desk: Desk, thief: Recovery, passwords: Paused) -> None:
    """Whoever knows the old password changes it; the owner resets it before that is hashed."""
    change = asyncio.create_task(thief.change(await desk.alice(), by(PASSWORD), "x" * 15, NOON))
    await passwords.hashing.wait()
    await desk.recovery.ask(ALICE, SITE, NOON)
    await desk.recovery.reset(desk.mailbox.token(), NEW, NOON)
    passwords.go_on.set()
    await change


async def test_a_change_in_flight_does_not_undo_a_reset(desk: Desk) -> None:
    passwords = Paused()
    thief = replace(desk.recovery, passwords=passwords)
    with pytest.raises(Refused, match="token.revoked"):
        await reset_during_a_change(desk, thief, passwords)
    verifier = (await desk.alice()).verifier
    assert verifier is not None
    assert verifier.digest == plain(NEW)


async def test_without_comparing_the_version_it_does(desk: Desk) -> None:
    """The pair of the test above."""
    passwords = Paused()
    accounts: Any = Uncompared(desk.stores.accounts)
    await reset_during_a_change(
        desk, replace(desk.recovery, passwords=passwords, accounts=accounts), passwords
    )
    verifier = (await desk.alice()).verifier
    assert verifier is not None
    assert verifier.digest == plain("x" * 15)


async def test_of_six_parallel_changes_from_one_password_one_succeeds(desk: Desk) -> None:
    alice = await desk.alice()
    passwords = Paused()
    recovery = replace(desk.recovery, passwords=passwords)
    changes = [
        asyncio.create_task(recovery.change(alice, by(PASSWORD), f"{NEW} {n}", NOON))
        for n in range(6)
    ]
    await passwords.hashing.wait()
    passwords.go_on.set()
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(outcome, Account) for outcome in outcomes) == 1
    assert (await desk.alice()).token_version == 1


async def test_a_change_needs_the_current_password(desk: Desk) -> None:
    with pytest.raises(Refused, match="credentials.invalid"):
        await desk.recovery.change(await desk.alice(), by("wrong"), NEW, NOON)
    assert (await desk.alice()).token_version == 0


async def test_a_stolen_token_buys_no_guesses_at_the_password(desk: Desk) -> None:
    alice = await desk.alice()
    for _ in range(100):
        with pytest.raises(Refused):
            await desk.recovery.change(alice, by("wrong"), NEW, NOON)
    assert desk.passwords.compared == 10
    with pytest.raises(Refused, match="signin.limited"):
        await desk.recovery.change(alice, by(PASSWORD), NEW, NOON)


async def test_with_the_layer_off_a_stolen_token_buys_any_number_of_guesses(desk: Desk) -> None:
    """The pair of the test above."""
    alice = await desk.alice()
    desk.recovery = replace(desk.recovery, counters=Uncounted())
    for _ in range(100):
        with pytest.raises(Refused, match="credentials.invalid"):
            await desk.recovery.change(alice, by("wrong"), NEW, NOON)
    assert desk.passwords.compared == 100


async def test_who_knows_the_current_password_uses_up_no_guesses(desk: Desk) -> None:
    for n in range(10):
        with pytest.raises(Refused, match="password.too_short"):
            await desk.recovery.change(
                await desk.alice(), by(PASSWORD if n == 0 else f"{NEW} {n - 1}"), "short", NOON
            )
        alice = await desk.alice()
        current = PASSWORD if n == 0 else f"{NEW} {n - 1}"
        await desk.recovery.change(alice, by(current), f"{NEW} {n}", NOON)


async def test_the_owner_is_told(desk: Desk) -> None:
    """ASVS 6.3.7."""
    await desk.recovery.tell(ALICE, SITE)
    ((to, subject, _),) = desk.mailbox.mails
    assert to == ALICE
    assert "was changed" in subject


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("", "the password of your account"),
        ("login", "is another address"),
        ("factors", "a second factor of your account"),
        (SEVERAL, "more than one of these"),
    ],
)
async def test_the_owner_is_told_what_was_changed(desk: Desk, what: str, words: str) -> None:
    await desk.recovery.tell(ALICE, SITE, what)
    assert words in desk.mailbox.mails[0][2]


async def changes(desk: Desk) -> int:
    """How many of 50 right changes of one account are let through at one time."""
    done, current = 0, PASSWORD
    for number in range(50):
        try:
            await desk.recovery.change(await desk.alice(), by(current), f"{NEW} {number}", NOON)
        except Refused as refused:
            assert refused.code.name == "signin.limited"  # noqa: PT017  # some of them are
            continue
        done, current = done + 1, f"{NEW} {number}"
    return done


async def test_changing_it_all_the_time_does_not_take_the_workers_from_everybody(
    desk: Desk,
) -> None:
    """Each costs two Argon2id in workers that strangers must not take, and a mail."""
    assert await changes(desk) == 20


async def test_with_the_layer_off_it_does(desk: Desk) -> None:
    desk.recovery = replace(desk.recovery, counters=Uncounted())
    assert await changes(desk) == 50
