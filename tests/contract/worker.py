"""A worker process of its own, for the tests that need another one or kill it.

    python -m tests.contract.worker write URL PREFIX     writes until it is killed
    python -m tests.contract.worker fill URL             writes until the disk is full, and after
    python -m tests.contract.worker count URL            200 at once against a limit of 10
    python -m tests.contract.worker start URL            starts and says so

Each line that it prints is something the store has answered.
"""

import asyncio
import os
import resource
import sys
from itertools import count

from ringfence.authn.accounts import Account
from ringfence.authn.refresh import RefreshToken
from ringfence.core.errors import StoreError
from ringfence.storage import Stores
from tests.contract.stores import NOW, account, digest, opened, session, token
from tests.contract.test_counters import one_more

WRITERS = 16


def say(*words: object) -> None:
    # One system call, so that no kill can lose a line that was said.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def numbered(name: str) -> Account:
    return account(name, id=name)


async def write(stores: Stores, prefix: str) -> None:
    await asyncio.gather(*(_write(stores, f"{prefix}-{number}") for number in range(WRITERS)))


async def _write(stores: Stores, name: str) -> None:
    """An account, a session on it, and rotations without end."""
    assert await stores.accounts.create(numbered(name))
    say("account", name)
    old = token(f"{name}/0", family=name)
    assert await stores.sessions.begin(session(name, owner=name), old, 0) is not None
    for number in count(1):
        new = RefreshToken(
            digest=digest(f"{name}/{number}"), family=name, signed_in_at=NOW, issued_at=NOW
        )
        assert await stores.sessions.succeed(old, new, b"sealed")
        say("token", f"{name}/{number}")
        old = new


async def fill(stores: Stores) -> None:
    """Let no file grow beyond what it has grown to, as a full disk would; then make room."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, unlimited[1]))
    for number in count():
        try:
            await stores.accounts.create(numbered(f"before-{number}"))
        except StoreError as error:
            say("full", error.facts["reason"])
            break
        say("account", f"before-{number}")
    assert await stores.accounts.find("before-0") is not None  # reading goes on
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, unlimited[1]))  # no room for any write
    try:
        await stores.ping()
    except StoreError:
        say("unready")
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    await stores.accounts.create(numbered("after"))
    say("account", "after")
    await stores.ping()
    say("ready")


async def count_up(stores: Stores) -> None:
    passed = await asyncio.gather(
        *(stores.counters.update(["shared"], one_more()) for _ in range(200))
    )
    say("passed", sum(passed))


async def main(command: str, url: str, prefix: str = "") -> None:
    async with opened(url) as stores:
        say("started")
        if command == "write":
            await write(stores, prefix)
        elif command == "fill":
            await fill(stores)
        elif command == "count":
            await count_up(stores)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
