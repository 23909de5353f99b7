"""``ringfence check`` on PostgreSQL: what the service's role must not be (ATTACKS U19, M02)."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import asyncpg  # pyright: ignore[reportMissingTypeStubs]  # it has none
import pytest

from ringfence.cli import main
from ringfence.core.errors import ConfigurationError
from ringfence.storage import open_stores
from ringfence.storage.migrations import HEAD
from tests.contract.server import Process, Server

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ENV": "test", "ORIGIN": "http://127.0.0.1:8000", "MAIL": "file:x"}.items():
        monkeypatch.setenv(f"RINGFENCE_{name}", value)


def problems(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    check: str = "database",
) -> list[str]:
    monkeypatch.setenv("RINGFENCE_DATABASE", url)
    monkeypatch.setenv("PATH", "")  # no git
    main(["check", "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    found = next(each["problems"] for each in checks if each["check"] == check)
    return [problem["text"] for problem in found]


def test_the_role_of_the_service_has_what_it_needs_and_nothing_more(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not problems(postgres.app_url, monkeypatch, capsys)


def test_the_owner_is_no_role_for_the_service(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = problems(postgres.owner_url, monkeypatch, capsys)
    assert "the role owns the tables" in found
    assert "the role may truncate tables" in found
    assert "the role may make tables" in found


def test_one_privilege_too_many_is_found(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres.execute("GRANT TRUNCATE ON ringfence.accounts TO ringfence_app")
    try:
        found = problems(postgres.app_url, monkeypatch, capsys)
    finally:
        postgres.execute("REVOKE TRUNCATE ON ringfence.accounts FROM ringfence_app")
    assert found == ["the role may truncate tables"]


def test_a_database_without_the_tables_is_told(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres.execute("REVOKE SELECT ON ringfence.alembic_version FROM ringfence_app")
    try:
        found = problems(postgres.app_url, monkeypatch, capsys)
    finally:
        postgres.execute("GRANT SELECT ON ringfence.alembic_version TO ringfence_app")
    assert found == ["its tables are missing; as their owner run: ringfence migrate"]


def test_a_revision_that_the_start_refuses_is_refused(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It said ok once, and the start did not."""
    postgres.execute("UPDATE ringfence.alembic_version SET version_num = '0000'")
    try:
        found = problems(postgres.app_url, monkeypatch, capsys)
        with pytest.raises(ConfigurationError) as refused:
            asyncio.run(_start(postgres.app_url))
    finally:
        postgres.execute(f"UPDATE ringfence.alembic_version SET version_num = '{HEAD}'")
    assert [f"RINGFENCE_DATABASE: {text}" for text in found] == [*refused.value.problems]


async def _start(url: str) -> None:
    stores = open_stores(url)
    await stores.start()
    await stores.close()


# ------------------------------------------------------------------------- default credentials


class Guarded(Process):
    """A server on a port that asks for passwords, until it is told to trust everybody."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self.port = port

    def initialise(self) -> None:
        super().initialise()
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"\nlisten_addresses = '127.0.0.1'\nport = {self.port}")

    def start(self) -> None:
        self._running = self._popen("postgres", "-D", self._data)
        where = ("-h", "127.0.0.1", "-p", str(self.port))
        deadline = time.monotonic() + 20
        while self._run("pg_isready", "-q", *where, check=False) != 0:
            if time.monotonic() > deadline:
                raise TimeoutError((self._folder / "log").read_text())

    def admit(self, method: str) -> None:
        """Ask everybody who comes by TCP for this; the socket stays open to the tests."""
        rules = f"local all all trust\nhost all all 127.0.0.1/32 {method}\n"
        (self._data / "pg_hba.conf").write_text(rules)
        self.execute("SELECT pg_reload_conf()")

    def execute(self, *statements: str) -> None:
        url = f"postgresql://postgres@/postgres?host={quote(str(self._folder), safe='')}"
        Server(f"{url}&port={self.port}", "").execute(*statements)

    def signs_in(self, role: str, password: str) -> bool:
        url = f"postgresql://{role}:{password}@127.0.0.1:{self.port}/postgres"
        try:
            Server(url, "").execute("SELECT 1")
        except asyncpg.InvalidPasswordError:
            return False
        return True


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with TemporaryDirectory(prefix="ringfence-postgres-") as name:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = Guarded(Path(name), port)
        process.initialise()
        try:
            process.start()
            process.admit("scram-sha-256")
            process.execute("CREATE ROLE shop LOGIN PASSWORD 'kettle-orbits-9'")
            yield process
        finally:
            process.stop()


@pytest.mark.parametrize("password", ["postgres", "mysecretpassword"])
def test_a_default_password_of_the_servers_superuser_is_found_and_never_said(
    guarded: Guarded,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    password: str,
) -> None:
    """ATTACKS U19: the application's own password is a good one."""
    guarded.execute(f"ALTER ROLE postgres PASSWORD '{password}'")
    assert guarded.signs_in("postgres", password)
    url = f"postgresql://shop:kettle-orbits-9@127.0.0.1:{guarded.port}/postgres"
    found = problems(url, monkeypatch, capsys, "credentials")
    assert found == ["the role postgres has a default password"]


def test_a_password_that_is_in_no_list_is_not_found(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    guarded.execute("ALTER ROLE postgres PASSWORD 'trellis-77-quince'")
    url = f"postgresql://shop:kettle-orbits-9@127.0.0.1:{guarded.port}/postgres"
    assert problems(url, monkeypatch, capsys, "credentials") == []
    guarded.execute("ALTER ROLE shop PASSWORD 'shop'")
    try:
        found = problems(url, monkeypatch, capsys, "credentials")
    finally:
        guarded.execute("ALTER ROLE shop PASSWORD 'kettle-orbits-9'")
    assert found == ["the role shop has a default password"]


def test_a_server_that_asks_nobody_is_found(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    guarded.execute("ALTER ROLE postgres PASSWORD 'trellis-77-quince'")
    guarded.admit("trust")
    url = f"postgresql://shop:kettle-orbits-9@127.0.0.1:{guarded.port}/postgres"
    try:
        found = problems(url, monkeypatch, capsys, "credentials")
    finally:
        guarded.admit("scram-sha-256")
    assert found == ["everybody signs in as postgres, with any password"]


def test_a_server_that_does_not_answer_is_not_said_to_have_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("RINGFENCE_DATABASE", f"postgresql://shop:x-long-one@127.0.0.1:{port}/shop")
    monkeypatch.setenv("PATH", "")
    main(["check", "--json"])
    (found,) = [
        each
        for each in json.loads(capsys.readouterr().out)["checks"]
        if each["check"] == "credentials"
    ]
    assert found["note"] == "default ones were not tried: the server does not answer"


def test_offline_no_server_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("PATH", "")
        monkeypatch.setenv("RINGFENCE_DATABASE", f"postgresql://s:x-long-one@127.0.0.1:{port}/s")
        monkeypatch.setenv("RINGFENCE_MAIL", f"smtps://s:x-long-one@127.0.0.1:{port}")
        main(["check", "--offline"])
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert "database     ok           not asked" in capsys.readouterr().out
