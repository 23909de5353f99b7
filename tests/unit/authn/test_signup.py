"""Signing up proves the mailbox first; nobody plants anything in somebody else's account."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from ringfence.authn.signup import SignUp
from ringfence.core.errors import Refused
from ringfence.storage import Stores, open_stores
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


@dataclass
class Desk:
    stores: Stores
    mailbox: Mailbox
    signup: SignUp


@pytest.fixture
def desk() -> Desk:
    stores, mailbox = open_stores("memory:"), Mailbox()
    signup = SignUp(
        accounts=stores.accounts,
        links=stores.links,
        mailer=mailbox,
        passwords=PlainPasswords(),
        random=counting(),
    )
    return Desk(stores, mailbox, signup)


async def test_the_account_exists_with_the_proof_of_the_mailbox_and_not_before(
    desk: Desk,
) -> None:
    await desk.signup.ask(ALICE, "Alice", SITE, NOON)
    assert await desk.stores.accounts.find_by_login(ALICE) is None
    created = await desk.signup.prove(desk.mailbox.token(), PASSWORD, NOON + timedelta(hours=1))
    assert await desk.stores.accounts.find_by_login(ALICE) == created
    assert created.name == "Alice"
    assert created.roles == {"user"}
    assert created.login_verified_at == NOON + timedelta(hours=1)


async def test_the_only_password_is_the_one_of_who_proved_the_mailbox(desk: Desk) -> None:
    """Ledger 2: an attacker who asks first, and again, leaves nothing behind in the account."""
    await desk.signup.ask(ALICE, "Mallory's choice", SITE, NOON)
    await desk.signup.ask(ALICE, "Alice", SITE, NOON)
    created = await desk.signup.prove(desk.mailbox.token(), PASSWORD, NOON)
    assert created.verifier is not None
    assert created.verifier.digest == plain(PASSWORD)
    assert created.name == ""  # of two, nobody knows whose word it is
    assert await desk.stores.sessions.of_account(created.id) == []


async def test_50_parallel_proofs_create_one_account(desk: Desk) -> None:
    """Ledger 23, for links."""
    await desk.signup.ask(ALICE, "", SITE, NOON)
    token = desk.mailbox.token()
    proofs = (desk.signup.prove(token, PASSWORD, NOON) for _ in range(50))
    outcomes = await asyncio.gather(*proofs, return_exceptions=True)
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 49


async def test_a_weak_password_does_not_burn_the_link(desk: Desk) -> None:
    await desk.signup.ask(ALICE, "", SITE, NOON)
    with pytest.raises(Refused, match="password.too_short"):
        await desk.signup.prove(desk.mailbox.token(), "short", NOON)
    assert await desk.signup.prove(desk.mailbox.token(), PASSWORD, NOON)


async def test_who_has_an_account_is_told_so_by_mail_and_nothing_changes(desk: Desk) -> None:
    """Ledger 24."""
    await desk.stores.accounts.create(account())
    await desk.signup.ask(ALICE, "", SITE, NOON)
    ((to, subject, text),) = desk.mailbox.mails
    assert to == ALICE
    assert subject == "You already have an account at shop.example"
    assert "#token=" not in text


async def test_an_account_that_appears_meanwhile_is_not_overwritten(desk: Desk) -> None:
    await desk.signup.ask(ALICE, "", SITE, NOON)
    await desk.stores.accounts.create(account())
    with pytest.raises(Refused, match="link.invalid"):
        await desk.signup.prove(desk.mailbox.token(), PASSWORD, NOON)


async def test_the_mail_holds_nothing_that_a_stranger_chose(desk: Desk) -> None:
    """Or we would carry advertisements to other people's mailboxes."""
    await desk.signup.ask(ALICE, "Cheap pills at https://evil.example", SITE, NOON)
    mails = str(desk.mailbox.mails)
    assert SITE in mails
    assert "evil" not in mails
