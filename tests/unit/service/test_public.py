"""What anybody may ask, and the pages."""

import re
from base64 import urlsafe_b64decode
from urllib.parse import urljoin

import pytest

from ringfence.core.errors import StoreError
from ringfence.core.policy import public, signed_in
from ringfence.service.courier import TOO_LONG
from ringfence.service.static import PAGES
from ringfence.service.user_agent import name_of
from tests.unit.authn.flows import ALICE
from tests.unit.service.harness import House, Visitor, bearer


async def test_prelogin_is_alike_for_every_login(visitor: Visitor) -> None:
    """API.md; ATTACKS U03: it is computed from the login alone."""
    known = await visitor.post("/auth/prelogin", {"login": ALICE})
    unknown = await visitor.post("/auth/prelogin", {"login": "nobody@example.com"})
    again = await visitor.post("/auth/prelogin", {"login": " ALICE@example.com"})
    assert known.json() == again.json()
    assert known.json()["salt"] != unknown.json()["salt"]
    assert known.headers == unknown.headers
    assert known.json()["kdf"] == {"alg": "argon2id", "m": 65536, "t": 3, "p": 4, "len": 32}
    assert len(urlsafe_b64decode(unknown.json()["salt"] + "==")) == 16


async def test_the_configuration_says_what_a_page_has_to_know(visitor: Visitor) -> None:
    assert (await visitor.http.get("/auth/config")).json() == {
        "methods": ["password", "passkey"],
        "sign_up": True,
        "kdf": {"alg": "argon2id", "m": 65536, "t": 3, "p": 4, "len": 32},
        "password": {"min_length": 15, "max_bytes": 1024},
        "password_retry": False,
    }


async def test_the_public_keys_hold_nothing_private(visitor: Visitor) -> None:
    response = await visitor.http.get("/.well-known/jwks.json")
    (key,) = response.json()["keys"]
    assert key["alg"] == "ES256"
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


async def test_a_store_that_is_away_makes_the_service_unready_and_not_unwell(
    house: House, visitor: Visitor
) -> None:
    assert (await visitor.http.get("/readyz")).status_code == 200

    async def away() -> None:
        raise StoreError("database", "gone")

    object.__setattr__(house.service._open, "ping", away)
    assert (await visitor.http.get("/healthz")).status_code == 200
    assert (await visitor.http.get("/readyz")).status_code == 503


async def test_an_administrator_is_told_that_mail_waits_and_nobody_else_is(
    house: House, visitor: Visitor
) -> None:
    await house.add_account()
    await visitor.post("/auth/password/forgot", {"login": ALICE})
    house.pass_time(TOO_LONG)
    await house.service.courier._look_back()
    user = bearer(await visitor.sign_in())
    await house.stores.accounts.set_roles("alice", frozenset({"admin"}))
    admin = bearer(await visitor.sign_in())
    asked = [await visitor.http.get("/readyz", headers=who) for who in ({}, user, admin)]
    assert [answer.status_code for answer in asked] == [200, 401, 200]
    assert asked[0].json() == {"status": "ok"}
    assert asked[2].json() == {"status": "ok", "degraded": ["mail"]}


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_and_everything_that_it_loads(
    visitor: Visitor, path: str
) -> None:
    page = await visitor.http.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    loaded = set(re.findall(r'(?:src|href)="([^"#]*/?static/[^"#]+)', page.text))
    assert loaded
    for link in loaded:
        file = await visitor.http.get(urljoin(path, link))
        assert file.status_code == 200, link


async def test_a_file_that_did_not_change_is_not_sent_again(visitor: Visitor) -> None:
    first = await visitor.http.get("/auth/static/ringfence.js")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["cache-control"] == "public, no-cache"
    etag = first.headers["etag"]
    again = await visitor.http.get("/auth/static/ringfence.js", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    other = await visitor.http.get("/auth/static/ringfence.js", headers={"if-none-match": '"x"'})
    assert other.status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "..%5capp.py",
        "ringfence.js%00",
        "ringfence.js/",
        "RINGFENCE.JS",
        "",
    ],
)
async def test_no_path_leaves_the_folder(visitor: Visitor, name: str) -> None:
    """ATTACKS I07: the files are a closed dictionary."""
    assert (await visitor.http.get(f"/auth/static/{name}")).status_code == 404


async def test_every_route_has_a_policy_and_what_is_private_needs_a_sign_in(house: House) -> None:
    """ATTACKS Z04."""
    policies = {
        (method, entry.pattern): entry.policy
        for entry in house.service.handlers
        for method in entry.methods
    }
    private = {key for key, policy in policies.items() if policy == signed_in}
    assert private == {
        ("GET", "/auth/me"),
        ("HEAD", "/auth/me"),
        ("GET", "/auth/sessions"),
        ("HEAD", "/auth/sessions"),
        ("DELETE", "/auth/sessions/{id}"),
        ("POST", "/auth/sign-out-everywhere"),
        ("POST", "/auth/password/change"),
        ("POST", "/auth/step-up"),
        ("GET", "/auth/factors"),
        ("HEAD", "/auth/factors"),
        ("POST", "/auth/factors/totp"),
        ("POST", "/auth/factors/totp/confirm"),
        ("POST", "/auth/factors/recovery-codes"),
        ("DELETE", "/auth/factors/{id}"),
        ("PATCH", "/auth/factors/{id}"),
        ("POST", "/auth/factors/passkeys/options"),
        ("POST", "/auth/factors/passkeys"),
        ("POST", "/auth/step-up/passkey"),
    }
    assert all(policy == public for key, policy in policies.items() if key not in private)


async def test_nothing_is_changed_by_reading(house: House) -> None:
    """MUSTS C05."""
    changing = ("password", "sign-out", "refresh", "prelogin")
    for entry in house.service.handlers:
        if any(word in entry.pattern for word in changing):
            assert entry.methods == {"POST"}, entry.pattern


WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"{WEBKIT} Chrome/140.0.0.0"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0) {CHROME} Safari/537.36 Edg/140.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36", "Chrome on Android"),
        (f"Mozilla/5.0 (iPhone; like Mac OS X) {WEBKIT} Safari/604.1", "Safari on iPhone"),
        ("curl/8.15.0", "curl"),
        ("", "Unknown client"),
        ("<script>", "Unknown client"),
    ],
)
def test_a_browser_gets_a_name_that_its_owner_recognises(user_agent: str, name: str) -> None:
    assert name_of(user_agent) == name
