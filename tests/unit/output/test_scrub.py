"""What becomes of an application's error answers: ASVS 16.5.1, ATTACKS O08."""

import json

import pytest

from ringfence.core.codes import CODES
from ringfence.output.scrub import fields, replacement

VALIDATION = json.dumps(
    {
        "detail": [
            {"type": "string_too_short", "loc": ["body", "items", 0, "password"], "msg": "short",
             "input": "hunter2", "url": "https://errors.pydantic.dev/2.12/v/string_too_short"},
            {"type": "missing", "loc": ["body", "quantity"], "msg": "Field required"},
        ]
    },
    separators=(",", ":"),
).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, b'{"detail":"Not Found"}', "resource.missing"),
        (404, b"Not Found", "resource.missing"),
        (404, b"", "resource.missing"),
        (405, b'{"detail":"Method Not Allowed"}', "method.unknown"),
        (405, b"Method Not Allowed", "method.unknown"),
        (422, VALIDATION, "body.invalid"),
        (422, b'{"detail":[{"type":"int_parsing","loc":["path","id"]}]}', "resource.missing"),
        (422, b'{"detail":[{"type":"missing","loc":["query","q"]}]}', "query.invalid"),
        (422, b'{"detail":[{"cut off', "body.invalid"),
    ],
)
def test_the_frameworks_words_are_replaced(status: int, body: bytes, code: str) -> None:
    found = replacement(status, body, encoded=False)
    assert found is not None
    assert found.name == code


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"detail":"This coupon is not known"}'),
        (422, b'{"detail":"Only three of each"}'),
        (422, b'{"quantity":["too many"]}'),
        (405, b"Use the app"),
    ],
)
def test_the_applications_own_words_stay(status: int, body: bytes) -> None:
    assert replacement(status, body, encoded=False) is None


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "resource.missing"), (405, "method.unknown"), (422, "body.invalid")],
)
def test_what_cannot_be_read_is_replaced(status: int, code: str) -> None:
    assert replacement(status, b"\x1f\x8b", encoded=True) is CODES[code]


def test_the_event_names_the_fields_and_never_the_input() -> None:
    assert fields(VALIDATION) == (
        "body.items.0.password (string_too_short), body.quantity (missing)"
    )


@pytest.mark.parametrize("body", [b"", b"{", b'{"detail":[{"loc":"x"}]}', b"\xff"])
def test_a_body_that_is_something_else_names_no_fields(body: bytes) -> None:
    assert fields(body) == ""
