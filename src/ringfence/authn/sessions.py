"""Sessions: one sign-in on one client, and the refresh family that keeps it alive.

A session's id is the family of its refresh tokens and the ``sid`` claim of its access tokens.
Sources: OWASP ASVS 5.0 chapter 7; NIST SP 800-63B-4 section 5; Ledger 9-12.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from ringfence.authn import opaque
from ringfence.authn.accounts import Account, AccountStore
from ringfence.authn.keys import SealingKey
from ringfence.authn.opaque import Random
from ringfence.authn.refresh import RefreshLimits, RefreshStore, RefreshToken, rotate
from ringfence.authn.sealing import NONCE_BYTES, seal, unseal
from ringfence.core.errors import Refused
from ringfence.core.secret import Secret

#: Live sessions of one account. Nobody has so many devices; 63,000 cost each list 0.8 s.
MOST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Assurance:
    """What a sign-in proves: its level, its methods by the names of RFC 8176, and when."""

    aal: int
    amr: tuple[str, ...]
    at: datetime


#: The methods of a sign-in with a password alone, which is of level 1.
PASSWORD_AMR: Final = ("pwd",)


def by_password(now: datetime) -> Assurance:
    """What a password proves."""
    return Assurance(aal=1, amr=PASSWORD_AMR, at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One live sign-in. All datetimes are aware UTC."""

    id: str
    account: str  # account id
    signed_in_at: datetime
    last_used_at: datetime  # raised with every rotation
    user_agent: str = ""  # at most 256 characters, for the owner's list of sessions
    client: str = ""  # address at sign-in
    proven: Assurance | None = None  # None: a password, when it was begun

    @property
    def assurance(self) -> Assurance:
        """What its sign-in has proven."""
        return self.proven or by_password(self.signed_in_at)


class Place(NamedTuple):
    """Where a session stands in its account's list."""

    last_used_at: datetime
    id: str


class SessionStore(RefreshStore, Protocol):
    """What sessions need of a database; every adapter passes ``tests/contract``."""

    async def begin(
        self,
        session: Session,
        first: RefreshToken,
        token_version: int,
        *,
        replaces: str | None = None,
        most: int = MOST,
    ) -> Sequence[str] | None:
        """Add a session with its first token, in one transaction.

        The session ``replaces`` ends with it, whosever it was, and so do the account's other
        sessions, beyond the ``most`` that were used last: ``MOST`` of them at once, for an account
        of before the cap may have many more.

        Returns:
            The ids of the sessions that ended. None, and nothing written, if the account is gone,
            disabled, or has another ``token_version`` by then (a sign-in must not outlive a
            password change, Ledger 9).
        """
        ...

    async def get(self, session_id: str) -> Session | None:
        """The session, if it has not been revoked."""
        ...

    async def of_account(
        self, account_id: str, *, after: Place | None = None, limit: int = MOST
    ) -> Sequence[Session]:
        """Sessions that are not revoked, the one used last first; those that come after a place."""
        ...

    async def standing(self, session_id: str, account_id: str) -> tuple[int, int] | None:
        """The account's ``token_version`` and ``role_version``.

        None if it has no such session, the session has ended, or the account is disabled.
        """
        ...

    async def end(self, session_id: str, account_id: str, now: datetime) -> bool:
        """Revoke one session of this account; False if it has no such live session."""
        ...


class SealingKeys(Protocol):
    """The keys that seal successors (``Keys``)."""

    @property
    def sealing(self) -> tuple[SealingKey, ...]: ...
    def sealer(self, now: datetime) -> Secret[bytes]: ...


