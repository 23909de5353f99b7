"""Second factors: the second step of a sign-in, showing one again, setting up and removing."""

from dataclasses import KW_ONLY, dataclass
from http import HTTPStatus
from typing import Final

import segno
from msgspec import UNSET, structs
from starlette.responses import Response

from ringfence.authn.accounts import Account
from ringfence.authn.factors import second_factors
from ringfence.authn.flows import Flows
from ringfence.authn.limits import Charge, charge
from ringfence.authn.second_factor import CODE_AMR, HIGHEST_AAL, Enrolment, ticket_digest
from ringfence.authn.sessions import Assurance, by_password
from ringfence.core.errors import Refused
from ringfence.core.policy import allow, public, signed_in
from ringfence.service import factor_wire, wire
from ringfence.service.browser import shown_browser
from ringfence.service.call import Call, answer, nothing
from ringfence.service.courier import Courier
from ringfence.service.sessions import granted, started, tokens

#: The ids of what an account has at most one of.
_TOTP: Final = "totp"

_QUIET: Final = 4  # modules around a QR code (ISO/IEC 18004)


@dataclass(frozen=True, slots=True)
class FactorHandlers:
    """The handlers about second factors."""

    flows: Flows
    _: KW_ONLY
    courier: Courier
    origin: str

    # ------------------------------------------------------------------------------ the sign-in

    @allow(public)
    async def second_step(self, call: Call) -> Response:
        """``POST /auth/mfa``: answers as a sign-in."""
        message = await call.message(factor_wire.SecondStep)
        if message.credential is not UNSET:
            return await self._by_passkey(call, message)
        shown = factor_wire.shown(message.code, message.recovery_code)
        account = await self.flows.second.finish(message.ticket, shown, call.now)
        self.note_proven(call, account, _named(shown.recovery_code))
        if shown.recovery_code is not None:
            await self.tell(call, account)
        assurance = Assurance(aal=HIGHEST_AAL, amr=CODE_AMR, at=call.now)
        return await started(self.flows, call, account, assurance)

    async def _by_passkey(self, call: Call, message: factor_wire.SecondStep) -> Response:
        if message.code is not UNSET or message.recovery_code is not UNSET:
            raise Refused("body.invalid")
        account = await self.flows.second.tried(message.ticket, call.now)
        _, assurance = await self.flows.ceremonies.show(
            message.credential or {},
            shown_browser(call),
            call.now,
            account=account,
            ticket=ticket_digest(message.ticket),
        )
        self.note_proven(call, account, "passkey")
        return await started(self.flows, call, account, assurance)

    @allow(public)
    async def first_totp(self, call: Call) -> Response:
        """``POST /auth/mfa/totp``: sets up the factor that the account's role asks for."""
        message = await call.message(factor_wire.Ticket)
        account = await self.flows.second.holder(message.ticket, "enrol", call.now)
        await self.charge(call, account)
        return _setup(await self.flows.second.begin_totp(account, "totp-first", call.now))

    @allow(public)
    async def confirm_first_totp(self, call: Call) -> Response:
        """``POST /auth/mfa/totp/confirm``: answers as a sign-in, with recovery codes."""
        message = await call.message(factor_wire.TotpCode)
        account, codes = await self.flows.second.finish_totp(message.ticket, message.code, call.now)
        return await self._added(call, account, codes)

    # ---------------------------------------------------------------------------- showing it again

    @allow(signed_in)
    async def step_up(self, call: Call) -> Response:
        """``POST /auth/step-up``: a new session takes the place of this one (MUSTS S02)."""
        message = await call.message(factor_wire.StepUp)
        account = await self.account(call)
        if message.credential is not UNSET:
            assurance = await self._passkey_again(call, account, message)
        elif message.password is UNSET and message.client_key is UNSET:
            shown = factor_wire.shown(message.code, message.recovery_code)
            session = call.principal.session
            assurance = await self.flows.second.show_again(account, session, shown, call.now)
            self.note_proven(call, account, _named(shown.recovery_code))
        else:
            await self._password_again(call, account, message)
            assurance = by_password(call.now)
        return await self._instead(call, account, assurance)

    async def _passkey_again(
        self, call: Call, account: Account, message: factor_wire.StepUp
    ) -> Assurance:
        others = message.code, message.recovery_code, message.password, message.client_key
        if any(each is not UNSET for each in others):
            raise Refused("body.invalid")
        _, assurance = await self.flows.ceremonies.show(
            message.credential or {}, shown_browser(call), call.now, account=account
        )
        self.note_proven(call, account, "passkey")
        return assurance

    async def _password_again(
        self, call: Call, account: Account, message: factor_wire.StepUp
    ) -> None:
        """A password is enough where the account has nothing stronger."""
        if message.code is not UNSET or message.recovery_code is not UNSET:
            raise Refused("body.invalid")
        current = wire.credentials(
            account.login, message.password, message.client_key, message.next_key
        )
        if second_factors(account, call.now):
            raise Refused("aal.insufficient")
        await self.flows.recovery.prove(account, current, call.now)

    # --------------------------------------------------------------------------------- setting up

    @allow(signed_in)
    async def factors(self, call: Call) -> Response:
        """``GET /auth/factors``: the caller's own."""
        held = await self.flows.second.store.held(call.principal.subject)
        items: list[factor_wire.Factor] = []
        if held.totp is not None:
            at = wire.timestamp(held.totp.created_at)
            items.append(factor_wire.Factor(id=_TOTP, kind="totp", created_at=at))
        items += [
            factor_wire.Factor(
                id=wire.base64url(key.id),
                kind="passkey",
                name=key.name,
                created_at=wire.timestamp(key.created_at),
                last_used_at=None if key.used_at is None else wire.timestamp(key.used_at),
            )
            for key in held.passkeys
        ]
        if items:
            left = held.recovery_codes
            items.append(factor_wire.Factor(id="recovery_codes", kind="recovery_codes", left=left))
        return answer(factor_wire.Factors(items=tuple(items)))

    @allow(signed_in)
    async def set_up_totp(self, call: Call) -> Response:
        """``POST /auth/factors/totp``: a secret, which counts once a code of it was shown."""
        account = await self.recent(call)
        await self.charge(call, account)
        return _setup(await self.flows.second.begin_totp(account, "totp", call.now))

    @allow(signed_in)
    async def confirm_totp(self, call: Call) -> Response:
        """``POST /auth/factors/totp/confirm``: a session of level 2 takes the place of this one."""
        message = await call.message(factor_wire.TotpCode)
        owner = await self.recent(call)
        _, codes = await self.flows.second.finish_totp(
            message.ticket, message.code, call.now, owner=owner
        )
        return await self._added(call, owner, codes)

    @allow(signed_in)
    async def new_codes(self, call: Call) -> Response:
        """``POST /auth/factors/recovery-codes``: new ones; those that were left are worthless."""
        account = await self.recent(call)
        await self.charge(call, account)
        if not second_factors(account, call.now):
            raise Refused("resource.missing")
        codes = await self.flows.second.new_codes(account)
        call.note("factor.codes")
        await self.tell(call, account)
        return answer(factor_wire.RecoveryCodes(recovery_codes=codes))

    @allow(signed_in)
    async def remove(self, call: Call) -> Response:
        """``DELETE /auth/factors/{id}``: the last one stays where a role asks for it."""
        account, wanted = await self.recent(call), call.parameter("id")
        store = self.flows.second.store
        held = await store.held(account.id)
        keys = {wire.base64url(key.id): key.id for key in held.passkeys}
        if wanted not in keys and (wanted != _TOTP or held.totp is None):
            raise Refused("resource.missing")
        required = bool(account.roles & self.flows.second.terms.roles)
        if wanted == _TOTP:
            removed = await store.remove_totp(account.id, keep_last=required)
        else:
            removed = await store.remove_passkey(account.id, keys[wanted], keep_last=required)
        if not removed:
            raise Refused("factor.required" if required else "resource.missing")
        call.note("factor.removed", factor="totp" if wanted == _TOTP else "passkey")
        await self.tell(call, account)
        return nothing(HTTPStatus.NO_CONTENT)

    # -------------------------------------------------------------------------------------- shared

    async def account(self, call: Call) -> Account:
        """The caller's account, as it is for the token that was shown."""
        account = await self.flows.accounts.find(call.principal.subject)
        if (
            account is None
            or account.disabled_at is not None
            or account.token_version != call.principal.token_version
        ):
            raise Refused("token.revoked")
        return account

    async def recent(self, call: Call) -> Account:
        """As ``account``, of whoever has shown lately who they are (MUSTS O10)."""
        account = await self.account(call)
        self.flows.second.require_recent(account, call.principal, call.now)
        if await self.flows.second.reset_if_due(account, call.now):  # before something is added
            call.note("factor.reset", subject=account.id)
            return await self.account(call)
        return account

    async def charge(self, call: Call, account: Account, of: str = "") -> None:
        """Count a challenge: of the account, or ``of`` something of it that counts by itself.

        Raises:
            Refused: ``factor.limited``.
        """
        charges = [Charge(f"challenge:{of or account.id}", self.flows.budgets.challenges)]
        await charge(self.flows.counters, "factor.limited", charges, call.now)

    async def _instead(self, call: Call, account: Account, assurance: Assurance) -> Response:
        """A session with ``assurance`` in the place of the caller's."""
        grant = await self.flows.sessions.begin(
            account,
            call.device,
            call.now,
            replaces=call.principal.session,
            assurance=assurance,
        )
        return granted(grant)

    async def _added(self, call: Call, account: Account, codes: tuple[str, ...]) -> Response:
        """A factor was added by who has just shown it: a session of level 2, and who is told."""
        call.note("factor.added", subject=account.id, factor="totp")
        await self.tell(call, account)
        principal = call.exchange.principal
        grant = await self.flows.sessions.begin(
            account,
            call.device,
            call.now,
            shown=call.refresh_token,
            replaces=None if principal is None else principal.session,
            assurance=Assurance(aal=HIGHEST_AAL, amr=CODE_AMR, at=call.now),
        )
        message = structs.asdict(tokens(grant))
        given = factor_wire.TokensAndCodes(**message, recovery_codes=codes or UNSET)
        return granted(grant, given)

    @staticmethod
    def note_proven(call: Call, account: Account, factor: str) -> None:
        """Write down that a factor was shown, and what that calls off."""
        call.note("factor.proven", subject=account.id, factor=factor)
        if account.factor_reset_at is not None:
            call.note("factor.reset_off", subject=account.id)

    async def tell(self, call: Call, account: Account) -> None:
        """Mail the owner that factors have changed (ASVS 6.3.7)."""
        site = call.site(self.origin)
        errand = self.courier.errand("changed", account.login, site, call.exchange, "factors")
        await self.courier.post(errand)


def _named(recovery_code: str | None) -> str:
    return "totp" if recovery_code is None else "recovery_code"


def _setup(enrolment: Enrolment) -> Response:
    uri = enrolment.address.reveal()
    return answer(
        factor_wire.TotpSetup(
            ticket=enrolment.ticket,
            secret=enrolment.secret.reveal(),
            uri=uri,
            qr=_qr(uri),
        )
    )


def _qr(text: str) -> factor_wire.Qr:
    """The QR code of ``text``: each run of dark modules is a rectangle."""
    rows = segno.make_qr(text, error="m").matrix
    parts: list[str] = []
    for y, row in enumerate(rows, _QUIET):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end]:
                end += 1
            if end > x:
                parts.append(f"M{x + _QUIET} {y}h{end - x}v1h{x - end}z")
            x = end + 1
    return factor_wire.Qr(size=len(rows) + 2 * _QUIET, path="".join(parts))
