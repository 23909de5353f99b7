"""Why a request would be decided as it is, for a person who asks."""

from datetime import datetime
from typing import Any

from ringfence.authn.tokens import LIFETIME
from ringfence.core.exchange import Exchange, current
from ringfence.core.principal import Principal
from ringfence.stack.layers import Layers
from ringfence.storage import Stores


async def explain(
    layers: Layers, who: str, method: str, path: str, now: datetime
) -> dict[str, Any]:
    """Decide as the pipeline would, and say why; nothing is changed, no handler runs.

    Args:
        layers: Of the running stack.
        who: A login, the part of one before the ``@``, an account's id, or ``anonymous``.
        method: Such as ``GET``; ``WEBSOCKET``.
        path: Such as ``/orders/17``.
        now: Aware UTC.

    Raises:
        LookupError: Nobody has this login.
    """
    kind = "websocket" if method == "WEBSOCKET" else "http"
    exchange = Exchange(
        {"type": kind, "method": method, "path": path, "headers": []},
        request_id="explained",
        now=now,
        sink=layers.monitoring,
        seams=layers.seams,
    )
    token = current.set(exchange)
    try:
        exchange.principal = await _principal(layers.parts.stores, who, now)
        return {"who": who, **await layers.authz.explain(exchange)}
    finally:
        current.reset(token)
        for close in exchange.closing:
            await close()


async def _principal(stores: Stores, who: str, now: datetime) -> Principal | None:
    """The principal that ``who`` would be after signing in just now."""
    if who == "anonymous":
        return None
    account = await stores.accounts.find(who) or await stores.accounts.find_by_login(who)
    after = ""
    while account is None:
        page = await stores.accounts.list(after=after)
        if not page:
            raise LookupError(f"nobody has the login {who}")
        account = next((found for found in page if found.login.startswith(who + "@")), None)
        after = page[-1].id
    return Principal(
        subject=account.id,
        session="explained",
        roles=account.roles,
        authenticated_at=now,
        expires_at=now + LIFETIME,
    )
