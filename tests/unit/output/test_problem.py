"""Problem details: RFC 9457, API.md."""

import json
from datetime import timedelta

import pytest

from ringfence.core.codes import CODES, Code, public
from ringfence.output.problem import body, headers

ANSWERS = [code for code in CODES.values() if code.status]


@pytest.mark.parametrize("code", ANSWERS, ids=lambda code: code.name)
def test_a_problem_holds_five_members_and_nothing_else(code: Code) -> None:
    shown = public(code)
    assert json.loads(body(code, "id-1")) == {
        "type": f"urn:ringfence:problem:{shown.name}",
        "title": shown.title,
        "status": shown.status,
        "code": shown.name,
        "request_id": "id-1",
    }


@pytest.mark.parametrize(
    "reason", ["ownership.foreign", "role.missing", "self.foreign", "route.unknown", "file.outside"]
)
def test_what_is_not_yours_reads_byte_for_byte_like_what_is_not_there(reason: str) -> None:
    """DESIGN section 4, ATTACKS Z01."""
    hidden, missing = CODES[reason], CODES["resource.missing"]
    assert body(hidden, "a") == body(missing, "b").replace(b'"b"', b'"a"')
    assert headers(hidden) == headers(missing)


def test_a_request_id_cannot_add_a_member() -> None:
    assert json.loads(body(CODES["server.error"], '","detail":"x'))["request_id"] == '","detail":"x'


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        (timedelta(0), b"1"),
        (timedelta(milliseconds=1), b"1"),
        (timedelta(seconds=1), b"1"),
        (timedelta(seconds=1, microseconds=1), b"2"),
        (timedelta(minutes=15), b"900"),
    ],
)
def test_retry_after_is_whole_seconds_rounded_up(wait: timedelta, seconds: bytes) -> None:
    """RFC 9110 10.2.3; rounded down, a client would come back too early."""
    assert (b"retry-after", seconds) in headers(CODES["signin.limited"], retry_after=wait)


@pytest.mark.parametrize("name", [name for name, code in CODES.items() if code.status == 503])
def test_every_503_says_when_to_come_back(name: str) -> None:
    """RFC 9110 15.6.4; a code that knows better says so itself."""
    assert (b"retry-after", b"1") in headers(CODES[name])
    assert (b"retry-after", b"9") in headers(CODES[name], retry_after=timedelta(seconds=9))


def test_405_says_what_is_allowed() -> None:
    """RFC 9110 15.5.6: Allow is a MUST."""
    assert (b"allow", b"GET, PUT") in headers(CODES["method.unknown"], allow=("GET", "PUT"))


def test_a_404_never_says_what_would_be_allowed() -> None:
    assert headers(CODES["method.foreign"], allow=("GET",)) == headers(CODES["resource.missing"])


@pytest.mark.parametrize(
    ("code", "challenge"),
    [
        ("token.missing", b"Bearer"),
        ("credentials.invalid", b"Bearer"),
        ("refresh.reused", b"Bearer"),
        ("token.malformed", b'Bearer error="invalid_token"'),
        ("token.revoked", b'Bearer error="invalid_token"'),
        ("token.expired", b'Bearer error="invalid_token"'),
    ],
)
def test_401_carries_a_challenge(code: str, challenge: bytes) -> None:
    """RFC 9110 15.5.2 and RFC 6750 3.1."""
    assert (b"www-authenticate", challenge) in headers(CODES[code])
