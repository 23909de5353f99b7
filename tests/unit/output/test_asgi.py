"""The output layer around an application: every kind of answer, as it leaves."""

from datetime import timedelta

import pytest

from ringfence.core.asgi import Send
from ringfence.core.errors import Refused, StoreError
from ringfence.core.policy import Policy, public, signed_in
from ringfence.core.settings import Settings
from ringfence.output.page import attachment, csp, nonce
from tests.unit.output.pipeline import (
    OFF,
    REQUEST_ID,
    App,
    Header,
    Message,
    answering,
    through,
)

JSON: Header = (b"content-type", b"application/json")
HTML: Header = (b"content-type", b"text/html; charset=utf-8")
PLAIN: Header = (b"content-type", b"text/plain")
IMMUTABLE: Header = (b"cache-control", b"public, max-age=31536000, immutable")


def raising(error: Exception, *first: Message) -> App:
    """An application that sends ``first`` and then raises."""

    async def app(scope: Message, receive: object, send: Send) -> None:
        for message in first:
            await send(message)
        raise error

    return app


async def test_every_answer_carries_the_security_headers_and_its_id() -> None:
    """MUSTS C01-C04 and C06."""
    answer = await through(answering(200, [JSON], b"{}"))
    assert dict(answer.headers).keys() == {
        b"content-type",
        b"vary",
        b"strict-transport-security",
        b"x-content-type-options",
        b"referrer-policy",
        b"x-frame-options",
        b"cross-origin-opener-policy",
        b"cross-origin-resource-policy",
        b"permissions-policy",
        b"content-security-policy",
        b"cache-control",
        b"x-request-id",
    }
    assert answer.value("x-request-id") == REQUEST_ID
    assert answer.body == b"{}"
    assert not answer.events


async def test_without_tls_there_is_no_hsts() -> None:
    answer = await through(answering(200), settings=Settings(origin="http://127.0.0.1:8000"))
    assert not answer.values("strict-transport-security")
    assert answer.value("x-content-type-options") == "nosniff"


async def test_hsts_is_what_the_settings_say() -> None:
    settings = Settings(
        origin="https://a.example", hsts_max_age=timedelta(days=1), hsts_subdomains=False
    )
    answer = await through(answering(200), settings=settings)
    assert answer.value("strict-transport-security") == "max-age=86400"


async def test_what_an_answer_varies_with_is_added_to_what_the_application_says() -> None:
    """MUSTS C04: a cache in between must not give one site's answer to another."""
    answer = await through(answering(200, [(b"vary", b"Accept-Encoding")]))
    assert answer.values("vary") == [
        "Accept-Encoding",
        "Origin, Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest",
    ]


async def test_an_applications_own_values_are_not_sent() -> None:
    weak = [
        (b"X-Frame-Options", b"ALLOWALL"),
        (b"x-content-type-options", b"sniff"),
        (b"referrer-policy", b"unsafe-url"),
        (b"strict-transport-security", b"max-age=0"),
        (b"cross-origin-opener-policy", b"unsafe-none"),
        (b"cross-origin-resource-policy", b"cross-origin"),
        (b"permissions-policy", b"camera=*"),
        (b"Server", b"shop/1.2 Python/3.11.7"),
        (b"x-powered-by", b"shop"),
        (b"refresh", b"0;url=https://evil.example"),
        (b"x-request-id", b"mine"),
        (b"cache-control", b"max-age=60"),
        (b"expires", b"Fri, 01 Jan 2100 00:00:00 GMT"),
        (b"pragma", b"cache"),
    ]
    assert (await through(answering(200, weak))).headers == (await through(answering(200))).headers


async def test_an_applications_own_csp_can_only_tighten() -> None:
    """CSP Level 3: a browser enforces every policy it gets."""
    answer = await through(answering(200, [(b"content-security-policy", b"script-src *"), HTML]))
    first, second = answer.values("content-security-policy")
    assert first == "script-src *"
    assert second.startswith("default-src 'none'; script-src 'self'")


