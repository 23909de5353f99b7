"""What anybody may ask: the client's configuration, the public keys, and whether all is well."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import UNSET, structs
from starlette.responses import Response

from ringfence.authn.derivation import DerivationStore
from ringfence.authn.login import normalise
from ringfence.authn.verifier import KEY_BYTES, Argon2Parameters, salt
from ringfence.core.policy import allow, public
from ringfence.core.secret import Secret
from ringfence.service import wire
from ringfence.service.call import Call, answer


def kdf(parameters: Argon2Parameters) -> wire.Kdf:
    """The parameters as clients read them."""
    return wire.Kdf(m=parameters.memory_kib, t=parameters.passes, p=parameters.lanes, len=KEY_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicHandlers:
    """The handlers that need nobody signed in and change nothing."""

    config: wire.Config
    jwks: Callable[[], Mapping[str, object]]
    ping: Callable[[], Awaitable[None]]
    derivations: DerivationStore
    degraded: Callable[[], tuple[str, ...]]  # what is out of order, though requests still work
    salt_key: Secret[bytes]
    tenant: str

    @allow(public)
    async def configuration(self, _call: Call) -> Response:
        """``GET /auth/config``."""
        derivation = await self.derivations.get()
        return answer(
            structs.replace(
                self.config,
                kdf=kdf(derivation.current),
                password_retry=derivation.password_retry,
            )
        )

    @allow(public)
    async def prelogin(self, call: Call) -> Response:
        """``POST /auth/prelogin``: computed from the login alone, so alike for every one.

        While the cost is raised everybody gets both sets of parameters, and so do those who have
        no account, or have moved.
        """
        message = await call.message(wire.Login)
        derived = wire.base64url(salt(self.salt_key, self.tenant, normalise(message.login)))
        current, *following = (await self.derivations.get()).accepted
        later = wire.Derivation(kdf=kdf(following[0]), salt=derived) if following else UNSET
        return answer(wire.Prelogin(kdf=kdf(current), salt=derived, next=later))

    @allow(public)
    async def keys(self, _call: Call) -> Response:
        """``GET /.well-known/jwks.json``. Cached briefly: a key that is removed must go."""
        headers = {"cache-control": "public, max-age=60"}
        return Response(msgspec.json.encode(self.jwks()), headers=headers, media_type=_JWK_SET)

    @allow(public)
    async def alive(self, _call: Call) -> Response:
        """``GET /healthz``: the process answers."""
        return answer(wire.Health())

    @allow(public)
    async def ready(self, call: Call) -> Response:
        """``GET /readyz``: the store reads and writes, too. Raises StoreError, which is 503.

        An administrator is told as well what is degraded.
        """
        await self.ping()
        principal = call.exchange.principal
        if principal is None or "admin" not in principal.roles:
            return answer(wire.Health())
        return answer(wire.Health(degraded=self.degraded()))


_JWK_SET: Final = "application/jwk-set+json"  # RFC 7517 section 8.5.2
