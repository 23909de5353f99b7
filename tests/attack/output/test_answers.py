"""What an application lets slip does not leave; with the layer off, it does.

The application is a FastAPI one, careless as a hurried user would write it.
"""

import json
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel

from tests.unit.output.pipeline import OFF, ON, Answer, through


class SignUp(BaseModel):
    login: str
    password: str
    age: int


def careless() -> FastAPI:
    app = FastAPI()

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError("cannot reach postgresql://shop:hunter2@10.0.0.7/shop")

    @app.get("/own-500")
    async def own_500() -> Response:
        return Response("SELECT * FROM users WHERE id = 7: no such table", status_code=500)

    @app.post("/sign-up")
    async def sign_up(body: SignUp) -> str:
        return body.login

    @app.get("/go")
    async def go(next: str) -> RedirectResponse:  # noqa: A002  # the name that such links have
        return RedirectResponse(next)

    @app.get("/language")
    async def language(code: str) -> Response:
        return Response(headers={"content-language": code})

    @app.get("/theme")
    async def theme(name: str) -> Response:
        response = Response()
        response.raw_headers.append((b"set-cookie", f"theme={name}".encode("latin-1")))
        return response

    @app.get("/widget")
    async def widget() -> HTMLResponse:
        return HTMLResponse("<script>alert(1)</script>")

    @app.get("/me")
    async def me(request: Request) -> Response:
        origin = request.headers.get("origin", "")
        headers = {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
        }
        return Response('{"secret": "x"}', media_type="application/json", headers=headers)

    @app.get("/cookies")
    async def cookies(request: Request) -> dict[str, Any]:
        return {"parsed": request.cookies, "raw": request.headers.getlist("cookie")}

    return app


async def get(path: str, *, off: bool, **more: Any) -> Answer:
    return await through(careless(), path=path, off=OFF if off else ON, **more)


class TestAnExceptionWithASecretInItsMessage:
    """ATTACKS O08."""

    async def test_it_stays_inside(self) -> None:
        answer = await get("/boom", off=False)
        assert (answer.status, answer.code) == (500, "server.error")
        said = answer.body + b"".join(b"".join(header) for header in answer.headers)
        for leak in (b"hunter2", b"RuntimeError", b"Traceback", b".py", b"postgresql"):
            assert leak not in said

    async def test_with_the_layer_off_it_is_shown(self) -> None:
        answer = await get("/boom", off=True)
        assert answer.status == 500
        for leak in (b"hunter2", b"RuntimeError", b"Traceback", b".py"):
            assert leak in answer.body


class TestAnErrorPageOfTheApplication:
    """ATTACKS O08."""

    async def test_its_words_stay_inside(self) -> None:
        answer = await get("/own-500", off=False)
        assert (answer.status, answer.code) == (500, "server.error")
        assert answer.codes == ["error.scrubbed"]

    async def test_with_the_layer_off_they_are_shown(self) -> None:
        answer = await get("/own-500", off=True)
        assert b"SELECT * FROM users" in answer.body


class TestAValidationErrorThatRepeatsTheInput:
    """ATTACKS O08."""

    BODY = json.dumps({"login": "a@b.example", "password": ["hunter2"], "age": "x"}).encode()

    async def post(self, *, off: bool) -> Answer:
        headers = [(b"content-type", b"application/json")]
        return await get("/sign-up", off=off, method="POST", headers=headers, body=self.BODY)

    async def test_the_client_hears_that_the_body_does_not_fit(self) -> None:
        answer = await self.post(off=False)
        assert (answer.status, answer.code) == (422, "body.invalid")
        assert b"hunter2" not in answer.body

    async def test_the_event_says_which_fields_and_not_what_they_held(self) -> None:
        (event,) = (await self.post(off=False)).events
        assert event.code.name == "error.scrubbed"
        assert event.facts == {"fields": "body.password (string_type), body.age (int_parsing)"}

    async def test_with_the_layer_off_the_password_comes_back(self) -> None:
        assert b"hunter2" in (await self.post(off=True)).body


EVIL = [
    "https://evil.example/",
    "//evil.example",
    "https:evil.example",
    "https://shop.example@evil.example",
    "https://shop.example.evil.example",
    "javascript:alert(1)",
]


class TestARedirectOffTheSite:
    """ATTACKS O07: the second line behind the boundary's own check."""

    @pytest.mark.parametrize("place", EVIL)
    async def test_it_is_not_followed(self, place: str) -> None:
        answer = await get("/go", off=False, query=f"next={place}".encode())
        assert (answer.status, answer.code) == (400, "request.refused")
        assert not answer.values("location")
        assert answer.codes == ["location.policed"]

    @pytest.mark.parametrize("place", EVIL)
    async def test_with_the_layer_off_it_is(self, place: str) -> None:
        answer = await get("/go", off=True, query=f"next={place}".encode())
        assert answer.status == 307
        assert answer.values("location")