async def test_a_page_may_run_its_own_scripts_and_json_may_run_nothing() -> None:
    page = await through(answering(200, [HTML]))
    data = await through(answering(200, [JSON]))
    assert "script-src 'self'" in page.value("content-security-policy")
    assert data.value("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"


async def test_a_handler_declares_sources_and_a_nonce_for_its_own_response_only() -> None:
    made: list[str] = []

    async def app(scope: Message, receive: object, send: Send) -> None:
        csp(img_src="'self' https://images.example")
        csp(worker_src="'self'")
        made.extend((nonce(), nonce()))
        await answering(200, [HTML])(scope, receive, send)

    value = (await through(app)).value("content-security-policy")
    assert "img-src 'self' https://images.example" in value
    assert "worker-src 'self'" in value
    assert f"script-src 'self' 'nonce-{made[0]}' 'strict-dynamic'" in value
    assert made[0] == made[1]
    assert len(made[0]) == 22  # 128 bit
    await through(app)
    assert made[2] != made[0]
    after = await through(answering(200, [HTML]))
    assert "nonce" not in after.value("content-security-policy")


def attaching(name: str, *sent: Header) -> App:
    """A handler that hands out a page as a file."""

    async def app(scope: Message, receive: object, send: Send) -> None:
        attachment(name)
        await answering(200, [HTML, *sent], b"<script>")(scope, receive, send)

    return app


async def test_active_content_that_is_attached_is_saved_and_runs_nothing() -> None:
    """ATTACKS O03."""
    answer = await through(attaching("a.html", (b"Content-Disposition", b"inline")))
    assert answer.value("content-disposition") == "attachment; filename*=UTF-8''a.html"
    csp_value = "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert answer.value("content-security-policy") == csp_value
    assert answer.value("x-content-type-options") == "nosniff"
    assert answer.body == b"<script>"


async def test_with_the_layer_off_active_content_is_shown() -> None:
    answer = await through(attaching("a.html"), off=OFF)
    assert not answer.values("content-disposition")
    assert not answer.values("content-security-policy")


async def test_what_is_attached_stays_inert_whatever_else_the_handler_declares() -> None:
    async def app(scope: Message, receive: object, send: Send) -> None:
        csp(script_src="'self'")
        nonce()
        await attaching("a.html")(scope, receive, send)

    value = (await through(app)).value("content-security-policy")
    assert value == "default-src 'none'; frame-ancestors 'none'; sandbox"


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("résumé (2).pdf", "r%C3%A9sum%C3%A9%20%282%29.pdf"),
        ('a";b=c.pdf', "a%22%3Bb%3Dc.pdf"),
        ("a\r\nset-cookie: b=c", "a%0D%0Aset-cookie%3A%20b%3Dc"),
        ("../a\\b%2f'*", "..%2Fa%5Cb%252f%27%2A"),
        ("a\ud800", "a%3F"),
        ("!#$&+-.^_`|~", "!#$&+-.^_`|~"),
    ],
)
async def test_no_name_of_an_attachment_ends_the_header_or_its_parameter(
    name: str, encoded: str
) -> None:
    """RFC 8187 3.2.1; ASVS 5.4.2."""
    answer = await through(attaching(name))
    assert answer.value("content-disposition") == f"attachment; filename*=UTF-8''{encoded}"


def test_outside_of_a_request_a_handlers_words_change_nothing() -> None:
    csp(img_src="'self'")
    attachment("a.html")
    assert nonce() != nonce()


