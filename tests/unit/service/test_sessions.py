"""Signing in, refreshing and signing out, as a client sees it."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from ringfence.authn.keys import Keys
from ringfence.core.codes import Layer
from ringfence.service.wire import base64url
from tests.unit.authn.flows import ALICE
from tests.unit.service.harness import CLIENT_KEY, COOKIE, House, Visitor, bearer, opened

KEY = base64url(CLIENT_KEY)
SECOND = timedelta(seconds=1)


def code(response: httpx2.Response) -> str:
    return response.json()["code"]


async def test_a_sign_in_answers_as_the_contract_says(house: House, visitor: Visitor) -> None:
    """API.md."""
    response = await visitor.post("/auth/sign-in", {"login": ALICE, "client_key": KEY})
    assert response.status_code == 200
    body = response.json()
    assert {**body, "access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 900,
        "aal": 1,
    }
    name, _, attributes = response.headers["set-cookie"].partition("=")
    token, *rest = attributes.split("; ")
    assert name == COOKIE
    assert token.startswith("rf_rt_")
    assert set(rest) == {"Path=/", "HttpOnly", "Secure", "SameSite=Strict", "Max-Age=604800"}
    assert house.sink.codes == ["signin.done"]
    assert house.sink.events[0].subject == "alice"
    assert house.sink.events[0].client == "192.0.2.1"


async def test_the_login_is_taken_in_any_spelling(visitor: Visitor) -> None:
    """Ledger 8."""
    assert await visitor.sign_in("  Alice@EXAMPLE.com ")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"login": ALICE, "client_key": base64url(bytes(32))}, "credentials.invalid"),
        ({"login": "nobody@example.com", "client_key": KEY}, "credentials.invalid"),
        ({"login": "no address", "client_key": KEY}, "login.malformed"),
        ({"login": ALICE}, "body.invalid"),
        ({"login": ALICE, "client_key": KEY, "password": "x"}, "body.invalid"),
        ({"login": ALICE, "client_key": None}, "body.invalid"),
        ({"login": ALICE, "client_key": KEY + "="}, "body.invalid"),
        ({"login": ALICE, "client_key": KEY[:-1]}, "body.invalid"),
        ({"login": ALICE, "client_key": base64url(CLIENT_KEY + b"c")}, "body.invalid"),
        ({"login": ALICE, "client_key": KEY[:-1] + "\u00e9"}, "body.invalid"),
        ({"login": ALICE, "client_key": KEY[:-1] + "Z"}, "body.invalid"),  # spare bits are set
        ({"login": ALICE, "client_key": KEY, "aal": 3}, "body.invalid"),
        ({"login": {"$ne": None}, "client_key": KEY}, "body.invalid"),
        ([], "body.invalid"),
    ],
)
async def test_what_does_not_prove_anything_is_refused(
    visitor: Visitor, body: object, expected: str
) -> None:
    response = await visitor.post("/auth/sign-in", body)
    assert code(response) == expected
    assert "set-cookie" not in response.headers


async def test_a_body_that_is_no_json_is_refused(visitor: Visitor) -> None:
    response = await visitor.http.post("/auth/sign-in", content=b"login=alice")
    assert code(response) == "body.malformed"


async def test_the_access_token_says_who_it_is(visitor: Visitor) -> None:
    token = await visitor.sign_in()
    me = await visitor.http.get("/auth/me", headers=bearer(token))
    assert me.json() == {
        "sub": "alice",
        "login": ALICE,
        "name": "",
        "roles": ["user"],
        "aal": 1,
        "amr": ["pwd"],
        "auth_time": 1767268800,
    }


async def test_11_wrong_sign_ins_are_limited_and_say_when_to_try_again(
    house: House, visitor: Visitor
) -> None:
    """ATTACKS U01."""
    wrong = {"login": ALICE, "client_key": base64url(bytes(32))}
    codes = [code(await visitor.post("/auth/sign-in", wrong)) for _ in range(10)]
    assert set(codes) == {"credentials.invalid"}
    house.pass_time(timedelta(minutes=5))
    limited = await visitor.post("/auth/sign-in", wrong)
    assert limited.status_code == 429
    assert code(limited) == "signin.limited"
    assert float(limited.headers["retry-after"]) == 31 * 60  # the account's budget: 36 - 5


async def test_with_the_layer_off_nothing_is_limited(naked: House) -> None:
    """The pair of the test above."""
    visitor = Visitor(naked)
    wrong = {"login": ALICE, "client_key": base64url(bytes(32))}
    codes = {code(await visitor.post("/auth/sign-in", wrong)) for _ in range(100)}
    assert codes == {"credentials.invalid"}


async def test_200_sign_ins_at_once_are_limited_exactly(house: House) -> None:
    """Ledger 22."""
    wrong = {"login": ALICE, "client_key": base64url(bytes(32))}
    visitor = Visitor(house)
    answers = await asyncio.gather(*(visitor.post("/auth/sign-in", wrong) for _ in range(200)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) == 10
    assert statuses.count(429) == 190


async def test_a_refresh_gives_new_tokens_and_a_new_cookie(house: House, visitor: Visitor) -> None:
    await visitor.sign_in()
    before = visitor.cookie
    response = await visitor.post("/auth/refresh")
    assert response.status_code == 200
    assert visitor.cookie != before
    token = response.json()["access_token"]
    assert (await visitor.http.get("/auth/me", headers=bearer(token))).status_code == 200
    assert house.sink.codes == ["signin.done", "refresh.rotated"]


async def test_a_refresh_without_the_cookie_is_refused(visitor: Visitor) -> None:
    response = await visitor.post("/auth/refresh")
    assert response.status_code == 401
    assert code(response) == "refresh.missing"


async def test_the_refresh_token_is_taken_from_the_cookie_alone(visitor: Visitor) -> None:
    """ATTACKS U05: neither body, nor query, nor another header."""
    token = await visitor.sign_in()
    stolen = visitor.cookie
    visitor.http.cookies.clear()
    body = {"refresh_token": stolen}
    answers = [
        await visitor.post("/auth/refresh", body),
        await visitor.post(f"/auth/refresh?{COOKIE}={stolen}"),
        await visitor.post("/auth/refresh", **bearer(token)),
    ]
    assert {code(answer) for answer in answers} == {"refresh.missing"}


async def test_50_parallel_refreshes_give_one_lineage(visitor: Visitor) -> None:
    """Ledger 10; ATTACKS U07."""
    await visitor.sign_in()
    headers = {"cookie": f"{COOKIE}={visitor.cookie}"}
    visitor.http.cookies.clear()
    answers = await asyncio.gather(*(visitor.post("/auth/refresh", **headers) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["set-cookie"] for answer in answers}) == 1


async def replayed(house: House) -> list[int]:
    """What thief and victim get when a token comes again after its successor was used."""
    victim, thief = Visitor(house), Visitor(house, "198.51.100.1")
    await victim.sign_in()
    stolen = {"cookie": f"{COOKIE}={victim.cookie}"}
    await victim.post("/auth/refresh")
    await victim.post("/auth/refresh")
    house.pass_time(60 * SECOND)
    return [
        (await thief.post("/auth/refresh", **stolen)).status_code,
        (await victim.post("/auth/refresh")).status_code,
    ]


async def test_a_replayed_refresh_token_ends_the_session_for_both(house: House) -> None:
    """ATTACKS U07."""
    assert await replayed(house) == [401, 401]


async def test_with_the_layer_off_a_replayed_refresh_token_works(naked: House) -> None:
    """The pair of the test above."""
    assert await replayed(naked) == [200, 200]


async def test_a_disabled_account_is_not_refreshed(house: House, visitor: Visitor) -> None:
    """Ledger 9."""
    await visitor.sign_in()
    await house.stores.accounts.disable("alice", house.now)
    assert code(await visitor.post("/auth/refresh")) == "refresh.revoked"


@pytest.mark.parametrize("with_cookie", [True, False])
@pytest.mark.parametrize("with_bearer", [True, False])
async def test_signing_out_ends_the_session_and_clears_the_browser(
    house: House, visitor: Visitor, *, with_cookie: bool, with_bearer: bool
) -> None:
    """ATTACKS D01."""
    token = await visitor.sign_in()
    cookie = visitor.cookie
    if not with_cookie:
        visitor.http.cookies.clear()
    response = await visitor.post("/auth/sign-out", **(bearer(token) if with_bearer else {}))
    assert response.status_code == 204
    assert response.headers["clear-site-data"] == '"cache", "cookies", "storage"'
    assert set(response.headers["set-cookie"].split("; ")) == {
        *(f"{COOKIE}=", "Path=/", "HttpOnly", "Secure", "SameSite=Strict", "Max-Age=0"),
    }
    ended = with_cookie or with_bearer
    me = await visitor.http.get("/auth/me", headers=bearer(token))
    assert me.status_code == (401 if ended else 200)
    visitor.http.cookies.clear()
    refresh = await visitor.post("/auth/refresh", cookie=f"{COOKIE}={cookie}")
    assert refresh.status_code == (401 if ended else 200)
    assert house.sink.codes.count("signout.done") == ended


async def test_signing_out_twice_is_no_error(visitor: Visitor) -> None:
    await visitor.sign_in()
    for _ in range(2):
        assert (await visitor.post("/auth/sign-out")).status_code == 204


async def test_signing_out_everywhere_ends_every_session(house: House) -> None:
    laptop, phone = Visitor(house), Visitor(house)
    tokens = [await laptop.sign_in(), await phone.sign_in()]
    response = await laptop.post("/auth/sign-out-everywhere", **bearer(tokens[0]))
    assert response.status_code == 204
    assert "Max-Age=0" in response.headers["set-cookie"]
    for token in tokens:
        me = await phone.http.get("/auth/me", headers=bearer(token))
        assert me.status_code == 401
    assert code(await phone.post("/auth/refresh")) == "refresh.revoked"
    assert house.sink.codes[-1] == "signout.everywhere"


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def test_one_sees_ones_own_sessions_and_ends_one(house: House) -> None:
    await house.add_account("bob", "bob@example.com")
    await Visitor(house).sign_in("bob@example.com")
    laptop = Visitor(house, "192.0.2.7", **{"user-agent": FIREFOX})
    phone = Visitor(house, "192.0.2.8")
    await phone.sign_in()
    house.pass_time(SECOND)
    token = await laptop.sign_in()
    listed = (await laptop.http.get("/auth/sessions", headers=bearer(token))).json()
    assert listed["next"] is None
    first, second = listed["items"]
    assert first == {
        "id": first["id"],
        "current": True,
        "signed_in_at": "2026-01-01T12:00:01Z",
        "last_used_at": "2026-01-01T12:00:01Z",
        "client": "Firefox on Linux",
        "address": "192.0.2.7",
    }
    assert not second["current"]
    ended = await laptop.http.delete(f"/auth/sessions/{second['id']}", headers=bearer(token))
    assert ended.status_code == 204
    assert (await phone.post("/auth/refresh")).status_code == 401
    assert (await laptop.post("/auth/refresh")).status_code == 200


async def foreign_ended(house: House) -> tuple[httpx2.Response, httpx2.Response, int]:
    """Bob tries to end Alice's session, and one that does not exist; is hers alive after it?"""
    await house.add_account("bob", "bob@example.com")
    alice, bob = Visitor(house), Visitor(house)
    await alice.sign_in()
    (session,) = await house.stores.sessions.of_account("alice")
    token = await bob.sign_in("bob@example.com")
    foreign = await bob.http.delete(f"/auth/sessions/{session.id}", headers=bearer(token))
    missing = await bob.http.delete("/auth/sessions/none", headers=bearer(token))
    return foreign, missing, (await alice.post("/auth/refresh")).status_code


