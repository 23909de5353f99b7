"""An answer to a request that no layer has seen: from the server itself, or before the start."""

from collections.abc import Iterable
from datetime import timedelta

from ringfence.core.codes import Code
from ringfence.output import csp, problem
from ringfence.output.headers import CSP, NO_STORE, REQUEST_ID, Header


def bare(
    code: Code,
    request_id: str,
    fixed: Iterable[Header],
    *,
    retry_after: timedelta | None = None,
) -> tuple[list[Header], bytes]:
    """Headers and body of a problem, with all that every answer carries.

    Args:
        code: What is wrong.
        request_id: Of the request, made for it.
        fixed: The headers of every response (``headers.fixed``).
        retry_after: When the client may try again.
    """
    body = problem.body(code, request_id)
    headers = [
        *problem.headers(code, retry_after=retry_after),
        (b"content-length", b"%d" % len(body)),
        *fixed,
        (CSP, csp.policy(csp.API)),
        NO_STORE,
        (REQUEST_ID, request_id.encode()),
    ]
    return headers, body