@pytest.mark.parametrize(
    ("policy", "method", "status", "more", "stored"),
    [
        (public, "GET", 200, [], True),
        (public, "HEAD", 200, [], True),
        (public, "GET", 304, [], True),
        (public, "POST", 200, [], False),
        (public, "GET", 400, [], False),
        (public, "GET", 200, [(b"set-cookie", b"a=b")], False),
        (signed_in, "GET", 200, [], False),
    ],
)
async def test_only_what_is_public_and_said_to_be_so_may_be_stored(
    policy: Policy, method: str, status: int, more: list[Header], *, stored: bool
) -> None:
    """ASVS 14.3.2."""
    app = answering(status, [IMMUTABLE, *more])
    answer = await through(app, method=method, policy=policy)
    expected = IMMUTABLE[1].decode() if stored else "no-store"
    assert answer.value("cache-control") == expected


async def test_a_page_with_a_nonce_is_stored_by_nobody() -> None:
    """ASVS 3.4.3: whoever reads a stored page knows the nonce that the next reader gets."""

    async def app(scope: Message, receive: object, send: Send) -> None:
        nonce()
        await answering(200, [HTML, IMMUTABLE])(scope, receive, send)

    assert (await through(app, policy=public)).value("cache-control") == "no-store"
    stored = await through(app, policy=public, off=OFF)
    assert stored.value("cache-control") == IMMUTABLE[1].decode()


@pytest.mark.parametrize(
    "name", ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"]
)
async def test_a_cdn_is_not_told_to_store_what_is_not_public(name: str) -> None:
    """ASVS 14.3.2, RFC 9213: these stand above Cache-Control."""
    app = answering(200, [JSON, (name.encode(), b"max-age=60"), IMMUTABLE])
    assert not (await through(app)).values(name)
    assert (await through(app, off=OFF)).values(name) == ["max-age=60"]
    assert (await through(app, policy=public)).values(name) == ["max-age=60"]


@pytest.mark.parametrize("status", [500, 502, 503, 599])
async def test_a_server_error_keeps_its_status_and_loses_its_words(status: int) -> None:
    app = answering(status, [HTML, (b"x-backend", b"db-7")], [b"Traceback", b" ... db-7"])
    answer = await through(app)
    assert answer.status == status
    assert answer.code == "server.error"
    assert f'"status":{status}'.encode() in answer.body
    assert answer.value("content-length") == str(len(answer.body))
    assert not answer.values("x-backend")
    assert answer.codes == ["error.scrubbed"]
    assert len(answer.messages) == 2
    assert answer.values("retry-after") == (["1"] if status == 503 else [])


async def test_when_to_come_back_survives() -> None:
    answer = await through(answering(503, [(b"Retry-After", b"30"), (b"retry-after", b"soon")]))
    assert answer.values("retry-after") == ["30"]


async def test_starlettes_500_gives_way_to_the_refusal_that_caused_it() -> None:
    """ServerErrorMiddleware answers first and raises then."""
    start = {"type": "http.response.start", "status": 500, "headers": [PLAIN]}
    body = {"type": "http.response.body", "body": b"Internal Server Error"}
    answer = await through(raising(StoreError("shop", "closed"), start, body))
    assert answer.status == 503
    assert answer.code == "store.unavailable"
    assert len(answer.messages) == 2


async def test_a_crash_is_answered_with_an_id_only() -> None:
    answer = await through(raising(RuntimeError("password=hunter2")))
    assert answer.status == 500
    assert answer.code == "server.error"
    assert b"hunter2" not in answer.body + b"".join(b"".join(header) for header in answer.headers)


async def test_after_the_start_of_an_answer_no_other_one_is_sent() -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [PLAIN]}
    chunk = {"type": "http.response.body", "body": b"part", "more_body": True}
    for error in (RuntimeError("late"), Refused("resource.missing")):
        answer = await through(raising(error, start, chunk))
        assert [message["type"] for message in answer.messages] == [
            "http.response.start",
            "http.response.body",
        ]


async def test_a_body_streams_through_piece_by_piece_as_it_is() -> None:
    answer = await through(answering(200, [PLAIN], [b"a", b"b", b"c"]))
    assert answer.messages[1:] == [
        {"type": "http.response.body", "body": b"a", "more_body": True},
        {"type": "http.response.body", "body": b"b", "more_body": True},
        {"type": "http.response.body", "body": b"c", "more_body": False},
    ]


