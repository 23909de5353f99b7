"""Both Python clients against the real service: the same tests for the one that blocks."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from pyotp.totp import TOTP

from ringfence.authn.accounts import Account
from ringfence.authn.derivation import Derivation
from ringfence.client import AsyncClient, Client, KdfRefused, Problem, SecondFactorNeeded
from ringfence.core.errors import ConfigurationError
from tests.unit.authn.credentials import CHEAPEST
from tests.unit.authn.flows import NOON
from tests.unit.service.harness import ORIGIN, House

LOGIN, PASSWORD = "carol@example.com", "violet kettle orbits quietly"
SALT = "A" * 22
KDF = {"alg": "argon2id", "m": 19_456, "t": 2, "p": 1, "len": 32}


@dataclass
class Wire(httpx2.AsyncBaseTransport):
    """The way to the service, and everything that was sent on it."""

    inner: httpx2.AsyncBaseTransport
    sent: list[httpx2.Request] = field(default_factory=list[httpx2.Request])

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.sent.append(request)
        return await self.inner.handle_async_request(request)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(sent.content) for sent in self.sent if sent.url.path == path]


@dataclass
class Bridge(httpx2.BaseTransport):
    """The same way for a client that blocks, in a thread of its own."""

    wire: Wire
    loop: asyncio.AbstractEventLoop

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return asyncio.run_coroutine_threadsafe(self._ask(request), self.loop).result(20)

    async def _ask(self, request: httpx2.Request) -> httpx2.Response:
        url, headers = request.url, request.headers
        asked = httpx2.Request(request.method, url, headers=headers, content=request.read())
        answer = await self.wire.handle_async_request(asked)
        return httpx2.Response(
            answer.status_code, headers=answer.headers, content=await answer.aread()
        )


class Threaded:
    """``Client`` with the face of ``AsyncClient``."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def signed_in(self) -> bool:
        return self.client.signed_in

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)
        return lambda *args, **options: asyncio.to_thread(method, *args, **options)


Make = Callable[[httpx2.AsyncBaseTransport], tuple[Any, Wire]]


@pytest.fixture(params=["blocking", "async"])
def make(request: pytest.FixtureRequest) -> Make:
    """Make a client, of the kind under test, on this transport."""

    def make(transport: httpx2.AsyncBaseTransport) -> tuple[Any, Wire]:
        wire = Wire(transport)
        if request.param == "async":
            return AsyncClient(ORIGIN, transport=wire), wire
        bridge = Bridge(wire, asyncio.get_running_loop())
        return Threaded(Client(ORIGIN, transport=bridge)), wire

    return make


@pytest.fixture
async def carol(house: House, make: Make) -> AsyncIterator[tuple[Any, Wire]]:
    """A client of Carol, who has an account and is not signed in."""
    await house.stores.derivations.put(Derivation(current=CHEAPEST))
    account = Account(
        id="carol",
        login=LOGIN,
        login_verified_at=NOON,
        created_at=NOON,
        verifier=await house.authn.flows.passwords.make(LOGIN, PASSWORD),
    )
    assert await house.stores.accounts.create(account)
    client, wire = make(httpx2.ASGITransport(app=house, client=("192.0.2.1", 50000)))
    yield client, wire
    await client.close()


async def test_a_second_factor_is_asked_for_and_shown(
    house: House, carol: tuple[Any, Wire]
) -> None:
    client, _ = carol
    await client.sign_in(LOGIN, PASSWORD)
    setup = (await client.request("POST", "/auth/factors/totp")).json()
    app = TOTP(setup["secret"])
    body = {"ticket": setup["ticket"], "code": app.at(house.now)}
    done = await client.request("POST", "/auth/factors/totp/confirm", json=body)
    assert done.status_code == 200
    house.pass_time(timedelta(seconds=30))
    with pytest.raises(SecondFactorNeeded) as asked:
        await client.sign_in(LOGIN, PASSWORD)
    assert (asked.value.factors, asked.value.enrol) == (("totp", "recovery_code"), False)
    with pytest.raises(Problem, match=r"factor\.invalid"):
        await client.second_step(asked.value.ticket, done.json()["recovery_codes"][0][:-1] + "1")
    await client.second_step(asked.value.ticket, app.at(house.now))
    assert (await client.request("GET", "/auth/me")).json()["aal"] == 2


async def test_one_signs_in_and_the_password_is_sent_nowhere(carol: tuple[Any, Wire]) -> None:
    client, wire = carol
    await client.sign_in(LOGIN, PASSWORD)
    me = await client.request("GET", "/auth/me")
    assert me.json()["sub"] == "carol"
    (body,) = wire.bodies("/auth/sign-in")
    assert body.keys() == {"login", "client_key"}
    assert not [sent for sent in wire.sent if b"kettle" in sent.content]


async def test_the_refresh_token_is_shown_to_the_service_alone(carol: tuple[Any, Wire]) -> None:
    client, wire = carol
    await client.sign_in(LOGIN, PASSWORD)
    await client.refresh()
    await client.request("GET", "/auth/me")
    shown = [sent.url.path for sent in wire.sent if "cookie" in sent.headers]
    assert shown == ["/auth/refresh"]


async def test_a_wrong_password_is_refused_with_its_code(carol: tuple[Any, Wire]) -> None:
    client, wire = carol
    with pytest.raises(Problem) as refused:
        await client.sign_in(LOGIN, "not hers at all, this one")
    assert (refused.value.code, refused.value.status) == ("credentials.invalid", 401)
    assert not client.signed_in
    assert [body.keys() for body in wire.bodies("/auth/sign-in")] == [{"login", "client_key"}]


