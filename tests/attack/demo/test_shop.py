"""Each lesson of the demo shop: the attack works on the naked twin and fails on the guarded shop.

The same code in one process, once with every layer on and once with every layer off; outcomes are
judged by what comes back and by what is there afterwards.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ringfence.core.codes import Layer
from ringfence.core.settings import Settings
from ringfence_demo import guarded
from ringfence_demo.data import Databases, DataFolder
from ringfence_demo.seed import PASSWORD, first_start
from tests.attack.demo import images

ORIGIN = "http://127.0.0.1:8000"
UNION = "' UNION SELECT id, item, note, total FROM orders--"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One running shop and who is signed in to it."""

    client: httpx2.AsyncClient
    folder: DataFolder
    trap: str
    friend: str
    tokens: Mapping[str, str]

    async def call(self, who: str, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"Origin": ORIGIN}
        if who:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        return await self.client.request(method, path, headers=headers, **options)

    async def subject(self, who: str) -> str:
        found: str = (await self.call(who, "GET", "/auth/me")).json()["sub"]
        return found


@contextlib.asynccontextmanager
async def serving(body: bytes) -> AsyncGenerator[int]:
    """A small server inside, with a secret."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop after its first start, to be copied: passwords are slow to make."""
    root = tmp_path_factory.mktemp("seeded") / "data"
    folder = DataFolder(root)
    databases = Databases.sqlite(folder)
    first_start(folder, databases, settings_of(folder, databases))
    return root


def settings_of(folder: DataFolder, databases: Databases) -> Settings:
    environ = {"RINGFENCE_LOG": os.devnull}
    return guarded.settings(folder, databases, environ, origin=ORIGIN)


@contextlib.asynccontextmanager
async def shop(root: Path, *off: Layer) -> AsyncGenerator[Site]:
    folder = DataFolder(root)
    databases = Databases.sqlite(folder)
    async with serving(b"canary-inside") as trap, serving(b"feed") as friend:
        app = guarded.guard(
            folder,
            databases,
            settings_of(folder, databases),
            reachable=[("127.0.0.1", friend)],
            off=off,
        )
        await app.start()
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        try:
            async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                tokens: dict[str, str] = {}
                for who in ("alice", "bob", "admin", "root"):
                    login = {"login": f"{who}@example.com", "password": PASSWORD}
                    answer = await client.post(
                        "/auth/sign-in", json=login, headers={"Origin": ORIGIN}
                    )
                    tokens[who] = answer.json()["access_token"]
                client.cookies.clear()
                yield Site(
                    client=client,
                    folder=folder,
                    trap=f"http://127.0.0.1:{trap}/",
                    friend=f"http://127.0.0.1:{friend}/",
                    tokens=tokens,
                )
        finally:
            await app.close()
            application: Any = app.app
            await application.state.shop.database.engine.dispose()


@pytest.fixture(scope="module")
async def site(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Site]:
    root = tmp_path_factory.mktemp("guarded") / "data"
    shutil.copytree(seeded, root)
    async with shop(root) as made:
        yield made


@pytest.fixture(scope="module")
async def naked(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Site]:
    root = tmp_path_factory.mktemp("naked") / "data"
    shutil.copytree(seeded, root)
    async with shop(root, *Layer) as made:
        yield made


# ------------------------------------------------------------------------------ what must work


async def test_products_are_found_and_sorted(site: Site) -> None:
    found = (await site.call("", "GET", "/products", params={"q": "tea"})).json()["items"]
    assert [product["name"] for product in found] == ["Green tea", "Violet teapot"]
    by_price = (await site.call("", "GET", "/products", params={"sort": "price"})).json()["items"]
    assert by_price[0]["name"] == "Honey jar"
    assert set(by_price[0]) == {"id", "name", "description", "price"}


async def test_an_order_is_made_changed_and_deleted_by_its_owner(site: Site) -> None:
    made = await site.call("alice", "POST", "/orders", json={"item": "Honey jar", "quantity": 2})
    assert made.status_code == 201
    order = made.json()
    assert (order["total"], order["status"]) == (1960, "new")
    path = f"/orders/{order['id']}"
    changed = await site.call("alice", "PUT", path, json={"quantity": 3, "note": "please"})
    assert changed.json()["total"] == 2940
    assert (await site.call("alice", "GET", path)).json() == changed.json()
    invoice = await site.call("alice", "GET", f"{path}/invoice", params={"name": "invoice.txt"})
    assert "EUR 29.40" in invoice.text
    assert (await site.call("alice", "DELETE", path)).status_code == 204
    assert (await site.call("alice", "GET", path)).status_code == 404