async def test_the_applications_own_message_is_not_changed() -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [PLAIN]}

    async def app(scope: Message, receive: object, send: Send) -> None:
        await send(start)

    await through(app)
    assert start == {"type": "http.response.start", "status": 200, "headers": [PLAIN]}


async def test_a_refusal_of_a_head_request_has_no_body_and_the_length_of_one() -> None:
    """RFC 9110 9.3.2."""
    head = await through(raising(Refused("resource.missing")), method="HEAD")
    get = await through(raising(Refused("resource.missing")))
    assert head.headers == get.headers
    assert head.body == b""
    assert head.value("content-length") == str(len(get.body))


async def test_a_refusal_says_when_to_come_back() -> None:
    refused = Refused("signin.limited", retry_after=timedelta(seconds=2.5))
    answer = await through(raising(refused))
    assert (answer.status, answer.value("retry-after")) == (429, "3")


async def test_no_answer_names_a_longer_wait_than_the_settings_say() -> None:
    refused = Refused("signin.limited", retry_after=timedelta(days=365))
    settings = Settings(origin="https://a.example", retry_after_seconds=900)
    assert (await through(raising(refused), settings=settings)).value("retry-after") == "900"
    assert (await through(raising(refused))).value("retry-after") == "86400"


async def test_the_applications_404_405_and_422_are_those_of_the_pipeline() -> None:
    refused = await through(raising(Refused("resource.missing")))
    missing = await through(answering(404, [JSON], b'{"detail":"Not Found"}'))
    assert (missing.status, missing.body) == (refused.status, refused.body)
    assert sorted(missing.headers) == sorted(refused.headers)
    assert not missing.events

    method = await through(answering(405, [(b"Allow", b"GET")], b"Method Not Allowed"))
    assert (method.code, method.value("allow")) == ("method.unknown", "GET")


@pytest.mark.parametrize("status", [404, 422])
async def test_an_applications_own_words_to_its_client_stay(status: int) -> None:
    answer = await through(answering(status, [JSON], [b'{"detail":"No coupon"', b"}"]))
    assert (answer.status, answer.body) == (status, b'{"detail":"No coupon"}')
    assert answer.value("x-content-type-options") == "nosniff"


async def test_an_applications_own_page_for_404_stays() -> None:
    answer = await through(answering(404, [HTML], b"<h1>Nothing here</h1>"))
    assert answer.body == b"<h1>Nothing here</h1>"


async def test_a_start_without_a_body_is_not_lost() -> None:
    async def app(scope: Message, receive: object, send: Send) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": [JSON]})

    assert (await through(app)).status == 404


async def test_an_application_that_says_nothing_is_an_error_like_any_other() -> None:
    async def app(scope: Message, receive: object, send: Send) -> None:
        pass

    answer = await through(app)
    assert (answer.status, answer.code) == (500, "server.error")
    assert answer.value("x-request-id") == REQUEST_ID


async def test_after_an_answer_in_its_place_the_application_is_not_heard() -> None:
    async def app(scope: Message, receive: object, send: Send) -> None:
        await answering(303, [(b"location", b"//evil.example")])(scope, receive, send)
        await answering(200, [PLAIN], b"again")(scope, receive, send)

    answer = await through(app)
    assert len(answer.messages) == 2
    assert answer.code == "request.refused"


async def test_a_redirect_to_a_listed_origin_leaves_as_it_is() -> None:
    for place in ("/orders", "https://id.example/authorize", "https://shop.example/x"):
        answer = await through(answering(303, [(b"location", place.encode())]))
        assert (answer.status, answer.value("location")) == (303, place)
        assert not answer.events


