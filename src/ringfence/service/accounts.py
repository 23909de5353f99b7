"""Getting an account, and a new password."""

from dataclasses import KW_ONLY, dataclass
from http import HTTPStatus

from starlette.responses import Response

from ringfence.authn.factors import second_factors
from ringfence.authn.flows import Flows
from ringfence.authn.limits import Charge, address_key, charge
from ringfence.authn.login import normalise
from ringfence.authn.opaque import digest, pseudonym
from ringfence.authn.outbox import Errand
from ringfence.authn.sessions import Assurance
from ringfence.core.errors import Refused
from ringfence.core.policy import allow, public, signed_in
from ringfence.core.secret import Secret
from ringfence.service import wire
from ringfence.service.call import Call, nothing
from ringfence.service.courier import ERRANDS, Courier
from ringfence.service.sessions import begun, granted


@dataclass(frozen=True, slots=True)
class AccountHandlers:
    """The handlers about accounts and their passwords."""

    flows: Flows
    _: KW_ONLY
    courier: Courier
    pseudonyms: Secret[bytes]
    origin: str

    @allow(public)
    async def sign_up(self, call: Call) -> Response:
        """``POST /auth/sign-up``: the answer is always the same; the mail says the rest."""
        message = await call.message(wire.SignUp)
        if not message.name.isprintable():
            raise Refused("body.invalid")
        login = normalise(message.login)
        name = await self._charge_mail(call, "signup", login)
        site = call.site(self.origin)
        await self._later(self.courier.errand("sign-up", login, site, call.exchange, message.name))
        call.note("signup.asked", login=name)
        return nothing(HTTPStatus.ACCEPTED)

    @allow(public)
    async def verify_email(self, call: Call) -> Response:
        """``POST /auth/verify-email``: the account exists from here on; answers as a sign-in."""
        message = await call.message(wire.NewPassword)
        await self._charge_link(call, "signup", message.token)
        account = await self.flows.signup.prove(message.token, message.password, call.now)
        await self.flows.signin.remember(account.login, call.client, call.now)
        call.note("account.created", subject=account.id)
        return await begun(self.flows, call, account)

    @allow(public)
    async def forgot(self, call: Call) -> Response:
        """``POST /auth/password/forgot``: the answer is always alike."""
        message = await call.message(wire.Login)
        login = normalise(message.login)
        name = await self._charge_mail(call, "recovery", login)
        site = call.site(self.origin)
        await self._later(self.courier.errand("reset", login, site, call.exchange))
        call.note("password.reset_asked", login=name)
        return nothing(HTTPStatus.ACCEPTED)

    @allow(public)
    async def reset(self, call: Call) -> Response:
        """``POST /auth/password/reset``: every session ends, and none begins."""
        message = await call.message(wire.NewPassword)
        await self._charge_link(call, "recovery", message.token)
        site = call.site(self.origin)
        account = await self.flows.recovery.reset(
            message.token,
            message.password,
            call.now,
            tell=lambda login: self.courier.errand("changed", login, site, call.exchange),
        )
        self.courier.poke()
        await self.flows.signin.remember(account.login, call.client, call.now)
        call.note("password.reset", subject=account.id)
        return nothing(HTTPStatus.NO_CONTENT)

    @allow(signed_in)
    async def change(self, call: Call) -> Response:
        """``POST /auth/password/change``: fresh tokens for the caller, all older ones die."""
        message = await call.message(wire.PasswordChange)
        account = await self.flows.accounts.find(call.principal.subject)
        if account is None or account.disabled_at is not None:
            raise Refused("token.revoked")
        if second_factors(account, call.now):
            self.flows.second.require_recent(account, call.principal, call.now)
        current = wire.credentials(
            account.login, message.current, message.current_key, message.next_key
        )
        site = call.site(self.origin)
        changed = await self.flows.recovery.change(
            account,
            current,
            message.new,
            call.now,
            tell=self.courier.errand("changed", account.login, site, call.exchange),
        )
        self.courier.poke()
        call.note("password.changed")
        assurance = self._kept(call) if second_factors(changed, call.now) else None
        return granted(
            await self.flows.sessions.begin(changed, call.device, call.now, assurance=assurance)
        )

    def _kept(self, call: Call) -> Assurance:
        """What the caller has proven lately, for the session that takes the place of this one."""
        principal = call.principal
        return Assurance(aal=principal.aal, amr=principal.amr, at=principal.authenticated_at)

    async def _later(self, errand: Errand) -> None:
        """Do what depends on the account, so that the answer does not show that it was done."""
        await ERRANDS.current()(self.courier, errand)

    async def _charge_mail(self, call: Call, topic: str, login: str) -> str:
        """Charge a mail to the address and to the mailbox; returns the login's pseudonym."""
        name, place = pseudonym(login, self.pseudonyms), address_key(call.client)
        charges = [
            Charge(f"{topic}:address:{place}", self.flows.budgets.mails_address),
            Charge(f"{topic}:login:{name}", self.flows.budgets.mails_login),
        ]
        await charge(self.flows.counters, f"{topic}.limited", charges, call.now)
        return name

    async def _charge_link(self, call: Call, topic: str, token: str) -> None:
        """Charge the use of a mailed link to the address and to the link, whether it works or not.

        In one step: where the address has no tries left, no counter is made for the link. Otherwise
        invented links would fill the store.
        """
        place, link = address_key(call.client), digest(token).hex()
        charges = [
            Charge(f"{topic}:link:{place}", self.flows.budgets.links_address),
            Charge(f"{topic}:token:{link}", self.flows.budgets.links_token),
        ]
        await charge(self.flows.counters, f"{topic}.limited", charges, call.now)
