"""Many refusals together are an event of their own, through the whole stack (ATTACKS U02, Z01)."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from fastapi import FastAPI

from ringfence import allow, role, signed_in
from tests.attack.authz.guarded import Site, guarded

Attack: TypeAlias = Callable[[Site, int], Awaitable[object]]


def application() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/mine")
    @allow(signed_in)
    async def mine() -> str:
        return "mine"

    @app.get("/reports/{number}")
    @allow(role("admin"))
    async def report(number: int) -> str:
        return f"report {number}"

    return app


#: By what is reported: the attack, and how often it may be tried until then.
ATTACKS: dict[str, tuple[Attack, int]] = {
    "anomaly.unauthenticated": (lambda site, n: site.get("/mine"), 60),
    "anomaly.probing": (lambda site, n: site.get(f"/backup{n}.zip"), 60),
    "anomaly.enumeration": (
        lambda site, n: site.get(f"/reports/{n}", headers=site.bearer("eve")),
        30,
    ),
}


@pytest.mark.parametrize("anomaly", ATTACKS)
async def test_what_goes_on_is_reported_once(anomaly: str, tmp_path: Path) -> None:
    attack, most = ATTACKS[anomaly]
    async with guarded(application(), tmp_path) as site:
        for n in range(most - 1):
            await attack(site, n)
        assert anomaly not in logged(tmp_path)
        for n in range(most - 1, most + 5):
            await attack(site, n)
    assert logged(tmp_path).count(anomaly) == 1


@pytest.mark.parametrize("anomaly", ATTACKS)
async def test_with_monitoring_off_nobody_learns_of_it(anomaly: str, tmp_path: Path) -> None:
    attack, most = ATTACKS[anomaly]
    async with guarded(application(), tmp_path, off=["monitoring"]) as site:
        for n in range(most + 5):
            await attack(site, n)
    assert "anomaly" not in (tmp_path / "log").read_text()


async def test_somebody_who_works_is_never_reported(tmp_path: Path) -> None:
    async with guarded(application(), tmp_path) as site:
        for _ in range(100):
            assert (await site.get("/mine", headers=site.bearer("alice"))).status_code == 200
    assert "anomaly" not in (tmp_path / "log").read_text()


def logged(folder: Path) -> list[str]:
    return [json.loads(line)["code"] for line in (folder / "log").read_text().splitlines()]