async def test_a_201_may_name_a_resource_elsewhere() -> None:
    answer = await through(answering(201, [(b"location", b"https://files.example/1")]))
    assert answer.value("location") == "https://files.example/1"


async def test_the_cookies_of_ringfences_own_routes_are_theirs() -> None:
    cookie = b"__Host-rf_refresh=rf_rt_x; Path=/; Secure; HttpOnly; SameSite=Strict"
    answer = await through(answering(200, [(b"set-cookie", cookie)]), own=True)
    assert answer.value("set-cookie") == cookie.decode()


async def test_a_cookie_that_was_only_completed_is_no_event() -> None:
    answer = await through(answering(200, [(b"set-cookie", b"a=b")]))
    assert not answer.events
    assert answer.exchange is not None
    assert [code.name for code in answer.exchange.traces] == ["cookie.policed"]


async def test_a_listed_origin_may_read_across_origins() -> None:
    readable = [(b"access-control-allow-origin", b"https://id.example")]
    answer = await through(answering(200, readable))
    assert answer.value("access-control-allow-origin") == "https://id.example"


async def test_a_refused_websocket_is_closed_as_a_violated_policy() -> None:
    answer = await through(raising(Refused("resource.missing")), kind="websocket")
    assert answer.messages == [{"type": "websocket.close", "code": 1008}]


async def test_a_crashed_websocket_is_closed_without_words() -> None:
    accept = {"type": "websocket.accept", "headers": [(b"set-cookie", b"a=b")]}
    answer = await through(raising(RuntimeError("secret"), accept), kind="websocket")
    accepted, closed = answer.messages
    assert (b"set-cookie", b"a=b; HttpOnly; SameSite=Lax; Secure") in accepted["headers"]
    assert closed == {"type": "websocket.close", "code": 1011}


async def test_a_websocket_talks_undisturbed() -> None:
    talk: list[Message] = [
        {"type": "websocket.send", "text": "hello"},
        {"type": "websocket.send", "bytes": b"\0"},
        {"type": "websocket.close", "code": 1000, "reason": "bye"},
    ]

    async def app(scope: Message, receive: object, send: Send) -> None:
        await send({"type": "websocket.accept"})
        for message in talk:
            await send(message)

    assert (await through(app, kind="websocket")).messages[1:] == talk


async def test_the_reason_of_a_closed_websocket_is_a_text_of_the_application() -> None:
    """FastAPI's validation puts its list of errors there, with the input."""

    async def app(scope: Message, receive: object, send: Send) -> None:
        await send({"type": "websocket.close", "code": 1008, "reason": [{"input": "hunter2"}]})

    assert (await through(app, kind="websocket")).messages == [
        {"type": "websocket.close", "code": 1008, "reason": ""}
    ]


async def test_a_denied_handshake_is_scrubbed_like_any_other_error() -> None:
    async def app(scope: Message, receive: object, send: Send) -> None:
        await send({"type": "websocket.http.response.start", "status": 500, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"Traceback"})

    answer = await through(app, kind="websocket")
    assert [message["type"] for message in answer.messages] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert answer.code == "server.error"


async def test_with_the_layer_off_a_refusal_is_still_a_problem_with_its_id() -> None:
    """Plumbing stays: only the layer's checks and headers go (ATTACKS, rule 2)."""
    refused = Refused("signin.limited", retry_after=timedelta(seconds=9))
    answer = await through(raising(refused), off=OFF)
    assert (answer.status, answer.code) == (429, "signin.limited")
    assert {name for name, _ in answer.headers} == {
        b"content-type",
        b"content-length",
        b"retry-after",
        b"x-request-id",
    }


async def test_with_the_layer_off_an_answer_gains_its_id_and_nothing_else() -> None:
    sent = [JSON, (b"server", b"shop"), (b"set-cookie", b"a=b")]
    answer = await through(answering(200, sent, b"{}"), off=OFF)
    assert answer.headers == [*sent, (b"x-request-id", REQUEST_ID.encode())]
