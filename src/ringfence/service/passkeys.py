"""Passkeys over HTTP: adding one, showing one, and signing in with nothing else."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from http import HTTPStatus

import msgspec
from msgspec import UNSET
from starlette.responses import Response

from ringfence.authn import opaque
from ringfence.authn.accounts import Account
from ringfence.authn.flows import Flows
from ringfence.authn.limits import Charge, address_key, charge
from ringfence.core.errors import Refused
from ringfence.core.policy import allow, public, signed_in
from ringfence.service import factor_wire, wire
from ringfence.service.browser import browser, shown_browser
from ringfence.service.call import Call, answer, nothing
from ringfence.service.factors import FactorHandlers
from ringfence.service.sessions import started


@dataclass(frozen=True, slots=True)
class PasskeyHandlers:
    """The handlers about passkeys."""

    flows: Flows
    _: KW_ONLY
    factors: FactorHandlers

    @allow(public)
    async def sign_in_options(self, call: Call) -> Response:
        """``POST /auth/passkey/options``: the same for everybody."""
        await self._charge_address(call)
        secret, headers = browser(call)
        return _options(await self.flows.ceremonies.ask(None, secret, call.now), headers)

    @allow(public)
    async def sign_in(self, call: Call) -> Response:
        """``POST /auth/passkey``: answers as a sign-in."""
        message = await call.message(factor_wire.Credential)
        await self._charge_address(call)
        account, assurance = await self.flows.ceremonies.show(
            message.credential, shown_browser(call), call.now
        )
        self.factors.note_proven(call, account, "passkey")
        return await started(self.flows, call, account, assurance)

    @allow(public)
    async def second_step_options(self, call: Call) -> Response:
        """``POST /auth/mfa/passkey``: for the second step of a sign-in."""
        message = await call.message(factor_wire.Ticket)
        account = await self.flows.second.holder(message.ticket, "sign-in", call.now)
        # By ticket: whoever has the password alone may not use up what the owner needs.
        return await self._ask(call, account, opaque.digest(message.ticket).hex())

    @allow(signed_in)
    async def step_up_options(self, call: Call) -> Response:
        """``POST /auth/step-up/passkey``."""
        return await self._ask(call, await self.factors.account(call))

    @allow(signed_in)
    async def new_options(self, call: Call) -> Response:
        """``POST /auth/factors/passkeys/options``."""
        account = await self.factors.recent(call)
        await self.factors.charge(call, account)
        secret, headers = browser(call)
        return _options(await self.flows.ceremonies.ask_new(account, secret, call.now), headers)

    @allow(signed_in)
    async def add(self, call: Call) -> Response:
        """``POST /auth/factors/passkeys``; with recovery codes where there were none."""
        message = await call.message(factor_wire.NewPasskey)
        account = await self.factors.recent(call)
        if not message.name.isprintable():
            raise Refused("body.invalid")
        added = await self.flows.ceremonies.add(
            account, message.credential, message.name, shown_browser(call), call.now
        )
        codes = await self.flows.second.first_codes(account)
        call.note("factor.added", factor="passkey")
        await self.factors.tell(call, account)
        return answer(
            factor_wire.PasskeyAdded(
                id=wire.base64url(added.id),
                kind="passkey",
                name=added.name,
                created_at=wire.timestamp(added.created_at),
                recovery_codes=codes or UNSET,
            ),
            HTTPStatus.CREATED,
        )

    @allow(signed_in)
    async def rename(self, call: Call) -> Response:
        """``PATCH /auth/factors/{id}``: a passkey's name."""
        message = await call.message(factor_wire.Name)
        if not message.name.isprintable():
            raise Refused("body.invalid")
        wanted, subject = call.parameter("id"), call.principal.subject
        held = await self.flows.second.store.held(subject)
        keys = {wire.base64url(key.id): key.id for key in held.passkeys}
        store = self.flows.second.store
        if wanted not in keys or not await store.rename_passkey(
            subject, keys[wanted], message.name
        ):
            raise Refused("resource.missing")
        return nothing(HTTPStatus.NO_CONTENT)

    async def _ask(self, call: Call, account: Account, of: str = "") -> Response:
        await self.factors.charge(call, account, of)
        secret, headers = browser(call)
        return _options(await self.flows.ceremonies.ask(account, secret, call.now), headers)

    async def _charge_address(self, call: Call) -> None:
        charges = [Charge(f"passkey:{address_key(call.client)}", self.flows.budgets.challenges)]
        await charge(self.flows.counters, "signin.limited", charges, call.now)


def _options(options: dict[str, object], headers: Mapping[str, str]) -> Response:
    body = msgspec.json.encode({"publicKey": options})
    return Response(body, headers=headers, media_type="application/json")