async def test_tokens_rotate_and_a_spent_one_ends_the_session(carol: tuple[Any, Wire]) -> None:
    """RFC 9700 4.14: whoever shows a token again whose successor was used."""
    client, wire = carol
    await client.sign_in(LOGIN, PASSWORD)
    for _ in range(3):
        await client.refresh()
    shown = [sent.headers["cookie"] for sent in wire.sent if "cookie" in sent.headers]
    assert len(set(shown)) == 3
    answer = await wire.handle_async_request(
        httpx2.Request("POST", f"{ORIGIN}/auth/refresh", headers={"cookie": shown[0]})
    )
    assert answer.status_code == 401
    with pytest.raises(Problem) as refused:
        await client.refresh()
    assert refused.value.code == "refresh.revoked"
    assert not client.signed_in


async def test_a_token_that_was_refused_is_renewed_once(
    house: House, carol: tuple[Any, Wire]
) -> None:
    client, wire = carol
    await client.sign_in(LOGIN, PASSWORD)
    house.pass_time(timedelta(minutes=16))
    answer = await client.request("GET", "/auth/me")
    assert answer.status_code == 200
    paths = [sent.url.path for sent in wire.sent][-3:]
    assert paths == ["/auth/me", "/auth/refresh", "/auth/me"]


async def test_ten_requests_at_once_spend_one_refresh_token(
    house: House, carol: tuple[Any, Wire]
) -> None:
    client, wire = carol
    await client.sign_in(LOGIN, PASSWORD)
    house.pass_time(timedelta(minutes=16))
    answers = await asyncio.gather(*(client.request("GET", "/auth/me") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert [sent.url.path for sent in wire.sent].count("/auth/refresh") == 1


async def test_signing_out_ends_the_session_at_the_server(
    house: House, carol: tuple[Any, Wire]
) -> None:
    client, wire = carol
    await client.sign_in(LOGIN, PASSWORD)
    (session,) = await house.stores.sessions.of_account("carol")
    await client.sign_out()
    assert not client.signed_in
    assert await house.stores.sessions.get(session.id) is None
    assert (await client.request("GET", "/auth/me")).status_code == 401
    assert "authorization" not in wire.sent[-1].headers


def answering(**answers: Any) -> httpx2.MockTransport:
    """A server that answers these, by the last part of the path: what is a list, in turn."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        answer = answers[request.url.path.rpartition("/")[2].replace("-", "_")]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, httpx2.Response):
            return answer
        return httpx2.Response(200, json=answer)

    return httpx2.MockTransport(handle)


def refusal() -> httpx2.Response:
    return httpx2.Response(401, json={"code": "credentials.invalid"})


def granted() -> httpx2.Response:
    cookie = "__Host-rf_refresh=rf_rt_x; Path=/; HttpOnly; Secure; SameSite=Strict"
    tokens = {"access_token": "a", "expires_in": 900}
    return httpx2.Response(200, json=tokens, headers={"set-cookie": cookie})


async def test_a_server_that_asks_for_less_gets_nothing(make: Make) -> None:
    client, wire = make(answering(prelogin={"kdf": {**KDF, "m": 19_455}, "salt": SALT}))
    with pytest.raises(KdfRefused):
        await client.sign_in(LOGIN, PASSWORD)
    assert [sent.url.path for sent in wire.sent] == ["/auth/prelogin"]
    await client.close()


async def test_while_the_cost_is_raised_both_keys_are_sent(make: Make) -> None:
    later = {"kdf": {**KDF, "t": 3}, "salt": SALT}
    prelogin = {"kdf": KDF, "salt": SALT, "next": later}
    client, wire = make(answering(prelogin=prelogin, sign_in=granted()))
    await client.sign_in(LOGIN, PASSWORD)
    (body,) = wire.bodies("/auth/sign-in")
    assert body.keys() == {"login", "client_key", "next_key"}
    assert body["client_key"] != body["next_key"]
    await client.close()


@pytest.mark.parametrize("importing", [True, False])
async def test_while_passwords_are_imported_a_refused_key_is_followed_by_the_password(
    make: Make,
    *,
    importing: bool,
) -> None:
    client, wire = make(
        answering(
            prelogin={"kdf": KDF, "salt": SALT},
            config={"password_retry": importing, "methods": ["password"]},
            sign_in=[refusal(), granted()],
        )
    )
    if importing:
        await client.sign_in(LOGIN, PASSWORD)
    else:
        with pytest.raises(Problem):
            await client.sign_in(LOGIN, PASSWORD)
    first, *more = wire.bodies("/auth/sign-in")
    assert first.keys() == {"login", "client_key"}
    assert more == ([{"login": LOGIN, "password": PASSWORD}] if importing else [])
    await client.close()


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json={"next": "something new"}),
        httpx2.Response(200, json={"access_token": "a", "expires_in": 900}),
        httpx2.Response(502, text="Bad gateway"),
    ],
    ids=["no JSON", "another step", "no cookie", "another server's error"],
)
async def test_what_was_not_expected_is_a_problem_and_signs_nobody_in(
    make: Make, answer: httpx2.Response
) -> None:
    client, _ = make(answering(prelogin={"kdf": KDF, "salt": SALT}, sign_in=answer))
    with pytest.raises(Problem) as refused:
        await client.sign_in(LOGIN, PASSWORD)
    assert refused.value.code == "answer.unexpected"
    assert not client.signed_in
    await client.close()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    "origin",
    ["http://shop.example", "shop.example", "ftp://shop.example", "https://shop.example/x"],
)
def test_an_origin_that_would_carry_tokens_in_the_clear_is_refused(
    kind: Callable[[str], object], origin: str
) -> None:
    with pytest.raises(ConfigurationError):
        kind(origin)