async def test_nobody_ends_somebody_elses_session(house: House) -> None:
    """ATTACKS Z02; Ledger 36: IDOR in deleting a token."""
    foreign, missing, alive = await foreign_ended(house)
    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert alive == 200


async def test_with_authz_off_anybody_ends_anybodys_session(keys: Keys) -> None:
    """The pair of the test above."""
    async with opened(keys, off={Layer.AUTHZ}) as house:
        foreign, _, alive = await foreign_ended(house)
    assert foreign.status_code == 204
    assert alive == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/me"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions/x"),
        ("POST", "/auth/sign-out-everywhere"),
        ("POST", "/auth/password/change"),
    ],
)
async def test_nobody_gets_at_an_account_without_a_token(
    visitor: Visitor, method: str, path: str
) -> None:
    """Ledger 32: the refresh cookie is no access token either."""
    await visitor.sign_in()
    response = await visitor.http.request(method, path, content=b'{"sub": "alice"}')
    assert response.status_code == 401
    assert code(response) == "token.missing"


# ------------------------------------------------------------------------- many sessions of one


async def listed(visitor: Visitor, token: str, query: str = "") -> httpx2.Response:
    return await visitor.http.get(f"/auth/sessions{query}", headers=bearer(token))


async def test_of_101_sessions_the_oldest_has_ended(house: House) -> None:
    """DESIGN section 6; 63,000 of them made each list take 0.8 s."""
    first = Visitor(house)
    token = await first.sign_in()
    latest = ""
    for _ in range(100):
        house.pass_time(timedelta(seconds=11))  # what right sign-ins are let through
        latest = await Visitor(house).sign_in()
    assert (await first.http.get("/auth/me", headers=bearer(token))).status_code == 401
    assert (await first.post("/auth/refresh")).status_code == 401
    assert house.sink.codes.count("session.ended") == 1
    answer = (await listed(first, latest, "?limit=100")).json()
    assert len(answer["items"]) == 100
    assert answer["next"] is None