async def test_a_list_of_orders_has_pages(site: Site) -> None:
    first = (await site.call("root", "GET", "/orders", params={"limit": 1})).json()
    rest = (await site.call("root", "GET", "/orders", params={"after": first["next"]})).json()
    assert len(first["items"]) == 1
    assert rest["next"] is None
    assert first["items"][0]["id"] < rest["items"][0]["id"]


async def test_a_post_is_read_as_it_was_written(site: Site) -> None:
    written = {"title": "Hello & welcome", "body": "<p>Some <strong>bold</strong> text</p>"}
    made = await site.call("bob", "POST", "/posts", json=written)
    assert made.status_code == 201
    read = (await site.call("", "GET", f"/posts/{made.json()['id']}")).json()
    assert (read["author"], read["title"], read["body"]) == ("Bob", *written.values())
    page = await site.call("", "GET", f"/posts/{made.json()['id']}/view")
    assert "<strong>bold</strong>" in page.text
    assert "Hello &amp; welcome" in page.text


async def test_a_thumbnail_is_made_by_a_real_program(site: Site) -> None:
    made = await site.call("alice", "POST", "/tools/thumbnail", json={"filename": "green-tea.png"})
    assert made.json()["thumbnail"].startswith("data:image/png;base64,iVBORw0KGgo")


async def test_a_photo_that_is_not_there_is_404(site: Site) -> None:
    made = await site.call("alice", "POST", "/tools/thumbnail", json={"filename": "none.png"})
    assert made.status_code == 404


async def test_a_page_elsewhere_is_fetched(site: Site) -> None:
    answer = await site.call("alice", "POST", "/tools/fetch", json={"url": site.friend})
    assert answer.json() == {"status": 200, "type": "", "text": "feed"}


async def test_a_picture_is_kept_and_given_back_to_its_owner(site: Site) -> None:
    kept = await site.call("alice", "POST", "/uploads", files={"file": ("a.png", images.PNG)})
    assert kept.status_code == 201
    path = f"/uploads/{kept.json()['id']}"
    given = await site.call("alice", "GET", path)
    assert (given.content, given.headers["content-type"]) == (images.PNG, "image/png")
    assert (await site.call("bob", "GET", path)).status_code == 404
    for who, listed in (("alice", True), ("bob", False)):
        page = (await site.call(who, "GET", "/uploads")).json()
        assert (kept.json() in page["items"]) is listed


async def test_a_redirect_within_the_site_is_followed(site: Site) -> None:
    answer = await site.call("", "GET", "/go", params={"next": "/products?q=tea"})
    assert answer.headers["location"] == "/products?q=tea"


async def test_the_page_and_its_files_are_there(site: Site) -> None:
    assert (await site.call("", "GET", "/")).headers["content-type"].startswith("text/html")
    assert (await site.call("", "GET", "/static/shop.js")).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc", "/posts/999", "/posts/0"])
async def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    answer = await site.call("", "GET", path)
    assert (answer.status_code, answer.json()["code"]) == (404, "resource.missing")


async def test_a_query_that_does_not_fit_is_told_so(site: Site) -> None:
    answer = await site.call("", "GET", "/posts?limit=0")
    assert (answer.status_code, answer.json()["code"]) == (422, "query.invalid")


# ----------------------------------------------------------------------------------- the lessons

INJECTIONS = [
    {"q": UNION},
    {"q": "zz' or 1=1/*"},
    {"sort": "(CASE WHEN (SELECT note FROM orders LIMIT 1) > 'a' THEN id ELSE -id END)"},
]


@pytest.mark.parametrize("query", INJECTIONS)
async def test_sql_in_the_search_is_refused(site: Site, query: dict[str, str]) -> None:
    """ATTACKS I01 and I02, Ledger 40."""
    answer = await site.call("", "GET", "/products", params=query)
    assert answer.status_code == 400
    assert answer.json()["code"] == "request.refused"
    assert "canary" not in answer.text


@pytest.mark.parametrize("query", INJECTIONS)
async def test_naked_sql_in_the_search_runs(naked: Site, query: dict[str, str]) -> None:
    answer = await naked.call("", "GET", "/products", params=query)
    assert answer.status_code == 200
    if query == {"q": UNION}:
        assert "canary-bob-note-1" in answer.text


