"""The body: its type, its size, its pace, its content."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest

from ringfence.boundary.request import body
from ringfence.boundary.request.body import BodyLimits, Fields
from ringfence.boundary.request.head import content_type
from ringfence.core.asgi import Message, Receive
from ringfence.core.errors import Refused


def freely(_size: int) -> None:
    """Holds whatever comes."""


LIMITS = BodyLimits(body_bytes=10)


def arriving(*chunks: bytes, last: Message | None = None) -> Receive:
    """A ``receive`` that gives these chunks, and then ``last``."""
    messages: list[Message] = [
        {
            "type": "http.request",
            "body": chunk,
            "more_body": last is not None or i < len(chunks) - 1,
        }
        for i, chunk in enumerate(chunks)
    ]
    pending = iter([*messages, *([last] if last is not None else [])])

    async def receive() -> Message:
        return next(pending)

    return receive


async def never() -> Message:
    return await asyncio.get_running_loop().create_future()


# ------------------------------------------------------------------------------------ reading


async def test_all_chunks_are_put_together() -> None:
    assert await body.read(arriving(b"ab", b"", b"c"), LIMITS, freely) == b"abc"


async def test_a_byte_more_than_allowed_is_too_large() -> None:
    """ATTACKS H08."""
    assert await body.read(arriving(b"x" * 4, b"x" * 6), LIMITS, freely) == b"x" * 10
    with pytest.raises(Refused, match="body.too_large"):
        await body.read(arriving(b"x" * 5, b"x" * 6), LIMITS, freely)


async def test_a_body_that_never_comes_is_too_slow() -> None:
    """ATTACKS H07."""
    with pytest.raises(Refused, match="body.too_slow"):
        await body.read(never, BodyLimits(patience=timedelta(0)), freely)


def pausing(*chunks: bytes) -> Receive:
    """The first chunk is there at once; the event loop has a turn before each other one."""
    receive = arriving(*chunks)
    turns = iter([False] + [True] * len(chunks))

    async def steady() -> Message:
        if next(turns):
            await asyncio.sleep(0)
        return await receive()

    return steady


async def test_a_body_that_trickles_earns_no_time() -> None:
    """ATTACKS H07: a byte every second would hold a socket for days."""
    with pytest.raises(Refused, match="body.too_slow"):
        await body.read(
            pausing(b"x", b"y"), BodyLimits(patience=timedelta(0), pace_bytes=10**12), freely
        )


async def test_a_body_that_keeps_its_pace_earns_time() -> None:
    steady = await body.read(
        pausing(b"x", b"y"), BodyLimits(patience=timedelta(0), pace_bytes=1), freely
    )
    assert steady == b"xy"


async def test_a_client_that_leaves_in_the_middle_is_no_request() -> None:
    with pytest.raises(Refused, match="body.malformed"):
        await body.read(arriving(b"ab", last={"type": "http.disconnect"}), LIMITS, freely)


async def test_the_application_gets_what_was_checked() -> None:
    receive = body.replaying(b"abc", arriving(last={"type": "http.disconnect"}))
    assert await receive() == {"type": "http.request", "body": b"abc", "more_body": False}
    assert await receive() == {"type": "http.disconnect"}


# --------------------------------------------------------------------------------- is there one


@pytest.mark.parametrize(
    ("version", "headers", "announced"),
    [
        ("1.1", {}, False),
        ("1.0", {}, False),
        ("1.1", {b"content-length": b"0"}, False),
        ("1.1", {b"content-length": b"00"}, False),
        ("1.1", {b"content-length": b"1"}, True),
        ("1.1", {b"transfer-encoding": b"chunked"}, True),
        ("2", {}, True),
        ("2", {b"content-length": b"0"}, False),
    ],
)
def test_the_head_tells_whether_a_body_comes(
    version: str,
    headers: dict[bytes, bytes],
    announced: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    assert body.is_announced(version, headers) is announced


# --------------------------------------------------------------------------------------- types


def media_type(method: str = "POST", **headers: bytes) -> str:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return body.accepted_type(method, named, {"text/csv"}).media_type


@pytest.mark.parametrize(
    "value",
    [
        b"application/json",
        b"application/json; charset=utf-8",
        b"application/merge-patch+json",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"text/csv; charset=latin1",
    ],
)
def test_known_and_declared_types_are_accepted(value: bytes) -> None:
    assert media_type(content_type=value) == value.partition(b";")[0].decode()


@pytest.mark.parametrize(
    "value",
    [
        b"text/plain",
        b"application/xml",
        b"text/xml",
        b"application/octet-stream",
        b"application/pickle",
        b"text/json",
        b"image/svg+xml",
        b"application/json; charset=utf-16",
        b"application/json; charset=utf-7",
    ],
)
def test_other_types_are_refused(value: bytes) -> None:
    """ATTACKS I05 and I06."""
    with pytest.raises(Refused, match="body.type"):
        media_type(content_type=value)


def test_a_body_without_a_type_is_refused() -> None:
    with pytest.raises(Refused, match="body.type"):
        media_type()


def test_a_compressed_body_is_refused() -> None:
    """ATTACKS H08: a kilobyte would become a megabyte."""
    media_type(content_type=b"application/json", content_encoding=b"identity")
    with pytest.raises(Refused, match="body.type"):
        media_type(content_type=b"application/json", content_encoding=b"gzip")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_body_where_none_has_a_meaning_is_refused(method: str) -> None:
    """RFC 9110 section 9.3.1: a way to smuggle a request."""
    with pytest.raises(Refused, match="body.malformed"):
        media_type(method, content_type=b"application/json")


# ------------------------------------------------------------------------------------- content


def read(content: bytes, kind: bytes, repeated: Iterable[str] = ()) -> object:
    return body.content(content, content_type(kind), BodyLimits(pairs=2, parts=2), set(repeated))


def test_json_is_read() -> None:
    assert read(b'{"a": 1}', b"application/json") == {"a": 1}
    assert read(b'{"a": 1}', b"application/problem+json") == {"a": 1}


def test_a_form_is_read() -> None:
    fields = read(b"a=1&b=x+y", b"application/x-www-form-urlencoded")
    assert fields == Fields(pairs=[("a", "1"), ("b", "x y")])


def test_a_multipart_form_is_read() -> None:
    content = (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="n.png"\r\n\r\n2\r\n--x--'
    )
    fields = read(content, b"multipart/form-data; boundary=x")
    assert fields == Fields(pairs=[("a", "1"), ("f", "")], filenames=("n.png",))


def test_a_declared_type_is_the_applications_to_read() -> None:
    assert read(b"a,b\n\xff", b"text/csv") == b"a,b\n\xff"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"a": 1, "a": 2}', b"application/json"),
        (b'{"a": NaN}', b"application/json"),
        (b"a=1&a=2", b"application/x-www-form-urlencoded"),
        (b"a=1&b=2&c=3", b"application/x-www-form-urlencoded"),
        (b'{"a":"b"}', b"application/x-www-form-urlencoded"),  # Request.json() asks for no type
        (b' ["a"]', b"application/x-www-form-urlencoded"),
        (b'"a"', b"application/x-www-form-urlencoded"),
        (b"--y--", b"multipart/form-data; boundary=x"),
        (b"--x--", b"multipart/form-data"),
        ('{"a": "é"}'.encode(), b"application/json; charset=us-ascii"),
        (
            '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\né\r\n--x--'.encode(),
            b"multipart/form-data; boundary=x; charset=us-ascii",  # Starlette reads Latin-1 then
        ),
    ],
)
def test_content_with_two_readings_is_malformed(content: bytes, kind: bytes) -> None:
    """ATTACKS I11."""
    with pytest.raises(Refused, match="body.malformed"):
        read(content, kind)
