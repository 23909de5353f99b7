"""The boundary layer as the pipeline calls it."""

import asyncio
from contextlib import nullcontext
from typing import Any

import msgspec
import pytest

from ringfence.boundary.asgi import Boundary
from ringfence.boundary.request import inputs
from ringfence.boundary.request.body import Fields
from ringfence.boundary.request.schema import body as declare
from ringfence.core.asgi import Message, Receive
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange
from ringfence.core.policy import public
from ringfence.core.route import Entry
from ringfence.core.settings import Settings
from ringfence_demo.careless.boundary import CarelessBoundary
from tests.careless import parts
from tests.unit.boundary.exchanges import HOST, exchange

SETTINGS = Settings(
    origin="https://shop.example",
    allowed_origins=frozenset({"https://app.example"}),
    body_limit_bytes=64,
)
JSON = (b"content-type", b"application/json")
CARELESS = CarelessBoundary(parts(SETTINGS))


@pytest.fixture
def boundary() -> Boundary:
    return Boundary(SETTINGS, repeated={"tag"}, content_types={"text/csv"})


def giving(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def begun(size: int) -> tuple[Exchange, Receive]:
    """A request of which ``size`` bytes of the body have come, and no more will."""
    pieces: list[Message] = [{"type": "http.request", "body": b"1" * size, "more_body": True}]

    async def receive() -> Message:
        return pieces.pop() if pieces else await asyncio.Future[Message]()

    made = exchange("POST", headers=[HOST, (b"transfer-encoding", b"chunked"), JSON])
    made.client = "198.51.100.1"
    return made, receive


def refused(boundary: Boundary, **request: Any) -> str:
    with pytest.raises(Refused) as caught:
        boundary.check_head(exchange(**request))
    return caught.value.code.name


class TestTheHead:
    def test_an_ordinary_request_passes(self, boundary: Boundary) -> None:
        boundary.check_head(exchange(path="/orders/17", query=b"page=2&tag=a&tag=b"))

    @pytest.mark.parametrize(
        "host", [b"shop.example", b"SHOP.example", b"shop.example:443", b"app.example"]
    )
    def test_our_hosts_are_known(self, boundary: Boundary, host: bytes) -> None:
        boundary.check_head(exchange(headers=[(b"host", host)]))

    @pytest.mark.parametrize(
        "host",
        [b"evil.example", b"shop.example:80", b"shop.example.evil.example", b"127.0.0.1", b""],
    )
    def test_other_hosts_are_not(self, boundary: Boundary, host: bytes) -> None:
        """ATTACKS H02, and DNS rebinding, where every request is ``same-origin``."""
        headers = [(b"host", host), (b"sec-fetch-site", b"same-origin")]
        assert refused(boundary, headers=headers) == "host.unknown"

    def test_a_request_without_a_host_is_refused(self, boundary: Boundary) -> None:
        """RFC 9110 7.2: that is a malformed request, and not one for somebody else."""
        assert refused(boundary, headers=[]) == "head.malformed"

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/.well-known/jwks.json"])
    def test_machines_may_ask_by_address(self, boundary: Boundary, path: str) -> None:
        boundary.check_head(exchange(path=path, headers=[(b"host", b"10.0.0.7:8000")]))
        boundary.check_head(exchange(path=path, headers=[]))

    def test_a_foreign_host_is_no_own_origin(self, boundary: Boundary) -> None:
        headers = [(b"host", b"evil.example"), (b"origin", b""), (b"cookie", b"a=1")]
        code = refused(boundary, method="POST", path="/healthz", headers=headers)
        assert code == "csrf.cross_site"

    def test_a_target_byte_more_than_allowed_is_too_large(self, boundary: Boundary) -> None:
        boundary.check_head(exchange(path="/", query=b"q=" + b"x" * 8_189))
        assert refused(boundary, path="/", query=b"q=" + b"x" * 8_190) == "head.too_large"

    @pytest.mark.parametrize(
        ("request_", "code"),
        [
            ({"path": "//auth/sign-in"}, "path.malformed"),
            ({"query": b"id=1&id=2"}, "query.malformed"),
            ({"query": b"&".join([b"%d" % n for n in range(101)])}, "query.malformed"),
            ({"headers": [HOST, HOST]}, "head.malformed"),
            ({"headers": [HOST, (b"content-length", b"-1")]}, "head.malformed"),
            ({"method": "POST", "headers": [HOST, (b"cookie", b"a=1")]}, "csrf.unproven"),
            (
                {"method": "POST", "headers": [HOST, (b"origin", b"https://evil.example")]},
                "csrf.cross_site",
            ),
        ],
    )
    def test_what_is_ambiguous_or_foreign_is_refused(
        self, boundary: Boundary, request_: dict[str, Any], code: str
    ) -> None:
        assert refused(boundary, **request_) == code
        CARELESS.check_head(exchange(**request_))

    def test_a_websocket_is_judged_by_its_origin(self, boundary: Boundary) -> None:
        def socket(origin: bytes) -> dict[str, Any]:
            headers = [HOST, (b"cookie", b"a=1"), (b"origin", origin)]
            return {"type": "websocket", "headers": headers}

        boundary.check_head(exchange(**socket(b"https://shop.example")))
        assert refused(boundary, **socket(b"https://evil.example")) == "csrf.cross_site"

    def test_the_query_is_kept_for_the_sql_guard(self, boundary: Boundary) -> None:
        made = exchange(query=b"q=red+mug")
        boundary.check_head(made)
        assert made.state[inputs.QUERY] == [("q", "red mug")]


class TestTheBody:
    async def test_without_one_receive_stays_as_it_is(self, boundary: Boundary) -> None:
        receive = giving(b"")
        assert await boundary.read_body(exchange(), receive) is receive

    async def test_with_the_layer_off_receive_stays_as_it_is(self) -> None:
        receive = giving(b"x" * 100)
        made = exchange("POST", headers=[HOST, (b"content-length", b"100")])
        assert await CARELESS.read_body(made, receive) is receive

    async def send(self, boundary: Boundary, body: bytes, *headers: tuple[bytes, bytes]) -> Any:
        length = (b"content-length", str(len(body)).encode())
        made = exchange("POST", headers=[HOST, length, *headers])
        receive = await boundary.read_body(made, giving(body))
        assert (await receive())["body"] == body
        return made.state.get(inputs.BODY)

    async def test_it_is_checked_handed_on_and_kept_for_the_sql_guard(
        self, boundary: Boundary
    ) -> None:
        assert await self.send(boundary, b'{"q": "mug"}', JSON) == {"q": "mug"}
        form = (b"content-type", b"application/x-www-form-urlencoded")
        assert await self.send(boundary, b"tag=a&tag=b", form) == Fields(
            pairs=[("tag", "a"), ("tag", "b")]
        )
        assert await self.send(boundary, b"a,b", (b"content-type", b"text/csv")) == b"a,b"

    @pytest.mark.parametrize(
        ("body", "headers", "code"),
        [
            (b'{"a": 1, "a": 2}', [JSON], "body.malformed"),
            (b"{}", [], "body.type"),
            (b"<x/>", [(b"content-type", b"application/xml")], "body.type"),
            (b"{}", [JSON, (b"content-encoding", b"gzip")], "body.type"),
            (b'"' + b"x" * 63 + b'"', [JSON], "body.too_large"),
        ],
    )
    async def test_what_does_not_belong_is_refused(
        self, boundary: Boundary, body: bytes, headers: list[tuple[bytes, bytes]], code: str
    ) -> None:
        with pytest.raises(Refused, match=code):
            await self.send(boundary, body, *headers)

    @pytest.mark.parametrize("kind", [b"text/csv", b"application/x-www-form-urlencoded"])
    async def test_a_declared_body_is_json_by_its_type_too(
        self, boundary: Boundary, kind: bytes
    ) -> None:
        """By another type's name it would not be read strictly."""

        class Anything(msgspec.Struct, forbid_unknown_fields=True):
            a: int = 0

        @declare(Anything)
        def handler() -> None: ...

        for headers, refused in (([(b"content-type", kind)], True), ([JSON], False)):
            made = exchange("POST", headers=[HOST, (b"content-length", b"2"), *headers])
            made.entry = Entry(pattern="/", policy=public, handler=handler)
            with pytest.raises(Refused, match="body") if refused else nullcontext():
                await boundary.read_body(made, giving(b"{}"))

    async def test_a_body_of_the_limit_itself_is_read(self, boundary: Boundary) -> None:
        await self.send(boundary, b'"' + b"x" * 62 + b'"', JSON)

    async def test_a_length_beyond_the_limit_is_refused_unread(self, boundary: Boundary) -> None:
        async def untouched() -> Message:
            raise AssertionError

        made = exchange("POST", headers=[HOST, (b"content-length", b"65"), JSON])
        with pytest.raises(Refused, match="body.too_large"):
            await boundary.read_body(made, untouched)

    async def test_one_address_has_as_many_unfinished_bodies_as_fit(
        self, boundary: Boundary
    ) -> None:
        """CWE-770: sixteen of the largest, and not a byte more until one of them is over."""
        unfinished = [asyncio.create_task(boundary.read_body(*begun(64))) for _ in range(16)]
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="body.crowded"):
            await boundary.read_body(*begun(1))
        somebody_else, receive = begun(1)
        somebody_else.client = "198.51.100.2"
        elsewhere = asyncio.create_task(boundary.read_body(somebody_else, receive))
        unfinished.pop().cancel()
        await asyncio.sleep(0)
        again = asyncio.create_task(boundary.read_body(*begun(64)))
        await asyncio.sleep(0)
        for task in (*unfinished, elsewhere, again):
            assert not task.done()
            task.cancel()

    async def test_an_announced_body_may_be_empty(self, boundary: Boundary) -> None:
        made = exchange("POST", headers=[HOST, (b"transfer-encoding", b"chunked")])
        receive = await boundary.read_body(made, giving(b""))
        assert (await receive())["body"] == b""

    async def test_messages_of_a_websocket_are_kept_for_the_sql_guard(
        self, boundary: Boundary
    ) -> None:
        messages: list[Message] = [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "a"},
            {"type": "websocket.receive", "bytes": b"b", "text": None},
        ]

        async def receive() -> Message:
            return messages.pop(0)

        made = exchange(type="websocket")
        listen = await boundary.read_body(made, receive)
        assert [(await listen())["type"] for _ in range(3)] == [
            "websocket.connect",
            "websocket.receive",
            "websocket.receive",
        ]
        assert list(made.state[inputs.MESSAGES]) == ["a", "b"]

    async def test_a_websocket_holds_no_more_than_a_body_may(self, boundary: Boundary) -> None:
        """CWE-770: 24 messages of 16 MB held 560 MB."""
        sent = ["a" * 64, "b" * 40, "c" * 24, "d", "e" * 65]

        async def receive() -> Message:
            return {"type": "websocket.receive", "text": sent.pop(0)}

        made = exchange(type="websocket")
        listen = await boundary.read_body(made, receive)
        for _ in range(3):
            await listen()
        assert list(made.state[inputs.MESSAGES]) == ["b" * 40, "c" * 24]
        await listen()
        assert list(made.state[inputs.MESSAGES]) == ["c" * 24, "d"]
        with pytest.raises(Refused, match="body.too_large"):
            await listen()