async def test_sessions_come_in_pages(house: House) -> None:
    """API.md: lists answer ``items`` and ``next``."""
    token = ""
    for _ in range(5):
        house.pass_time(timedelta(seconds=11))
        token = await Visitor(house).sign_in()
    visitor = Visitor(house)
    whole = (await listed(visitor, token)).json()
    assert whole["next"] is None
    items, following, sizes = [], "", []
    while following is not None:
        page = (await listed(visitor, token, f"?limit=2{following}")).json()
        items += page["items"]
        sizes.append(len(page["items"]))
        following = page["next"] and f"&after={page['next']}"
    assert sizes == [2, 2, 1]
    assert items == whole["items"]


@pytest.mark.parametrize(
    "query",
    [
        *("?limit=0", "?limit=101", "?limit=-1", "?limit=x", "?limit=", "?limit=1e1"),
        *("?after=", "?after=x", "?after=%20", "?after=MQ", "?after=AAAA", "?before=1"),
        f"?after={base64url(b'1 ' + b'z' * 32)}",
        f"?after={base64url(b'99999999999999999 ' + b'0' * 32)}",
        f"?after={base64url(b'1 ' + b'0' * 32)}=",
    ],
)
async def test_a_page_that_cannot_be_is_refused(house: House, visitor: Visitor, query: str) -> None:
    token = await visitor.sign_in()
    answer = await listed(visitor, token, query)
    assert (answer.status_code, code(answer)) == (422, "query.invalid")


