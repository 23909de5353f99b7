"""M01 through the whole stack: what a client sent does not stand in the log of a crash.

No name and no shape gives these values away, and no handler here asks a database.
"""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request

from ringfence import allow, public
from ringfence.core.codes import Layer
from ringfence.monitoring.redaction import Redactor
from tests.attack.authz.guarded import guarded

CANARY = "seven violet kettles"
ENCODED = "seven%20violet%20kettles"

#: Method, path and what is sent.
WAYS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a path": ("GET", f"/crash/{ENCODED}", {}),
    "a query": ("GET", f"/crash/1?q={ENCODED}", {}),
    "a body": ("POST", "/crash/1", {"json": {"note": CANARY}}),
    "a form": ("POST", "/crash/1", {"data": {"note": CANARY}}),
    "a header": ("GET", "/crash/1", {"headers": {"x-note": CANARY}}),
    "a cookie": ("GET", "/crash/1", {"headers": {"cookie": f"note={CANARY}"}}),
}


@allow(public)
async def crash(request: Request) -> None:
    """Repeat all of the request, as it came and as it is read."""
    sent = [str(request.url), *request.path_params.values(), *request.query_params.values()]
    sent += [*request.headers.values(), *request.cookies.values()]
    if request.method == "POST":
        is_json = "json" in request.headers["content-type"]
        sent += (await (request.json() if is_json else request.form())).values()
    raise RuntimeError(" | ".join(sent))


async def logged(folder: Path, *off: Layer, **options: Any) -> str:
    """The log after one request."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/crash/{x}", crash, methods=["GET", "POST"])
    async with guarded(app, folder, off=off) as site:
        answer = await site.client.request(**options)
        assert answer.status_code == 500
    return (folder / "log").read_text()


@pytest.mark.parametrize(("method", "url", "sent"), WAYS.values(), ids=WAYS)
async def test_what_came_by(tmp_path: Path, method: str, url: str, sent: dict[str, Any]) -> None:
    """ATTACKS M01, ASVS 16.2.5."""
    request = {"method": method, "url": url, **sent}
    for name in ("on", "off"):
        (tmp_path / name).mkdir()
    log = await logged(tmp_path / "on", **request)
    assert "server.error" in log
    assert CANARY not in log
    assert ENCODED not in log
    assert CANARY in await logged(tmp_path / "off", Layer.MONITORING, **request)


async def test_a_crash_that_repeats_a_whole_body_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ATTACKS H08: this took minutes of the event loop, on any route that crashes like this.

    What the patterns are given is counted: the first of them that is long is the body's words.
    """
    looked_at: list[int] = []
    text = Redactor.text

    def counting(self: Redactor, words: str, **more: Any) -> str:
        looked_at.append(len(words))
        return text(self, words, **more)

    monkeypatch.setattr(Redactor, "text", counting)
    note = "a.a- " * 160_000
    log = await logged(tmp_path, method="POST", url="/crash/1", json={"note": note})
    assert "server.error" in log
    assert 16_000 < max(looked_at) <= 16_384
