"""Signing in, staying signed in, signing out, and looking at one's own sessions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from msgspec import structs
from starlette.responses import Response

from ringfence.authn import opaque
from ringfence.authn.accounts import Account
from ringfence.authn.factors import Kind, second_factors
from ringfence.authn.flows import Flows
from ringfence.authn.limits import Charge, address_key, charge
from ringfence.authn.login import normalise
from ringfence.authn.sessions import MOST, Assurance, Grant, Place, Session
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.policy import allow, public, signed_in
from ringfence.core.principal import Principal
from ringfence.core.seam import Seam
from ringfence.service import factor_wire, wire
from ringfence.service.call import CLEARED, Call, answer, nothing, refresh_cookie
from ringfence.service.user_agent import name_of

#: Leaves nothing behind for whoever uses the browser next (ASVS 14.3.1).
_GONE: Final = {
    "set-cookie": CLEARED,
    "clear-site-data": '"cache", "cookies", "storage"',
}


#: Sessions on one page, where the client does not say how many it wants.
_PAGE: Final = 50
_LIMIT: Final = re.compile("[1-9][0-9]{0,2}")


def _refuse_foreign(session: Session, principal: Principal) -> None:
    """Raises ``ownership.foreign``."""
    if session.account != principal.subject:
        raise Refused("ownership.foreign")


#: Who judges whether a session may be ended by whoever asks.
OWNERSHIP: Final = Seam[Callable[[Session, Principal], None]](Layer.AUTHZ, _refuse_foreign)


@dataclass(frozen=True, slots=True)
class SessionHandlers:
    """The handlers about sessions."""

    flows: Flows

    @allow(public)
    async def sign_in(self, call: Call) -> Response:
        """``POST /auth/sign-in``."""
        message = await call.message(wire.SignIn)
        credentials = wire.credentials(
            normalise(message.login), message.password, message.client_key, message.next_key
        )
        account = await self.flows.signin.verify(credentials, call.client, call.now)
        return await begun(self.flows, call, account)

    @allow(public)
    async def refresh(self, call: Call) -> Response:
        """``POST /auth/refresh``."""
        place = address_key(call.client)
        charges = [Charge(f"refresh:address:{place}", self.flows.budgets.refresh_address)]
        await charge(self.flows.counters, "refresh.limited", charges, call.now)
        shown = call.refresh_token
        if shown is None:
            raise Refused("refresh.missing")
        grant = await self.flows.sessions.renew(shown, call.now)
        call.note("refresh.rotated", subject=grant.account.id)
        return granted(grant)

    @allow(public)
    async def sign_out(self, call: Call) -> Response:
        """``POST /auth/sign-out``: with the cookie, a bearer token, both, or nothing to end."""
        ended: set[str] = set()
        if (
            principal := call.exchange.principal
        ) is not None and await self.flows.sessions.store.end(
            principal.session, principal.subject, call.now
        ):
            ended.add(principal.subject)
        if (shown := call.refresh_token) is not None:
            account_id = await self.flows.sessions.end_family(shown, call.now)
            ended |= {account_id} if account_id else set()
        for account_id in ended:
            call.note("signout.done", subject=account_id)
        return nothing(HTTPStatus.NO_CONTENT, _GONE)

    @allow(signed_in)
    async def sign_out_everywhere(self, call: Call) -> Response:
        """``POST /auth/sign-out-everywhere``."""
        await self.flows.accounts.sign_out_everywhere(call.principal.subject, call.now)
        call.note("signout.everywhere")
        return nothing(HTTPStatus.NO_CONTENT, _GONE)

    @allow(signed_in)
    async def me(self, call: Call) -> Response:
        """``GET /auth/me``: what the token says, and the account's own name for it."""
        principal = call.principal
        account = await self.flows.accounts.find(principal.subject)
        if account is None:
            raise Refused("token.revoked")
        return answer(
            wire.Me(
                sub=principal.subject,
                login=account.login,
                name=account.name,
                roles=tuple(sorted(principal.roles)),
                aal=principal.aal,
                amr=principal.amr,
                auth_time=int(principal.authenticated_at.timestamp()),
            )
        )

    @allow(signed_in)
    async def devices(self, call: Call) -> Response:
        """``GET /auth/sessions``: the caller's own, the one used last first, in pages."""
        principal = call.principal
        charges = [Charge(f"sessions:{principal.subject}", self.flows.budgets.sessions_account)]
        await charge(self.flows.counters, "sessions.limited", charges, call.now)
        after, limit = _page(call.request.query_params)
        alive, following = await self.flows.sessions.alive(
            principal.subject, call.now, after=after, limit=limit
        )
        items = tuple(
            wire.Device(
                id=session.id,
                current=session.id == principal.session,
                signed_in_at=wire.timestamp(session.signed_in_at),
                last_used_at=wire.timestamp(session.last_used_at),
                client=name_of(session.user_agent),
                address=session.client,
            )
            for session in alive
        )
        return answer(
            wire.Devices(items=items, next=None if following is None else wire.cursor(following))
        )

    @allow(signed_in)
    async def end_device(self, call: Call) -> Response:
        """``DELETE /auth/sessions/{id}``: somebody else's is answered like a missing one."""
        store, wanted = self.flows.sessions.store, call.parameter("id")
        session = await store.get(wanted) if opaque.could_be_id(wanted) else None
        if session is None:
            raise Refused("resource.missing")
        OWNERSHIP.current()(session, call.principal)
        if session.id != call.principal.session:  # ASVS 5.0 7.5.2
            await self._recent(call)
        if not await store.end(session.id, session.account, call.now):
            raise Refused("resource.missing")
        call.note("session.revoked", subject=session.account)
        return nothing(HTTPStatus.NO_CONTENT)

    async def _recent(self, call: Call) -> None:
        """Refuse whoever has not shown lately who they are."""
        account = await self.flows.accounts.find(call.principal.subject)
        if account is None:
            raise Refused("token.revoked")
        self.flows.second.require_recent(account, call.principal, call.now)


