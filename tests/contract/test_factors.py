"""Second factors and challenges, on every adapter."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ringfence.authn.factors import Challenge, Held, Kind, Passkey, Totp
from ringfence.authn.sessions import Assurance
from tests.contract.stores import NOW, SECOND, Rig, account, digest, session, token

LATER = NOW + timedelta(minutes=5)
ALICE = "id-alice"


def challenge(name: str = "ticket", kind: Kind = "sign-in", owner: str | None = ALICE) -> Challenge:
    return Challenge(
        digest=digest(name),
        kind=kind,
        account=owner,
        token_version=3,
        data=b"\x00data",
        expires_at=LATER,
    )


def app(step: int = 100) -> Totp:
    return Totp(account=ALICE, sealed=b"\x00sealed", pepper=1, step=step, created_at=NOW)


def passkey(name: str = "phone", owner: str = ALICE) -> Passkey:
    return Passkey(
        id=name.encode() + b"\x00",
        account=owner,
        name="Telefon (Ünicode)",
        public_key=b"\x01key",
        sign_count=7,
        transports=("internal", "hybrid"),
        eligible=True,
        created_at=NOW,
    )


async def with_totp(rig: Rig, step: int = 100) -> None:
    await rig.stores.accounts.create(account())
    await rig.stores.factors.ask(challenge("setup", "totp"))
    assert await rig.stores.factors.add_totp(digest("setup"), app(step))


async def with_passkey(rig: Rig, name: str = "phone") -> Passkey:
    await rig.stores.factors.ask(challenge(f"add {name}", "passkey"))
    assert await rig.stores.factors.add_passkey(digest(f"add {name}"), passkey(name))
    return passkey(name)


async def test_a_session_keeps_what_its_sign_in_has_proven(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    proven = Assurance(aal=2, amr=("pwd", "otp", "mfa"), at=NOW - SECOND)
    strong = replace(session(), proven=proven)
    assert await rig.stores.sessions.begin(strong, token(), 0) is not None
    assert await rig.stores.sessions.get("laptop") == strong


async def test_a_challenge_is_found_as_it_was_asked_until_it_expires(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    await rig.stores.factors.ask(challenge())
    asked = rig.stores.factors.asked
    assert await asked(digest("ticket"), "sign-in", LATER - SECOND) == challenge()
    assert await asked(digest("ticket"), "sign-in", LATER) is None
    assert await asked(digest("ticket"), "totp", NOW) is None


async def test_a_challenge_of_nobody_is_kept(rig: Rig) -> None:
    await rig.stores.factors.ask(challenge(kind="assertion", owner=None))
    found = await rig.stores.factors.asked(digest("ticket"), "assertion", NOW)
    assert found == challenge(kind="assertion", owner=None)


async def test_of_fifty_tries_at_once_five_are_counted(rig: Rig) -> None:
    """Ledger 23, ATTACKS U12."""
    await rig.stores.accounts.create(account())
    await rig.stores.factors.ask(challenge())
    tries = [rig.stores.factors.attempt(digest("ticket"), "sign-in", NOW) for _ in range(50)]
    assert sum(found is not None for found in await asyncio.gather(*tries)) == 5


async def test_of_fifty_uses_of_a_step_one_succeeds(rig: Rig) -> None:
    """Ledger 27."""
    await with_totp(rig)
    spent = [rig.stores.factors.spend_step(ALICE, 101, None) for _ in range(50)]
    assert sum(await asyncio.gather(*spent)) == 1
    assert not await rig.stores.factors.spend_step(ALICE, 100, None)
    assert await rig.stores.factors.spend_step(ALICE, 102, None)


async def test_of_fifty_uses_of_a_recovery_code_one_succeeds(rig: Rig) -> None:
    await with_totp(rig)
    await rig.stores.factors.put_codes(ALICE, [digest("one"), digest("two")])
    spent = [rig.stores.factors.spend_code(ALICE, digest("one"), None) for _ in range(50)]
    assert sum(await asyncio.gather(*spent)) == 1
    assert (await rig.stores.factors.held(ALICE)).recovery_codes == 1
    assert not await rig.stores.factors.spend_code("id-bob", digest("two"), None)


async def test_of_fifty_answers_to_a_challenge_one_succeeds(rig: Rig) -> None:
    """Each with a code of its own; those that come too late are not spent."""
    await with_totp(rig)
    codes = [digest(str(number)) for number in range(50)]
    await rig.stores.factors.put_codes(ALICE, codes)
    await rig.stores.factors.ask(challenge())
    spent = [rig.stores.factors.spend_code(ALICE, code, digest("ticket")) for code in codes]
    assert sum(await asyncio.gather(*spent)) == 1
    assert (await rig.stores.factors.held(ALICE)).recovery_codes == 49


async def test_a_wrong_answer_leaves_the_challenge(rig: Rig) -> None:
    await with_totp(rig)
    await rig.stores.factors.ask(challenge())
    assert not await rig.stores.factors.spend_step(ALICE, 100, digest("ticket"))
    assert await rig.stores.factors.spend_step(ALICE, 101, digest("ticket"))
    assert await rig.stores.factors.asked(digest("ticket"), "sign-in", NOW) is None


async def test_factors_are_found_as_they_were_added(rig: Rig) -> None:
    await with_totp(rig)
    added = await with_passkey(rig)
    await rig.stores.factors.put_codes(ALICE, [digest("one")])
    held = await rig.stores.factors.held(ALICE)
    assert (held.totp, [*held.passkeys], held.recovery_codes) == (app(), [added], 1)
    assert await rig.stores.factors.passkey(added.id) == added
    found = await rig.stores.accounts.find_by_login("alice@example.com")
    assert found is not None
    assert (found.has_totp, found.has_passkey) == (True, True)
    assert [each.has_totp for each in await rig.stores.accounts.list()] == [True]


async def test_an_app_takes_the_place_of_the_one_before(rig: Rig) -> None:
    await with_totp(rig)
    await rig.stores.factors.ask(challenge("again", "totp"))
    assert await rig.stores.factors.add_totp(digest("again"), app(200))
    assert (await rig.stores.factors.held(ALICE)).totp == app(200)
    assert not await rig.stores.factors.add_totp(digest("again"), app(300))


async def test_a_first_factor_is_added_to_an_account_that_has_none(rig: Rig) -> None:
    """Whoever took an old ticket does not replace what the owner has set up since."""
    await with_totp(rig)
    await rig.stores.factors.ask(challenge("first", "totp-first"))
    assert not await rig.stores.factors.add_totp(digest("first"), app(200), first=True)
    assert await rig.stores.factors.remove_totp(ALICE)
    assert await rig.stores.factors.add_totp(digest("first"), app(200), first=True)


async def test_a_passkey_that_is_known_or_one_too_many_is_not_added(rig: Rig) -> None:
    """MUSTS W04."""
    await rig.stores.accounts.create(account())
    await rig.stores.accounts.create(account("bob"))
    await with_passkey(rig)
    await rig.stores.factors.ask(challenge("another", "passkey"))
    add = rig.stores.factors.add_passkey
    assert not await add(digest("another"), passkey("phone", "id-bob"))
    assert not await add(digest("another"), passkey("laptop"), most=1)
    assert await add(digest("another"), passkey("laptop"), most=2)


async def test_of_fifty_uses_of_an_assertion_one_succeeds(rig: Rig) -> None:
    """Ledger 31."""
    await rig.stores.accounts.create(account())
    seen = await with_passkey(rig)
    await rig.stores.factors.ask(challenge(kind="assertion"))
    used = replace(seen, sign_count=8, backed_up=True, used_at=NOW)
    uses = [rig.stores.factors.use_passkey(used, seen, digest("ticket")) for _ in range(50)]
    assert sum(await asyncio.gather(*uses)) == 1
    assert await rig.stores.factors.passkey(seen.id) == used
    await rig.stores.factors.ask(challenge("stale", "assertion"))
    again = replace(used, sign_count=9)
    ticket = digest("gone")
    assert not await rig.stores.factors.use_passkey(again, used, digest("stale"), ticket)
    await rig.stores.factors.ask(challenge("gone"))
    assert not await rig.stores.factors.use_passkey(used, seen, digest("stale"))
    assert await rig.stores.factors.use_passkey(again, used, digest("stale"), ticket)
    assert await rig.stores.factors.asked(ticket, "sign-in", NOW) is None


async def test_with_the_last_factor_the_recovery_codes_go(rig: Rig) -> None:
    await with_totp(rig)
    key = await with_passkey(rig)
    await rig.stores.factors.put_codes(ALICE, [digest("one")])
    assert not await rig.stores.factors.remove_passkey("id-bob", key.id)
    assert await rig.stores.factors.rename_passkey(ALICE, key.id, "Schlüssel")
    assert await rig.stores.factors.remove_totp(ALICE)
    held = await rig.stores.factors.held(ALICE)
    assert ([each.name for each in held.passkeys], held.recovery_codes) == (["Schlüssel"], 1)
    assert await rig.stores.factors.remove_passkey(ALICE, key.id)
    assert await rig.stores.factors.held(ALICE) == Held(passkeys=[])
    assert not await rig.stores.factors.remove_totp(ALICE)


async def test_of_two_removals_at_once_one_factor_is_kept_where_one_is_required(rig: Rig) -> None:
    await with_totp(rig)
    key = await with_passkey(rig)
    store = rig.stores.factors
    removals = [
        store.remove_totp(ALICE, keep_last=True),
        store.remove_passkey(ALICE, key.id, keep_last=True),
    ]
    assert sorted(await asyncio.gather(*removals)) == [False, True]
    held = await store.held(ALICE)
    assert (held.totp is not None) + len(held.passkeys) == 1


async def test_since_when_a_factor_is_asked_for_is_noted_once(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    assert await rig.stores.factors.require(ALICE, NOW) == NOW
    assert await rig.stores.factors.require(ALICE, LATER) == NOW


async def test_a_reset_waits_can_be_called_off_and_removes_everything(rig: Rig) -> None:
    factors = rig.stores.factors
    await rig.stores.accounts.create(account())
    assert not await factors.schedule_reset(ALICE, LATER)  # there is nothing
    await factors.ask(challenge("setup", "totp"))
    await factors.add_totp(digest("setup"), app())
    await with_passkey(rig)
    await factors.put_codes(ALICE, [digest("one")])
    assert await factors.schedule_reset(ALICE, LATER)
    assert await factors.schedule_reset(ALICE, None)
    assert not await factors.schedule_reset(ALICE, None)
    assert not await factors.reset(ALICE, LATER)
    assert await factors.schedule_reset(ALICE, LATER)
    found = await rig.stores.accounts.find(ALICE)
    assert found is not None
    assert found.factor_reset_at == LATER
    assert not await factors.reset(ALICE, LATER - SECOND)
    assert sum(await asyncio.gather(*(factors.reset(ALICE, LATER) for _ in range(9)))) == 1
    assert await factors.held(ALICE) == Held(passkeys=[])
    assert await rig.stores.accounts.find(ALICE) == account()


async def test_challenges_that_expired_are_purged(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    await rig.stores.factors.ask(challenge())
    far = replace(challenge("ahead"), expires_at=NOW + timedelta(days=400))
    await rig.stores.factors.ask(far)
    assert await rig.stores.purge(NOW) == 1
    assert await rig.stores.factors.asked(digest("ahead"), "sign-in", NOW) is None
    assert await rig.stores.purge(LATER) == 1


async def test_what_an_account_has_goes_with_it(administration: Rig) -> None:
    await with_totp(administration)
    key = await with_passkey(administration)
    await administration.stores.factors.ask(challenge())
    await administration.stores.accounts.delete(ALICE)
    factors = administration.stores.factors
    assert await factors.held(ALICE) == Held(passkeys=[])
    assert await factors.passkey(key.id) is None
    assert await factors.asked(digest("ticket"), "sign-in", NOW) is None


@pytest.mark.parametrize("kind", ["sign-in", "enrol"])
async def test_a_ticket_of_one_step_is_none_of_another(rig: Rig, kind: Kind) -> None:
    await rig.stores.accounts.create(account())
    await rig.stores.factors.ask(challenge(kind=kind))
    other: Kind = "enrol" if kind == "sign-in" else "sign-in"
    assert await rig.stores.factors.attempt(digest("ticket"), other, NOW) is None
