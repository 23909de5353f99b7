"""Unit tests are values in, values out: no sockets, no sleeps.

Sockets are closed by an audit hook (PEP 578), which C code passes too. The pair that an event loop
wakes itself with is neither bound nor connected, and so stays allowed.
"""

import sys
import time
from collections.abc import Iterator
from typing import NoReturn

import pytest

CLOSED = frozenset(
    {
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
    }
)
_in_unit_test = False


class OutOfBoundsError(BaseException):
    """A unit test left its bounds. No ``except Exception`` of the code under test hides it."""


def _close_sockets(event: str, _arguments: tuple[object, ...]) -> None:
    if _in_unit_test and event in CLOSED:
        raise OutOfBoundsError(f"{event} in a unit test")


sys.addaudithook(_close_sockets)  # a hook cannot be removed: it looks at _in_unit_test


def _sleep(seconds: float) -> NoReturn:
    raise OutOfBoundsError(f"sleep({seconds}) in a unit test: make time an argument")


@pytest.fixture(autouse=True)
def bounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close sockets and sleeping while a unit test runs."""
    global _in_unit_test  # noqa: PLW0603  # the hook outlives every fixture and can only look here
    monkeypatch.setattr(time, "sleep", _sleep)
    _in_unit_test = True
    yield
    _in_unit_test = False