def _page(query: Mapping[str, str]) -> tuple[Place | None, int]:
    """Which page is asked for.

    Raises:
        Refused: ``query.invalid``: a cursor that is none of ours, or a limit out of bounds.
    """
    unknown = query.keys() - {"after", "limit"}
    limit = query.get("limit", str(_PAGE))
    if unknown or not _LIMIT.fullmatch(limit) or int(limit) > MOST:
        raise Refused("query.invalid")
    return (wire.place(query["after"]) if "after" in query else None), int(limit)


async def begun(flows: Flows, call: Call, account: Account) -> Response:
    """What the first step of a sign-in is answered: with a session, or with the next step."""
    if await flows.second.reset_if_due(account, call.now):
        call.note("factor.reset", subject=account.id)
    step, until = await flows.second.next_step(account, call.now)
    if step == "done":
        return await started(flows, call, account, due=until)
    kind, factors = ("sign-in", second_factors(account, call.now)) if step == "mfa" else _ENROL
    ticket = await flows.second.ask(account, kind, call.now)
    call.note("factor.asked", subject=account.id, next=step)
    return answer(factor_wire.Next(next=step, ticket=ticket, factors=factors))


async def started(
    flows: Flows,
    call: Call,
    account: Account,
    assurance: Assurance | None = None,
    due: datetime | None = None,
) -> Response:
    """Sign ``account`` in: the answer of a sign-in. A session whose cookie was shown ends.

    ``due`` is when the account must have a second factor, if it has none and must.
    """
    grant = await flows.sessions.begin(
        account, call.device, call.now, shown=call.refresh_token, assurance=assurance
    )
    call.note("signin.done", subject=account.id, aal=str(grant.aal))
    for session in grant.ended:
        call.note("session.ended", subject=account.id, session=session)
    message = tokens(grant)
    return granted(grant, message if due is None else _with_due(message, due))


def granted(grant: Grant, message: wire.Tokens | None = None) -> Response:
    """The answer that carries a grant: the access token in the body, the other in the cookie."""
    cookie = refresh_cookie(grant.refresh.reveal(), grant.refresh_lifetime)
    return answer(message or tokens(grant), headers={"set-cookie": cookie})


def tokens(grant: Grant) -> wire.Tokens:
    """The body of that answer."""
    return wire.Tokens(
        access_token=grant.access.reveal(),
        expires_in=int(grant.access_lifetime.total_seconds()),
        aal=grant.aal,
    )


def _with_due(message: wire.Tokens, due: datetime) -> wire.Tokens:
    return structs.replace(message, mfa_due=wire.timestamp(due))


#: What somebody is asked for whose role needs a second factor, and who has none.
_ENROL: Final[tuple[Kind, tuple[str, ...]]] = ("enrol", ("totp",))
