"""Sessions begin, are renewed and end; a stolen refresh token is noticed."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.opaque import digest
from ringfence.authn.refresh import RefreshLimits, RefreshToken
from ringfence.authn.sessions import Device, Grant, Sessions
from ringfence.core.errors import Refused
from ringfence.core.secret import MASK
from ringfence.storage import Stores, open_stores
from ringfence_demo.careless.authn import ForgetfulSessions
from tests.unit.authn.credentials import keys
from tests.unit.authn.flows import NOON, account, counting

DEVICE = Device(client="192.0.2.1", user_agent="Firefox")
SECOND = timedelta(seconds=1)


class PlainIssuer:
    """An access token that says what is in it."""

    def issue(
        self,
        account: Account,
        session_id: str,
        now: datetime,
        *,
        aal: int,
        amr: tuple[str, ...],
        authenticated_at: datetime,
    ) -> str:
        roles = ",".join(sorted(account.roles))
        return f"{account.id} {session_id} tv={account.token_version} roles={roles}"


@dataclass
class Desk:
    """The flows, and the account that uses them."""

    stores: Stores
    sessions: Sessions
    account: Account

    async def begin(self) -> Grant:
        found = await self.stores.accounts.find("alice")
        assert found is not None
        return await self.sessions.begin(found, DEVICE, NOON)

    async def renew(self, shown: Grant | str, after: timedelta = SECOND) -> Grant:
        token = shown if isinstance(shown, str) else shown.refresh.reveal()
        return await self.sessions.renew(token, NOON + after)

    def forget(self) -> None:
        """Put careless sessions in the place of the guarded ones."""
        self.sessions = ForgetfulSessions.of(self.sessions)


@pytest.fixture
async def desk() -> Desk:
    stores = open_stores("memory:")
    await stores.accounts.create(account())
    sessions = Sessions(
        store=stores.sessions,
        accounts=stores.accounts,
        issuer=PlainIssuer(),
        access_lifetime=timedelta(minutes=15),
        keys=keys(),
        limits=RefreshLimits(),
        random=counting(),
    )
    return Desk(stores, sessions, account())


async def test_the_database_holds_no_token(desk: Desk) -> None:
    """ATTACKS U04 for refresh tokens: what is stored opens nothing."""
    first = await desk.begin()
    second = await desk.renew(first)
    tables = str(vars(desk.stores.sessions))
    for grant in (first, second):
        assert grant.session in tables
        assert grant.refresh.reveal() not in tables
        assert grant.refresh.reveal()[6:] not in tables


async def test_each_sign_in_gets_a_session_of_its_own(desk: Desk) -> None:
    """MUSTS S02; ATTACKS U05: nothing that a client had before is taken up."""
    assert (await desk.begin()).session != (await desk.begin()).session


async def test_a_renewal_keeps_the_session_and_changes_the_token(desk: Desk) -> None:
    first = await desk.begin()
    second = await desk.renew(first)
    assert second.session == first.session
    assert second.refresh != first.refresh
    assert second.refresh.reveal().startswith("rf_rt_")


async def test_a_renewal_takes_the_roles_afresh(desk: Desk) -> None:
    """ATTACKS Z06."""
    first = await desk.begin()
    await desk.stores.accounts.set_roles("alice", frozenset({"admin"}))
    assert "roles=admin" in (await desk.renew(first)).access.reveal()


async def test_50_parallel_renewals_give_one_lineage_and_no_alarm(desk: Desk) -> None:
    """Ledger 10; ATTACKS U07."""
    first = await desk.begin()
    grants = await asyncio.gather(*(desk.renew(first) for _ in range(50)))
    assert {grant.refresh.reveal() for grant in grants} == {grants[0].refresh.reveal()}
    assert await desk.renew(grants[0], 2 * SECOND)


async def test_a_stolen_token_that_comes_again_ends_the_session_for_both(desk: Desk) -> None:
    """ATTACKS U07."""
    first = await desk.begin()
    second = await desk.renew(first)
    third = await desk.renew(second, 2 * SECOND)
    with pytest.raises(Refused, match="refresh.reused") as caught:
        await desk.renew(first, 3 * SECOND)
    assert caught.value.facts == {"account": "alice"}
    with pytest.raises(Refused, match="refresh.revoked"):
        await desk.renew(third, 4 * SECOND)


async def test_with_the_layer_off_a_stolen_token_comes_again_unnoticed(desk: Desk) -> None:
    """The pair of the test above: the thief gets a line of their own, the victim keeps theirs."""
    first = await desk.begin()
    second = await desk.renew(first)
    third = await desk.renew(second, 2 * SECOND)
    desk.forget()
    thief = await desk.renew(first, 60 * SECOND)
    assert await desk.renew(thief, 61 * SECOND)
    assert await desk.renew(third, 62 * SECOND)


async def test_with_the_layer_off_a_session_is_renewed_and_ends_as_ever(desk: Desk) -> None:
    """What is plumbing stays: the benign suite passes in the naked twin."""
    desk.forget()
    first = await desk.begin()
    second = await desk.renew(first)
    assert second.session == first.session
    await desk.sessions.end_family(second.refresh.reveal(), NOON)
    with pytest.raises(Refused, match="refresh.revoked"):
        await desk.renew(second)


@pytest.mark.parametrize("change", ["disable", "sign_out_everywhere"])
async def test_tokens_die_with_what_the_account_goes_through(desk: Desk, change: str) -> None:
    """Ledger 9."""
    first = await desk.begin()
    await getattr(desk.stores.accounts, change)("alice", NOON)
    with pytest.raises(Refused, match="refresh.revoked"):
        await desk.renew(first)


async def test_a_disabled_account_is_not_renewed_even_if_its_session_was_forgotten(
    desk: Desk,
) -> None:
    """Ledger 9: somebody set the column by hand, and revoked nothing."""
    first = await desk.begin()
    tables = desk.stores.accounts._tables  # pyright: ignore[reportAttributeAccessIssue]  # of the memory adapter
    tables.accounts["alice"] = replace(desk.account, disabled_at=NOON)
    with pytest.raises(Refused, match="refresh.revoked"):
        await desk.renew(first)


async def test_a_sign_in_does_not_outlive_the_password_that_it_was_made_with(desk: Desk) -> None:
    """Ledger 9: the password changes between its check and the session."""
    before = await desk.stores.accounts.find("alice")
    assert before is not None
    verifier = StoredVerifier(digest=bytes(32), pepper=1, kdf="plain")
    await desk.stores.accounts.set_verifier("alice", verifier, 0, NOON)
    with pytest.raises(Refused, match="credentials.invalid"):
        await desk.sessions.begin(before, DEVICE, NOON)


async def test_a_renewal_does_not_lift_a_token_over_a_revocation(desk: Desk) -> None:
    """Ledger 9: "sign out everywhere" lands after the rotation, before the token is signed.

    The token must carry the version from before, so that it is refused on its next request.
    """
    first = await desk.begin()
    succeed = desk.stores.sessions.succeed

    class Interrupted:
        def __getattr__(self, name: str) -> object:
            return getattr(desk.stores.sessions, name)

        async def succeed(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> bool:
            done = await succeed(old, new, sealed)
            await desk.stores.accounts.sign_out_everywhere("alice", NOON)
            return done

    interrupted = Sessions(
        store=Interrupted(),  # pyright: ignore[reportArgumentType]  # delegates what it lacks
        accounts=desk.stores.accounts,
        issuer=PlainIssuer(),
        access_lifetime=timedelta(minutes=15),
        keys=keys(),
        limits=RefreshLimits(),
        random=desk.sessions.random,
    )
    grant = await interrupted.renew(first.refresh.reveal(), NOON)
    assert "tv=0" in grant.access.reveal()
    current = await desk.stores.accounts.find("alice")
    assert current is not None
    assert current.token_version == 1


@pytest.mark.parametrize("shown", ["", "rf_rt_", "rf_rt_" + "A" * 43, "x" * 49, "rf_rt_\ud800"])
async def test_a_guessed_token_is_unknown(desk: Desk, shown: str) -> None:
    with pytest.raises(Refused, match="refresh.unknown"):
        await desk.renew(shown)
    assert await desk.sessions.end_family(shown, NOON) is None


async def test_any_token_of_a_session_ends_it(desk: Desk) -> None:
    first = await desk.begin()
    second = await desk.renew(first)
    assert await desk.sessions.end_family(first.refresh.reveal(), NOON) == "alice"
    assert await desk.sessions.end_family(second.refresh.reveal(), NOON) is None, "it has ended"
    with pytest.raises(Refused, match="refresh.revoked"):
        await desk.renew(second)


async def test_expired_sessions_are_not_listed(desk: Desk) -> None:
    first = await desk.begin()
    week = timedelta(days=7)
    alive, _ = await desk.sessions.alive("alice", NOON + week - SECOND)
    assert [s.id for s in alive] == [first.session]
    assert await desk.sessions.alive("alice", NOON + week) == ([], None)


async def test_a_session_that_reached_its_30_days_is_not_listed(desk: Desk) -> None:
    grant = await desk.begin()
    for day in range(5, 30, 6):
        grant = await desk.renew(grant, timedelta(days=day))
    alive, _ = await desk.sessions.alive("alice", NOON + timedelta(days=30) - SECOND)
    assert len(alive) == 1
    assert await desk.sessions.alive("alice", NOON + timedelta(days=30)) == ([], None)


async def test_a_session_that_began_while_the_clock_was_ahead_counts_from_now_on(
    desk: Desk,
) -> None:
    """Its absolute end would else lie as far ahead as the clock was."""
    found = await desk.stores.accounts.find("alice")
    assert found is not None
    first = await desk.sessions.begin(found, DEVICE, NOON + timedelta(days=365))
    second = await desk.sessions.renew(first.refresh.reveal(), NOON)
    token = await desk.stores.sessions.find(digest(second.refresh.reveal()))
    assert token is not None
    assert token.signed_in_at == NOON


async def test_a_grant_cannot_be_printed(desk: Desk) -> None:
    grant = await desk.begin()
    assert repr(grant).count(MASK) == 2
    assert grant.refresh.reveal() not in repr(grant)
    assert grant.access.reveal() not in repr(grant)
