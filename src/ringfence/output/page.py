"""What a handler declares about its response: further CSP sources, a nonce, an attachment.

All of it is about the current response only. Without a Ringfence around the application it changes
nothing, so that the handler runs in its own tests.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from ringfence.core.codes import Layer
from ringfence.core.exchange import Exchange, Slot, current, trace
from ringfence.core.seam import Seam
from ringfence.output.csp import declaration

_DECLARED: Final = Slot[dict[str, str]]("output.csp")
_NONCE: Final = Slot[str]("output.nonce")
_ATTACHED: Final = Slot[bytes]("output.attachment")

#: What RFC 8187 3.2.1 lets stand as it is, beside letters, digits and ``-._~``.
_ATTR_CHAR: Final = "!#$&+^`|"


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

    Use it if a page cannot do without inline code; every script of the page needs it then.
    """
    exchange = current.get()
    if exchange is None:
        return secrets.token_urlsafe(16)
    return exchange.state.setdefault(_NONCE, secrets.token_urlsafe(16))


def attachment(filename: str) -> None:
    """Have browsers save this response as ``filename``, and never show or run its content.

    For what users sent: whatever it is, it cannot act in the site's own origin (ATTACKS O03, ASVS
    3.2.1). The name may come from a user as well (RFC 6266, ASVS 5.4.2)::

        attachment("résumé.pdf")
        return Response(content, media_type="application/pdf")

    The response's CSP is ``sandbox`` and the policy for answers that are no pages; ``csp`` and
    ``nonce`` do not change it.
    """
    ATTACHER.current()(filename)


def _attach(filename: str) -> None:
    exchange = current.get()
    if exchange is not None:
        trace("file.attached")
        name = quote(filename, safe=_ATTR_CHAR, errors="replace")
        exchange.state[_ATTACHED] = f"attachment; filename*=UTF-8''{name}".encode()


#: What has the current response saved under a name.
ATTACHER: Final = Seam[Callable[[str], None]](Layer.OUTPUT, _attach)


def attached(exchange: Exchange) -> bytes | None:
    """The Content-Disposition of a response that the handler declared to be an attachment."""
    return exchange.state.get(_ATTACHED)


def declared(exchange: Exchange) -> tuple[Mapping[str, str] | None, str | None]:
    """The directives and the nonce that the handler asked for."""
    return exchange.state.get(_DECLARED), exchange.state.get(_NONCE)