class AccessIssuer(Protocol):
    """Signs access tokens."""

    def issue(
        self,
        account: Account,
        session_id: str,
        now: datetime,
        *,
        aal: int,
        amr: tuple[str, ...],
        authenticated_at: datetime,
    ) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where a sign-in comes from, for the owner's list of sessions."""

    client: str  # address
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a client gets when it signs in or refreshes."""

    account: Account
    session: str
    access: Secret[str]
    access_lifetime: timedelta
    aal: int
    refresh: Secret[str]
    refresh_lifetime: timedelta  # if it is not used
    ended: tuple[str, ...] = ()  # sessions that this one took the place of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Begins, renews and ends sessions."""

    store: SessionStore
    accounts: AccountStore
    issuer: AccessIssuer
    access_lifetime: timedelta  # of what the issuer signs
    keys: SealingKeys
    limits: RefreshLimits
    random: Random

    async def begin(
        self,
        account: Account,
        device: Device,
        now: datetime,
        *,
        shown: str | None = None,
        replaces: str | None = None,
        assurance: Assurance | None = None,
    ) -> Grant:
        """Sign ``account`` in, as it was when its password was checked.

        ``shown`` is the refresh token that the client still holds: its session ends, for whoever
        signs in has no use for it any more, and whoever stole it had (ASVS 5.0 7.2.4). So does the
        session ``replaces``. ``assurance`` is what was proven; a password if not given.

        Raises:
            Refused: ``credentials.invalid``: it was disabled or its password changed since.
        """
        token = opaque.new(opaque.REFRESH, self.random)
        session = Session(
            id=opaque.new_id(self.random),
            account=account.id,
            signed_in_at=now,
            last_used_at=now,
            user_agent=device.user_agent,
            client=device.client,
            proven=assurance,
        )
        first = RefreshToken(
            digest=opaque.digest(token), family=session.id, signed_in_at=now, issued_at=now
        )
        replaced = replaces or await self._family(shown)
        ended = await self.store.begin(session, first, account.token_version, replaces=replaced)
        if ended is None:
            raise Refused("credentials.invalid", facts={"account": account.id})
        return replace(self._grant(account, session, token, now), ended=tuple(ended))

    async def renew(self, shown: str, now: datetime) -> Grant:
        """Exchange a refresh token for its successor and a fresh access token.

        The account is read before the rotation and its tokens carry the versions of that moment:
        whatever is revoked meanwhile either stops the rotation or outdates the token.

        Raises:
            Refused: ``refresh.unknown``, ``.expired``, ``.revoked`` or ``.reused`` (see
                ``refresh``); ``.revoked`` also when the account is disabled or gone.
        """
        account, session = await self._holder(shown)
        successor = opaque.new(opaque.REFRESH, self.random)
        sealed = seal(successor, shown, self.keys.sealer(now), self.random(NONCE_BYTES))
        used, new = opaque.digest(shown), opaque.digest(successor)
        try:
            kept = await rotate(self.store, used, new, sealed, now, self.limits)
        except Refused as refused:
            refused.facts["account"] = account.id
            raise
        opened = unseal(kept, shown, (each.key for each in reversed(self.keys.sealing)))
        return self._grant(account, session, opened, now)

    async def end_family(self, shown: str, now: datetime) -> str | None:
        """End the session that a refresh token belongs to, spent or not.

        Returns:
            The account that was signed in; None if there was no such live session.
        """
        family = await self._family(shown)
        session = await self.store.get(family) if family else None
        if session is None:
            return None
        await self.store.revoke_family(session.id, now)
        return session.account

    async def alive(
        self, account_id: str, now: datetime, *, after: Place | None = None, limit: int = MOST
    ) -> tuple[Sequence[Session], Place | None]:
        """A page of the account's sessions that are neither revoked nor expired.

        Returns:
            The sessions, the one used last first, and the place after which the next page begins.
        """
        found = await self.store.of_account(account_id, after=after, limit=limit + 1)
        page = found[:limit]
        following = Place(page[-1].last_used_at, page[-1].id) if len(found) > limit else None
        alive = [
            session
            for session in page
            if now < session.last_used_at + self.limits.idle
            and now < session.signed_in_at + self.limits.absolute
        ]
        return alive, following

    async def _family(self, shown: str | None) -> str | None:
        """The family of a refresh token, spent or not; None where it is none of ours."""
        if shown is None or not opaque.could_be(shown, opaque.REFRESH):
            return None
        token = await self.store.find(opaque.digest(shown))
        return None if token is None else token.family

    async def _holder(self, shown: str) -> tuple[Account, Session]:
        """Whose token this is, spent or not."""
        token = None
        if opaque.could_be(shown, opaque.REFRESH):
            token = await self.store.find(opaque.digest(shown))
        if token is None:
            raise Refused("refresh.unknown")
        session = await self.store.get(token.family)
        account = await self.accounts.find(session.account) if session else None
        if session is None or account is None or account.disabled_at is not None:
            raise Refused("refresh.revoked")
        return account, session

    def _grant(self, account: Account, session: Session, refresh: str, now: datetime) -> Grant:
        proven = session.assurance
        access = self.issuer.issue(
            account,
            session.id,
            now,
            aal=proven.aal,
            amr=proven.amr,
            authenticated_at=min(proven.at, now),  # a clock may have been ahead
        )
        return Grant(
            account=account,
            session=session.id,
            access=Secret(access),
            access_lifetime=self.access_lifetime,
            aal=proven.aal,
            refresh=Secret(refresh),
            refresh_lifetime=self.limits.idle,
        )