async def test_somebody_else_s_order_does_not_exist(site: Site) -> None:
    """ATTACKS Z01 and Z02."""
    missing = await site.call("alice", "GET", "/orders/9999")
    for method, body in (("GET", None), ("PUT", {"note": "mine"}), ("DELETE", None)):
        answer = await site.call("alice", method, "/orders/3", json=body)
        assert answer.status_code == missing.status_code == 404
        assert answer.json()["code"] == missing.json()["code"] == "resource.missing"
    assert "canary-bob-note-1" in (await site.call("bob", "GET", "/orders/3")).text


async def test_naked_somebody_else_s_order_is_read_and_changed(naked: Site) -> None:
    assert "canary-bob-note-1" in (await naked.call("alice", "GET", "/orders/3")).text
    await naked.call("alice", "PUT", "/orders/4", json={"note": "alice was here"})
    assert (await naked.call("bob", "GET", "/orders/4")).json()["note"] == "alice was here"


@pytest.mark.parametrize("field", ["user_id", "total", "status", "price", "id"])
async def test_a_field_that_was_not_declared_is_refused(site: Site, field: str) -> None:
    """ATTACKS I12."""
    before = (await site.call("alice", "GET", "/orders/1")).json()
    change = {"item": "x", "quantity": 1, "note": "", field: 0}
    answer = await site.call("alice", "PUT", "/orders/1", json=change)
    assert (answer.status_code, answer.json()["code"]) == (422, "body.invalid")
    made = await site.call("alice", "POST", "/orders", json=change)
    assert made.status_code == 422
    assert (await site.call("alice", "GET", "/orders/1")).json() == before


async def test_naked_every_field_is_written(naked: Site) -> None:
    change = {"item": "x", "quantity": 1, "note": "", "total": 1, "status": "shipped"}
    await naked.call("alice", "PUT", "/orders/2", json=change)
    order = (await naked.call("alice", "GET", "/orders/2")).json()
    assert (order["total"], order["status"]) == (1, "shipped")


TRAVERSALS = ["../../contract.txt", "../3/invoice.txt", "{root}/contract.txt"]


@pytest.mark.parametrize("name", TRAVERSALS)
async def test_an_invoice_s_name_stays_in_the_order_s_folder(site: Site, name: str) -> None:
    """ATTACKS I07."""
    path = {"name": name.format(root=site.folder.root)}
    answer = await site.call("alice", "GET", "/orders/1/invoice", params=path)
    assert (answer.status_code, answer.json()["code"]) == (404, "resource.missing")


@pytest.mark.parametrize("name", TRAVERSALS)
async def test_naked_an_invoice_s_name_reads_any_file(naked: Site, name: str) -> None:
    path = {"name": name.format(root=naked.folder.root)}
    answer = await naked.call("alice", "GET", "/orders/1/invoice", params=path)
    assert "canary-" in answer.text


EVIL = {"title": "<img src=x onerror=alert(1)>", "body": "<p>a</p><script>alert(1)</script>"}


async def test_a_script_in_a_post_is_taken_out(site: Site) -> None:
    """ATTACKS O02."""
    made = (await site.call("alice", "POST", "/posts", json=EVIL)).json()
    page = await site.call("", "GET", f"/posts/{made['id']}/view")
    assert "<script>alert" not in page.text
    assert "onerror" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert made["body"] == "<p>a</p>"


async def test_what_a_title_holds_is_no_place_of_the_page(site: Site) -> None:
    """ATTACKS O02: the body would stand in an attribute of the title, and end it."""
    nested = {"title": '<a title="{{ body }}">t</a>', "body": 'x" onmouseover="alert(1)'}
    made = (await site.call("alice", "POST", "/posts", json=nested)).json()
    page = await site.call("", "GET", f"/posts/{made['id']}/view")
    assert 'title="{{ body }}"' in page.text
    assert page.text.count("onmouseover") == 1  # in the body, as text


async def test_naked_a_script_in_a_post_is_served(naked: Site) -> None:
    made = (await naked.call("alice", "POST", "/posts", json=EVIL)).json()
    page = await naked.call("", "GET", f"/posts/{made['id']}/view")
    assert "<script>alert(1)</script>" in page.text
    assert "content-security-policy" not in page.headers


COMMANDS = ["green-tea.png; touch marker", "$(touch marker)", "green-tea.png | touch marker"]


@pytest.mark.parametrize("name", [*COMMANDS, "--help", "../contract.txt", "a\nb"])
async def test_a_file_name_is_no_command(site: Site, name: str) -> None:
    """ATTACKS I03."""
    answer = await site.call("alice", "POST", "/tools/thumbnail", json={"filename": name})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")
    assert not (site.folder.photos / "marker").exists()