async def test_a_cursor_from_elsewhere_shows_nobody_elses_sessions(
    house: House, visitor: Visitor
) -> None:
    """It says where to begin, and not in whose list."""
    token = await visitor.sign_in()
    await house.add_account("bob", "bob@example.com")
    bob = Visitor(house, "192.0.2.9")
    await bob.sign_in("bob@example.com")
    far = base64url(f"9999999999999999 {'f' * 32}".encode())
    answer = (await listed(visitor, token, f"?after={far}")).json()
    assert len(answer["items"]) == 1


async def test_looking_at_sessions_has_a_budget(house: House, visitor: Visitor) -> None:
    token = await visitor.sign_in()
    answers = [await listed(visitor, token) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert code(answers[-1]) == "sessions.limited"
    house.pass_time(timedelta(seconds=1))
    assert (await listed(visitor, token)).status_code == 200


async def test_a_sign_in_ends_the_session_whose_cookie_it_carries(
    house: House, visitor: Visitor
) -> None:
    """ASVS 5.0 7.2.4."""
    first = await visitor.sign_in()
    house.pass_time(timedelta(seconds=1))
    second = await visitor.sign_in()
    assert (await visitor.http.get("/auth/me", headers=bearer(first))).status_code == 401
    assert (await visitor.http.get("/auth/me", headers=bearer(second))).status_code == 200
    assert house.sink.codes.count("session.ended") == 1
    assert len((await listed(visitor, second)).json()["items"]) == 1


async def test_a_sign_in_without_the_cookie_ends_nothing(house: House, visitor: Visitor) -> None:
    """The pair of the test above; a wrong one with it ends nothing either."""
    first = await visitor.sign_in()
    await visitor.post("/auth/sign-in", {"login": ALICE, "client_key": base64url(bytes(32))})
    second = await Visitor(house).sign_in()
    for token in (first, second):
        assert (await visitor.http.get("/auth/me", headers=bearer(token))).status_code == 200
    assert "session.ended" not in house.sink.codes


async def test_a_sign_in_ends_the_session_of_whoever_used_the_browser_before(
    house: House, visitor: Visitor
) -> None:
    alice = await visitor.sign_in()
    await house.add_account("bob", "bob@example.com")
    bob = await visitor.sign_in("bob@example.com")
    assert (await visitor.http.get("/auth/me", headers=bearer(alice))).status_code == 401
    assert (await visitor.http.get("/auth/me", headers=bearer(bob))).json()["sub"] == "bob"
