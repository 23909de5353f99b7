"""What becomes of an application's error answers.

* 5xx: replaced, whatever it says. Its words are for the log (ATTACKS O08).
* 404 and 405 as the framework words them: replaced, so that they equal the pipeline's own.
* 422 of FastAPI's validation: replaced. It repeats the input, even a password, and names the
  version of the validator. The event says which fields did not fit. If the path does not fit, there
  cannot be such a resource, and the answer is a 404.

Every other 4xx is the application's own answer to its client, and stays.

Sources: OWASP ASVS 5.0 requirement 16.5.1; DESIGN section 4.
"""

from typing import Final

import msgspec

from ringfence.core.codes import CODES, Code

CLIENT_ERROR: Final = 400
NOT_FOUND: Final = 404
UNPROCESSABLE: Final = 422
SERVER_ERROR: Final = 500

#: Statuses whose answer is held until its body shows whether the framework wrote it.
FRAMEWORKS: Final = frozenset({NOT_FOUND, 405, UNPROCESSABLE})

_DEFAULTS: Final = frozenset(
    {
        b"",
        b"Not Found",
        b'{"detail":"Not Found"}',
        b"Method Not Allowed",
        b'{"detail":"Method Not Allowed"}',
    }
)
_VALIDATION: Final = b'{"detail":[{'
_MOST_FIELDS: Final = 8

#: What did not fit, by where FastAPI found it; anything else is the body.
_MISFITS: Final = {"path": "resource.missing", "query": "query.invalid"}


class _Failure(msgspec.Struct):
    type: str
    loc: list[str | int]


class _Failures(msgspec.Struct):
    detail: list[_Failure]


def replacement(status: int, body: bytes, *, encoded: bool) -> Code | None:
    """The code to answer with instead, None if the answer stays.

    Args:
        status: One of ``FRAMEWORKS``.
        body: The first piece of the body.
        encoded: Whether it cannot be read (``Content-Encoding``); then the answer is replaced.
    """
    if status == UNPROCESSABLE:
        return _misfit(body) if encoded or body.startswith(_VALIDATION) else None
    if not encoded and body not in _DEFAULTS:
        return None
    return CODES["resource.missing" if status == NOT_FOUND else "method.unknown"]


def fields(body: bytes) -> str:
    """Which fields did not fit and why, ``"body.quantity (missing)"``; never what was sent."""
    return ", ".join(
        f"{'.'.join(map(str, failure.loc))} ({failure.type})"
        for failure in _failures(body)[:_MOST_FIELDS]
    )


def _misfit(body: bytes) -> Code:
    """The code for the first thing that did not fit: FastAPI begins with the path."""
    place = next((failure.loc[0] for failure in _failures(body) if failure.loc), "body")
    return CODES[_MISFITS.get(str(place), "body.invalid")]


def _failures(body: bytes) -> list[_Failure]:
    try:
        return msgspec.json.decode(body, type=_Failures).detail
    except msgspec.DecodeError:
        return []
