"""Honest use leaves out no route: what nobody tries might be refused to everybody."""

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ringfence.attack.client import Client
from ringfence.attack.configuration import NONE
from ringfence.attack.ground import Ground
from ringfence.attack.honest import check_all
from ringfence.attack.outside import outside
from ringfence.attack.target import Start
from ringfence_demo.target import TARGET

pytestmark = pytest.mark.proof(5)

#: Setting up the factor that a role must have: none must in the shop. Unit tests use them.
WHERE_A_ROLE_ASKS = [("POST", "/auth/mfa/totp"), ("POST", "/auth/mfa/totp/confirm")]

LOCK = Path(__file__).parents[3] / "demo/boundaries.lock"


def routes() -> list[tuple[str, str]]:
    """Method and path of each route that was agreed on. A HEAD is answered by its GET's handler."""
    lines = [line.split()[:2] for line in LOCK.read_text().splitlines()[1:] if line]
    return [
        (method.replace("ANY", "GET"), path)
        for method, path in lines
        if method != "HEAD" and path.startswith("/")  # the others are of the database's rows
    ]


def leads_to(pattern: str, path: str) -> bool:
    whole = re.sub(r"\{\w+:path\}", ".+", pattern)
    wanted = re.sub(r"\{\w+\}", "[^/]+", whole).replace("…", ".+")
    return re.fullmatch(wanted, path) is not None


async def test_the_honest_checks_use_every_route_and_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[tuple[str, str]] = set()
    send = Client.send

    async def noting(client: Client, method: str, target: str, **rest: Any) -> Any:
        sent = await send(client, method, target, **rest)
        if sent.answer.ok or sent.answer.status in {307, 500}:  # /go and /boom work that way
            used.add((method, target.partition("?")[0]))
        return sent

    monkeypatch.setattr(Client, "send", noting)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o711)  # noqa: ASYNC240  # shops run as somebody else where we are root
        async with outside() as around:
            start = Start(configuration=NONE, place=place, database="sqlite", around=around)
            async with TARGET.running(start) as site:
                found = await check_all(TARGET, Ground(site, 10))
    assert found.failures == ()
    assert found.passed >= 40
    unused = [
        (method, path)
        for method, path in routes()
        if not any(method == m and leads_to(path, p) for m, p in used)
    ]
    assert unused == WHERE_A_ROLE_ASKS
