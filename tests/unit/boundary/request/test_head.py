"""The head of a request has limits and one reading."""

import pytest

from ringfence.boundary.request.head import (
    ContentType,
    HeadLimits,
    check,
    content_type,
    origins_by_host,
)
from ringfence.core.errors import Refused

LIMITS = HeadLimits(headers=3, headers_bytes=40)
ROOM = HeadLimits()


def read(headers: list[tuple[bytes, bytes]], limits: HeadLimits) -> None:
    check(headers, dict(headers), limits)


def test_a_header_more_than_allowed_is_too_large() -> None:
    three = [(b"a", b""), (b"b", b""), (b"c", b"")]
    read(three, LIMITS)
    with pytest.raises(Refused, match="head.too_large"):
        read([*three, (b"d", b"")], LIMITS)


def test_a_byte_more_than_allowed_is_too_large() -> None:
    read([(b"a", b"x" * 39)], LIMITS)
    with pytest.raises(Refused, match="head.too_large"):
        read([(b"a", b"x" * 40)], LIMITS)


def test_values_that_share_a_name_count_each() -> None:
    read([(b"a", b"x" * 20), (b"a", b"x" * 19)], LIMITS)
    with pytest.raises(Refused, match="head.too_large"):
        read([(b"a", b"x" * 20), (b"a", b"x" * 20)], LIMITS)


@pytest.mark.parametrize("value", [b"a\0b", b"a\r\nb: c", b"a\x1b[31m", b"a\x7f", b"\x01"])
def test_a_control_character_is_refused(value: bytes) -> None:
    """ATTACKS I08 and I09."""
    with pytest.raises(Refused, match="head.malformed"):
        read([(b"x-name", value)], ROOM)


def test_a_control_character_in_a_repeated_header_is_refused() -> None:
    with pytest.raises(Refused, match="head.malformed"):
        read([(b"x-name", b"a\0"), (b"x-name", b"b")], ROOM)


@pytest.mark.parametrize("value", [b"a\tb", "é".encode("latin-1"), b""])
def test_a_tab_or_a_letter_beyond_ascii_is_none(value: bytes) -> None:
    read([(b"x-name", value)], ROOM)


@pytest.mark.parametrize(
    "name",
    [b"host", b"content-length", b"content-type", b"authorization", b"cookie", b"origin"],
)
def test_a_header_that_decides_something_stands_once(name: bytes) -> None:
    """ATTACKS H01 and H02: two parsers would each believe another one."""
    value = b"1" if name == b"content-length" else b"a/b"
    with pytest.raises(Refused, match="head.malformed"):
        read([(name, value), (name, value)], ROOM)


def test_other_headers_may_repeat() -> None:
    read([(b"accept", b"text/html"), (b"accept", b"*/*")], ROOM)


@pytest.mark.parametrize("length", [b"", b"-1", b"+1", b"1_0", b"0x1", b"1, 1", b" 1", b"9" * 16])
def test_a_length_is_digits(length: bytes) -> None:
    with pytest.raises(Refused, match="head.malformed"):
        read([(b"content-length", length)], ROOM)


def test_a_length_and_an_encoding_is_smuggling() -> None:
    """RFC 9112 section 6.3; ATTACKS H01."""
    with pytest.raises(Refused, match="head.malformed"):
        read([(b"content-length", b"1"), (b"transfer-encoding", b"chunked")], ROOM)


@pytest.mark.parametrize("encoding", [b"gzip, chunked", b"xchunked", b"chunked, identity", b""])
def test_an_encoding_other_than_chunked_is_refused(encoding: bytes) -> None:
    with pytest.raises(Refused, match="head.malformed"):
        read([(b"transfer-encoding", encoding)], ROOM)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"application/json", ContentType(media_type="application/json")),
        (b"Application/JSON;Charset=UTF-8", ContentType(media_type="application/json")),
        (
            b'text/csv ; charset="latin1" ',
            ContentType(media_type="text/csv", charset="latin1"),
        ),
        (
            b"multipart/form-data; boundary=x1",
            ContentType(media_type="multipart/form-data", boundary="x1"),
        ),
    ],
)
def test_a_content_type_is_parsed(value: bytes, expected: ContentType) -> None:
    assert content_type(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"json",
        b"application/json, text/plain",
        b"application/json; charset=utf-8; charset=utf-16",
        b"multipart/form-data; boundary=a; BOUNDARY=b",
        b"multipart/form-data; boundary=a,b",
        b'multipart/form-data; boundary="a\\"b"',
        b"application/json;",
        b"application/json; charset",
        b"application/json; charset= utf-8",
        b"application/json charset=utf-8",
        b"application/js on",
    ],
)
def test_a_content_type_with_two_readings_is_refused(value: bytes) -> None:
    with pytest.raises(Refused, match="head.malformed"):
        read([(b"content-type", value)], ROOM)


def test_the_default_port_may_be_written_out() -> None:
    assert origins_by_host(["https://shop.example"]) == {
        b"shop.example": b"https://shop.example",
        b"shop.example:443": b"https://shop.example",
    }


def test_another_port_belongs_to_the_host() -> None:
    assert origins_by_host(["http://shop.example:8000"]) == {
        b"shop.example:8000": b"http://shop.example:8000"
    }


def test_the_own_machine_goes_by_each_of_its_names() -> None:
    assert origins_by_host(["http://127.0.0.1:8000"]) == {
        b"localhost:8000": b"http://localhost:8000",
        b"127.0.0.1:8000": b"http://127.0.0.1:8000",
        b"[::1]:8000": b"http://[::1]:8000",
    }
