"""A guarded application in this process, called without a server.

The request is what a browser's script sends: twelve headers, an access token among them. Time is
the CPU time of the process, so that whatever else the machine does counts as little as it can.
"""

import asyncio
import hmac
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from bench.contest import ASGIApp
from bench.known import open_known
from ringfence import Ringfence, Settings, limit
from ringfence.authn.accounts import Account
from ringfence.authn.tokens import AccessTokens
from ringfence.authz.resources import ResourceLoader
from ringfence.core.policy import Policy
from ringfence.core.settings import Environment
from ringfence.storage.keys import load_or_create

Message: TypeAlias = MutableMapping[str, Any]

HOST: Final = "bench.example"
#: Whose tokens are sent, and whose objects are asked for.
SUBJECT: Final = "somebody"

_HEADERS: Final = [
    (b"host", HOST.encode()),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"application/json"),
    (b"accept-language", b"en-GB,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"referer", f"http://{HOST}/orders".encode()),
    (b"connection", b"keep-alive"),
    (b"sec-fetch-dest", b"empty"),
    (b"sec-fetch-mode", b"cors"),
    (b"sec-fetch-site", b"same-origin"),
    (b"cache-control", b"no-cache"),
]
_KEY: Final = bytes(32)
_BODY: Final[Message] = {"type": "http.response.body", "body": b'{"id":17,"item":"Kettle"}'}
_ANSWERED: Final = [(b"content-type", b"application/json"), (b"content-length", b"25")]


async def bare(_scope: object, _receive: object, send: Any) -> None:  # noqa: ANN401  # an ASGI application
    """The application that is guarded, and what it is compared with."""
    await send({"type": "http.response.start", "status": 200, "headers": [*_ANSWERED]})
    await send(_BODY)


async def receive() -> Message:
    """No body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def drop(_message: Message) -> None:
    """Where answers go."""


def scope(token: str, path: str = "/orders/17") -> dict[str, Any]:
    """A new request, as uvicorn describes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "headers": [*_HEADERS, (b"authorization", b"Bearer " + token.encode())],
        "state": {},
    }


def settings(folder: Path, *, database: str) -> Settings:
    """As a small installation has them."""
    return Settings(
        environment=Environment.TEST,  # mail goes to a folder
        origin=f"http://{HOST}",
        database=database,
        keys=folder / "keys",
        mail=f"file:{folder}/mail",
        log=f"{folder}/log",
        log_level="INFO",  # as in production
        address_limit=limit("1000000/s"),  # one address asks for everybody
        account_limit=limit("1000000/s", by="account"),
    )


def token(settings: Settings) -> str:
    """An access token of ``SUBJECT``."""
    (issued,) = tokens(settings, [SUBJECT])
    return issued


def tokens(settings: Settings, subjects: Iterable[str]) -> Iterator[str]:
    """An access token for each subject, in a session of the same name."""
    now = datetime.now(UTC)
    issuer = AccessTokens(load_or_create(settings.keys), settings)
    for subject in subjects:
        account = Account(
            id=subject, login=f"{subject}@{HOST}", login_verified_at=now, created_at=now
        )
        yield issuer.issue(account, subject, now, aal=1, amr=("pwd",), authenticated_at=now)


@contextmanager
def guarded(
    runner: asyncio.Runner,
    settings: Settings,
    policies: Mapping[str, Policy],
    resources: Mapping[type, ResourceLoader] | None = None,
) -> Generator[Ringfence]:
    """``bare`` behind all layers, until the end of the block."""
    app = Ringfence(
        bare,
        settings=settings,
        policies=policies,
        resources=resources,
        stores=open_known(settings),
    )
    runner.run(app.start())
    try:
        yield app
    finally:
        runner.run(app.close())


async def microseconds(app: ASGIApp, requests: Iterable[dict[str, Any]]) -> float:
    """CPU time of one request, the making of its scope included."""
    done = 0
    started = time.process_time()
    for request in requests:
        await app(request, receive, drop)
        done += 1
    return (time.process_time() - started) / done * 1e6


def hmac_microseconds(repeats: int) -> float:
    """What an HMAC-SHA-256 of 32 bytes costs: how fast this machine is, as far as we need it."""
    started = time.process_time()
    for _ in range(repeats):
        hmac.digest(_KEY, _KEY, "sha256")
    return (time.process_time() - started) / repeats * 1e6