class TestALineBreakInAHeader:
    """ATTACKS I08."""

    SPLIT = b"de%0d%0aset-cookie:%20sid=evil"

    async def test_the_header_does_not_leave(self) -> None:
        answer = await get("/language", off=False, query=b"code=" + self.SPLIT)
        assert not answer.values("content-language")
        assert answer.codes == ["header.policed"]

    async def test_the_cookie_does_not_leave(self) -> None:
        answer = await get("/theme", off=False, query=b"name=" + self.SPLIT)
        assert not answer.values("set-cookie")
        assert answer.codes == ["header.policed"]

    @pytest.mark.parametrize(
        ("query", "header"),
        [("/language?code=", "content-language"), ("/theme?name=", "set-cookie")],
    )
    async def test_with_the_layer_off_the_line_break_is_sent(self, query: str, header: str) -> None:
        path, _, start = query.partition("?")
        answer = await get(path, off=True, query=start.encode() + self.SPLIT)
        assert "\r\nset-cookie: sid=evil" in answer.value(header)


class TestACookieThatOthersCouldUse:
    """ATTACKS U05 and O05."""

    async def test_it_leaves_for_this_host_only_and_no_script(self) -> None:
        query = b"name=x%3b%20Domain=example%3b%20SameSite=None"
        answer = await get("/theme", off=False, query=query)
        assert answer.value("set-cookie") == "theme=x; HttpOnly; SameSite=Lax; Secure"

    async def test_the_application_cannot_set_the_refresh_cookie(self) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            forged = (b"set-cookie", b"__Host-rf_refresh=rf_rt_evil; Path=/; Secure")
            await send({"type": "http.response.start", "status": 200, "headers": [forged]})

        stopped = await through(app)
        assert not stopped.values("set-cookie")
        assert stopped.codes == ["cookie.policed"]
        assert (await through(app, off=OFF)).values("set-cookie")

    async def test_with_the_layer_off_it_leaves_as_it_is(self) -> None:
        answer = await get("/theme", off=True, query=b"name=x%3b%20Domain=example")
        assert answer.value("set-cookie") == "theme=x; Domain=example"


class TestAnApplicationThatLeaksItsCookies:
    """DESIGN section 4: the refresh cookie is not there to be leaked."""

    HEADERS = (
        (b"cookie", b"theme=dark;  __Host-rf_refresh=rf_rt_secret; b=2"),
        (b"cookie", b"__Host-rf_refresh=rf_rt_secret"),
        (b"accept", b"*/*"),
    )

    async def test_the_refresh_cookie_is_not_among_them(self) -> None:
        answer = await get("/cookies", off=False, headers=self.HEADERS)
        assert json.loads(answer.body) == {
            "parsed": {"theme": "dark", "b": "2"},
            "raw": ["theme=dark; b=2"],
        }

    async def test_ringfences_own_routes_see_it(self) -> None:
        answer = await get("/cookies", off=False, headers=self.HEADERS, own=True)
        assert b"rf_rt_secret" in answer.body

    async def test_with_the_layer_off_it_is_leaked(self) -> None:
        answer = await get("/cookies", off=True, headers=self.HEADERS)
        assert b"rf_rt_secret" in answer.body


class TestAnOriginThatIsEchoed:
    """ATTACKS O06."""

    @pytest.mark.parametrize(
        "origin", [b"https://evil.example", b"null", b"https://shop.example.evil.example", b"*"]
    )
    async def test_it_may_not_read(self, origin: bytes) -> None:
        answer = await get("/me", off=False, headers=[(b"origin", origin)])
        assert not answer.values("access-control-allow-origin")
        assert answer.value("cross-origin-resource-policy") == "same-origin"
        assert answer.codes == ["header.policed"]

    async def test_with_the_layer_off_it_may(self) -> None:
        answer = await get("/me", off=True, headers=[(b"origin", b"https://evil.example")])
        assert answer.value("access-control-allow-origin") == "https://evil.example"


class TestAPageWithAScriptInIt:
    """ATTACKS O01 and O04; Chromium judges in ``tests/browser``."""

    async def test_its_policy_lets_no_inline_script_run_and_nobody_frame_it(self) -> None:
        answer = await get("/widget", off=False)
        policy = answer.value("content-security-policy")
        assert "script-src 'self';" in policy
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.value("x-frame-options") == "DENY"
        assert answer.value("cache-control") == "no-store"

    async def test_with_the_layer_off_there_is_no_policy(self) -> None:
        answer = await get("/widget", off=True)
        assert not answer.values("content-security-policy")
        assert not answer.values("x-frame-options")
