"""What a hurried developer logs: everything, as it came. Used with the layer off, and only there.

No redaction, no escaping, no rate: with this, ATTACKS I09 and M01 succeed.
"""

import traceback
from urllib.parse import unquote_plus

from ringfence.core.event import Event
from ringfence.core.exchange import Exchange


def line(event: Event, exchange: Exchange | None, error: BaseException | None = None) -> bytes:
    """The event with the whole request beside it, more than one line where the client says so."""
    parts = [event.at.isoformat(), event.code.level.value, event.code.name, event.code.event]
    parts += [str(event.client), str(event.subject), str(event.status), str(dict(event.facts))]
    if exchange is not None:
        scope = exchange.scope
        query = unquote_plus(scope.get("query_string", b"").decode("latin-1"))
        parts += [str(scope.get("method")), str(scope.get("path")), query]
        parts += [f"{k.decode('latin-1')}={v.decode('latin-1')}" for k, v in scope["headers"]]
        parts += exchange.inputs
    if error is not None:
        parts += traceback.format_exception(error)
    return (" ".join(parts) + "\n").encode("utf-8", "backslashreplace")
