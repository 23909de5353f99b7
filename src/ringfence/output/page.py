"""What a handler says about the page that it answers with: a nonce, or sources beside the usual.

Both speak about the current response only. Without a Ringfence around the application they change
nothing, so that the handler runs in its own tests.
"""

import secrets
from collections.abc import Mapping
from typing import Final

from ringfence.core.exchange import Exchange, current
from ringfence.output.csp import declaration

_DECLARED: Final = "output.csp"
_NONCE: Final = "output.nonce"


def csp(**directives: str) -> None:
    """Declare the Content-Security-Policy directives of this response.

    Each takes the place of the one in the layer's policy::

        csp(img_src="'self' https://images.example", worker_src="'self'")

    FastAPI's docs pages load scripts from elsewhere and run inline ones: under this policy they
    stay blank. Serve pages of your own, or switch them off (``docs_url=None``).

    Raises:
        ValueError: A directive or source that would undo the policy, such as
            ``script_src="'unsafe-inline'"``.
    """
    checked = dict(declaration(name, sources) for name, sources in directives.items())
    exchange = current.get()
    if exchange is not None:
        exchange.state.setdefault(_DECLARED, {}).update(checked)


def nonce() -> str:
    """The nonce of this response, 128 random bits: ``<script nonce="…">`` runs, others do not.

    Ask for it where a page cannot do without inline code; every script of the page needs it then.
    """
    exchange = current.get()
    if exchange is None:
        return secrets.token_urlsafe(16)
    made: str = exchange.state.setdefault(_NONCE, secrets.token_urlsafe(16))
    return made


def declared(exchange: Exchange) -> tuple[Mapping[str, str] | None, str | None]:
    """The directives and the nonce that the handler asked for."""
    return exchange.state.get(_DECLARED), exchange.state.get(_NONCE)