@pytest.mark.parametrize("name", COMMANDS)
async def test_naked_a_file_name_is_a_command(naked: Site, name: str) -> None:
    await naked.call("alice", "POST", "/tools/thumbnail", json={"filename": name})
    assert (naked.folder.photos / "marker").exists()
    (naked.folder.photos / "marker").unlink()


async def test_a_url_does_not_reach_inside(site: Site) -> None:
    """ATTACKS S01."""
    for url in (site.trap, "file:///etc/passwd", "http://169.254.169.254/", "http://localhost:1/"):
        answer = await site.call("alice", "POST", "/tools/fetch", json={"url": url})
        assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")


async def test_naked_a_url_reaches_inside(naked: Site) -> None:
    answer = await naked.call("alice", "POST", "/tools/fetch", json={"url": naked.trap})
    assert answer.json()["text"] == "canary-inside"


async def test_active_content_is_not_kept(site: Site) -> None:
    """ATTACKS O03."""
    for name, content, kind in images.ACTIVE:
        file = {"file": (name, content, kind)}
        answer = await site.call("alice", "POST", "/uploads", files=file)
        assert (answer.status_code, answer.json()["code"]) == (415, "upload.refused")


async def test_naked_active_content_is_kept_and_served(naked: Site) -> None:
    for name, content, kind in images.ACTIVE:
        file = {"file": (name, content, kind)}
        kept = (await naked.call("alice", "POST", "/uploads", files=file)).json()
        given = await naked.call("alice", "GET", f"/uploads/{kept['id']}")
        assert (given.content, given.headers["content-type"].partition(";")[0]) == (content, kind)
        assert "content-disposition" not in given.headers


async def test_active_content_that_came_in_is_handed_out_inert(
    seeded: Path, tmp_path: Path
) -> None:
    """ATTACKS O03, the second ring: the boundary layer is off, the output layer is on."""
    shutil.copytree(seeded, tmp_path / "data")
    async with shop(tmp_path / "data", Layer.BOUNDARY) as site:
        for name, content, kind in images.ACTIVE:
            file = {"file": (name, content, kind)}
            kept = (await site.call("alice", "POST", "/uploads", files=file)).json()
            given = await site.call("alice", "GET", f"/uploads/{kept['id']}")
            assert given.headers["content-disposition"].startswith("attachment; ")
            assert given.headers["content-security-policy"].endswith("; sandbox")
            assert given.headers["x-content-type-options"] == "nosniff"


async def test_an_administrator_closes_no_account_but_their_own(site: Site) -> None:
    """The mission's own example, ATTACKS Z03: admin and (superadmin or oneself)."""
    bob = await site.subject("bob")
    for who in ("alice", "bob", "admin"):
        assert (await site.call(who, "DELETE", f"/users/{bob}")).status_code == 404
    assert (await site.call("bob", "GET", "/auth/me")).status_code == 200
    assert (await site.call("root", "DELETE", "/users/nobody")).status_code == 404


async def test_naked_anybody_closes_any_account(naked: Site) -> None:
    admin = await naked.subject("admin")
    assert (await naked.call("alice", "DELETE", f"/users/{admin}")).status_code == 204


async def test_a_superadministrator_closes_an_account_at_once(seeded: Path, tmp_path: Path) -> None:
    shutil.copytree(seeded, tmp_path / "data")
    async with shop(tmp_path / "data") as site:
        bob, admin = await site.subject("bob"), await site.subject("admin")
        assert (await site.call("root", "DELETE", f"/users/{bob}")).status_code == 204
        assert (await site.call("bob", "GET", "/orders")).status_code == 401
        assert (await site.call("admin", "DELETE", f"/users/{admin}")).status_code == 204
        assert (await site.call("admin", "GET", "/orders")).status_code == 401


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/", "/\\evil.example"])
async def test_a_redirect_stays_here(site: Site, target: str) -> None:
    """ATTACKS O07."""
    answer = await site.call("", "GET", "/go", params={"next": target})
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/"])
async def test_naked_a_redirect_goes_anywhere(naked: Site, target: str) -> None:
    answer = await naked.call("", "GET", "/go", params={"next": target})
    assert answer.headers["location"] == target


async def test_an_exception_says_nothing(site: Site) -> None:
    """ATTACKS O08."""
    answer = await site.call("", "GET", "/boom")
    assert answer.status_code == 500
    assert set(answer.json()) == {"type", "title", "status", "code", "request_id"}


async def test_naked_an_exception_says_everything(naked: Site) -> None:
    answer = await naked.call("", "GET", "/boom")
    assert "canary-database-password" in answer.text
