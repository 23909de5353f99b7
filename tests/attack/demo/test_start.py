"""``ringfence demo`` as a person starts and stops it, its twin, and what happens to it."""

import contextlib
import email
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from email import policy
from pathlib import Path
from typing import Any

import httpx2
import pytest

import ringfence
import ringfence_demo
from ringfence.attack.second_factor import code
from ringfence.authz.boundaries import rows
from ringfence_demo.data import DataFolder
from ringfence_demo.guarded import app
from ringfence_demo.seed import PASSWORD

COMMAND = (sys.executable, "-m", "ringfence_demo", "--port", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    process: subprocess.Popen[str]
    printed: str

    @property
    def address(self) -> str:
        (found,) = re.findall(r"^  (http://127\.0\.0\.1:\d+)$", self.printed, re.MULTILINE)
        return str(found)

    @property
    def naked(self) -> str:
        (found,) = re.findall(r"^naked (\S+)$", self.printed, re.MULTILINE)
        return str(found)


@contextlib.contextmanager
def started(data: Path, *options: str, **environment: str) -> Generator[Running]:
    """The demo, once it has said that it is ready."""
    process = subprocess.Popen(
        [*COMMAND, "--data", data, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line == "ready\n":
                break
        printed = "".join(lines)
        assert lines[-1:] == ["ready\n"], printed
        yield Running(process=process, printed=printed)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def gone(address: str) -> bool:
    """Whether nothing listens there any more, within five seconds."""
    port = int(address.rsplit(":", 1)[1].partition("/")[0])
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) != 0:
                return True
        time.sleep(0.05)
    return False


def ended(process: subprocess.Popen[str], number: int) -> int:
    process.send_signal(number)
    return process.wait(10)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a demo that has been started once."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    with started(folder):
        pass
    return folder


def test_a_stranger_reads_where_it_is_and_who_may_sign_in(data: Path) -> None:
    with started(data) as demo:
        assert PASSWORD in demo.printed
        assert "alice@example.com" in demo.printed
        login = {"login": "alice@example.com", "password": PASSWORD}
        headers = {"Origin": demo.address}
        with httpx2.Client(base_url=demo.address) as client:
            assert "text/html" in client.get("/").headers["content-type"]
            token = client.post("/auth/sign-in", json=login, headers=headers).json()
            orders = client.get(
                "/orders", headers={"Authorization": f"Bearer {token['access_token']}"}
            )
        assert [order["id"] for order in orders.json()["items"]] == [1, 2]
        assert "server" not in orders.headers


def test_the_second_start_takes_two_seconds_of_processor_at_most(data: Path) -> None:
    """Ready in under three seconds on a machine with nothing else to do."""
    with started(data) as demo:
        user, system = Path(f"/proc/{demo.process.pid}/stat").read_text().split()[13:15]
        assert (int(user) + int(system)) / os.sysconf("SC_CLK_TCK") < 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_cleanly(data: Path, number: int) -> None:
    with started(data) as demo:
        assert ended(demo.process, number) == 0
        assert demo.process.stdout is not None
        assert "Traceback" not in demo.process.stdout.read()


def test_impatience_cuts_nothing_short(data: Path) -> None:
    """A second Ctrl-C, while the server is on its way out, changes nothing."""
    with started(data) as demo:
        demo.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            demo.process.wait(0.02)
        demo.process.send_signal(signal.SIGINT)
        demo.process.wait(10)
        assert demo.process.stdout is not None
        assert "uvicorn/lifespan" not in demo.process.stdout.read()


def test_no_amount_of_impatience_prints_a_traceback(data: Path) -> None:
    """Issue 9: the last Ctrl-C may come when the interpreter is already on its way out."""
    with started(data) as demo:
        while demo.process.poll() is None:
            demo.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                demo.process.wait(0.002)
        assert demo.process.returncode == 0
        assert demo.process.stdout is not None
        assert "Traceback" not in demo.process.stdout.read()


def test_what_it_keeps_is_for_its_user_alone(data: Path) -> None:
    assert data.stat().st_mode & 0o077 == 0
    assert (data / "keys").stat().st_mode & 0o077 == 0
    assert (data / "shop.sqlite").stat().st_mode & 0o077 == 0


def test_a_database_in_a_folder_that_is_open_to_others_is_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = DataFolder(tmp_path)
    folder.make()
    folder.make_database()
    with sqlite3.connect(folder.shop) as connection:
        connection.executescript(
            "PRAGMA journal_mode=WAL; CREATE TABLE t (a); INSERT INTO t DEFAULT VALUES"
        )
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("shop.sqlite*")}
    connection.close()
    assert modes == dict.fromkeys(("shop.sqlite", "shop.sqlite-wal", "shop.sqlite-shm"), 0o600)


def refused(options: Sequence[str | Path], **environment: str) -> str:
    done = subprocess.run(
        [*COMMAND, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={**os.environ, **environment},
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_that_is_taken_is_said_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(["--data", tmp_path / "data", "--port", port])
    assert f"Cannot listen on 127.0.0.1 port {port}: address already in use" in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "shop.example"])  # noqa: S104  # what is refused
def test_it_listens_on_one_address_of_this_machine(tmp_path: Path, host: str) -> None:
    assert "--host" in refused(["--data", tmp_path / "data", "--host", host])


def test_a_setting_that_is_unknown_stops_the_start(tmp_path: Path) -> None:
    said = refused(["--data", tmp_path / "data"], RINGFENCE_LOGS="boundary")
    assert said == "RINGFENCE_LOGS is not known; RINGFENCE_LOG is\n"


def test_a_layer_that_there_is_not_stops_the_start(tmp_path: Path) -> None:
    command = [*COMMAND, "--data", tmp_path / "data", "--off", "boundry"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2
    assert "layers are network, gateway, boundary" in done.stderr


def test_a_folder_of_a_shop_that_had_other_tables_is_said_in_words(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "seeded").touch()  # as the first versions left it
    assert "is of another version of the shop" in refused(["--data", data, "--port", "0"])


def test_the_seeded_accounts_never_go_into_another_database(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with started(tmp_path / "data", RINGFENCE_DATABASE=f"sqlite:///{other}"):
        pass
    assert not other.exists()


@pytest.mark.slow
def test_the_naked_twin_is_apart_and_the_same_code(data: Path) -> None:
    union = {"q": "' UNION SELECT id, item, note, total FROM orders--"}
    with started(data, "--naked") as demo:
        assert demo.naked.startswith("http://localhost:")
        found = httpx2.get(f"{demo.naked}products", params=union)
        assert "canary-bob" in found.text
        assert httpx2.get(f"{demo.address}/products", params=union).status_code == 400
        bare, _, secret = demo.naked.rstrip("/").rpartition("/")
        assert len(secret) == 32
        for path in ("/", "/products", f"/{'0' * 32}/products", f"/{secret}x/products"):
            outside = httpx2.get(bare + path)
            assert (outside.status_code, outside.content) == (404, b"")


@pytest.mark.slow
def test_the_twin_ends_with_its_parent_and_its_path_is_drawn_anew(data: Path) -> None:
    paths: set[str] = set()
    for number in (signal.SIGINT, signal.SIGKILL):
        with started(data, "--naked") as demo:
            ended(demo.process, number)
            assert gone(demo.naked)
            assert gone(demo.address)
            paths.add(demo.naked.rsplit("/", 2)[1])
    assert len(paths) == 2


class Walk:
    """Calls the twin's routes, and remembers which."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client
        self.walked: set[tuple[str, str]] = set()

    def __call__(
        self, status: int, method: str, route: str, *places: object, **more: Any
    ) -> httpx2.Response:
        left = iter(places)
        path = re.sub(r"\{[\w:]+\}|…", lambda _: str(next(left)), route).removeprefix("/")
        answer = self.client.request("GET" if method == "ANY" else method, path, **more)
        assert answer.status_code == status, answer.text
        self.walked.add((method, route))
        return answer


def token_mailed_to(login: str, mail: Path) -> str:
    """What the link holds that comes to ``login``, within ten seconds."""
    for _ in range(200):
        for file in mail.glob("*.eml"):
            letter = email.message_from_bytes(file.read_bytes(), policy=policy.default)
            found = re.search(r"#token=(\S+)", letter.get_content())
            if letter["to"] == login and found:
                return found[1]
        time.sleep(0.05)
    raise AssertionError(f"no letter to {login}")


def walk_the_accounts(walk: Walk, mail: Path) -> None:
    """The routes of Ringfence itself; alice is signed in at the end."""
    for page in ("sign-in", "sign-up", "verify-email", "forgot", "reset", "account", "config"):
        walk(200, "GET", f"/auth/{page}")
    for path in ("/healthz", "/readyz", "/.well-known/jwks.json"):
        walk(200, "GET", path)
    walk(200, "GET", "/auth/static/{name}", "auth.js")
    walk(200, "POST", "/auth/prelogin", json={"login": "alice@example.com"})
    walk(202, "POST", "/auth/sign-up", json={"login": "new@exämple.com"})
    walk(202, "POST", "/auth/sign-up", json={"login": "new@example.com"})
    chosen = {"token": token_mailed_to("new@example.com", mail), "password": PASSWORD + " new"}
    walk(200, "POST", "/auth/verify-email", json=chosen)
    walk(202, "POST", "/auth/password/forgot", json={"login": "bob@example.com"})
    chosen = {"token": token_mailed_to("bob@example.com", mail), "password": PASSWORD + " bob"}
    walk(204, "POST", "/auth/password/reset", json=chosen)
    alice = {"login": "alice@example.com", "password": PASSWORD}
    cookie = walk(200, "POST", "/auth/sign-in", json=alice).headers["set-cookie"]
    walk(200, "POST", "/auth/refresh", headers={"Cookie": cookie.partition(";")[0]})
    walk(204, "POST", "/auth/sign-out", headers={"Cookie": cookie.partition(";")[0]})
    sign_in = walk(200, "POST", "/auth/sign-in", json=alice)
    walk.client.headers["Authorization"] = f"Bearer {sign_in.json()['access_token']}"
    walk(200, "GET", "/auth/me")
    (session,) = walk(200, "GET", "/auth/sessions").json()["items"]
    change = {"current": PASSWORD, "new": PASSWORD + " changed"}
    changed = walk(200, "POST", "/auth/password/change", json=change).json()
    walk.client.headers["Authorization"] = f"Bearer {changed['access_token']}"
    walk(404, "DELETE", "/auth/sessions/{id}", session["id"] + "0")
    walk_the_factors(walk, alice | {"password": PASSWORD + " changed"})


def walk_the_factors(walk: Walk, alice: dict[str, str]) -> None:
    """An app is set up, used and removed; of passkeys, what needs no authenticator."""
    setup = walk(200, "POST", "/auth/factors/totp").json()
    confirm = {"ticket": setup["ticket"], "code": code(setup["secret"], time.time())}
    given = walk(200, "POST", "/auth/factors/totp/confirm", json=confirm).json()
    walk.client.headers["Authorization"] = f"Bearer {given['access_token']}"
    walk(200, "GET", "/auth/factors")
    codes = walk(200, "POST", "/auth/factors/recovery-codes").json()["recovery_codes"]
    ticket = walk(200, "POST", "/auth/sign-in", json=alice).json()["ticket"]
    walk(200, "POST", "/auth/mfa/passkey", json={"ticket": ticket})
    walk(200, "POST", "/auth/mfa", json={"ticket": ticket, "recovery_code": codes[0]})
    walk(401, "POST", "/auth/mfa/totp", json={"ticket": ticket})
    walk(401, "POST", "/auth/mfa/totp/confirm", json={"ticket": ticket, "code": "000000"})
    for path in (
        "/auth/step-up/passkey",
        "/auth/factors/passkeys/options",
        "/auth/passkey/options",
    ):
        walk(200, "POST", path)
    walk(401, "POST", "/auth/factors/passkeys", json={"credential": {}, "name": "phone"})
    walk(401, "POST", "/auth/passkey", json={"credential": {}})
    walk(404, "PATCH", "/auth/factors/{id}", "phone", json={"name": "phone"})
    stepped = walk(200, "POST", "/auth/step-up", json={"recovery_code": codes[1]}).json()
    walk.client.headers["Authorization"] = f"Bearer {stepped['access_token']}"
    walk(204, "DELETE", "/auth/factors/{id}", "totp")


def walk_the_shop(walk: Walk, guarded: str) -> None:
    """The shop's own routes, as alice."""
    for path in ("/", "/products", "/posts", "/orders"):
        walk(200, "GET", path)
    walk(200, "ANY", "/static/…", "shop.js")
    walk(201, "POST", "/orders", json={"item": "Honey jar"})
    walk(200, "GET", "/orders/{order_id}", "3")
    walk(200, "GET", "/orders/{order_id}/invoice", "3")
    walk(200, "GET", "/orders/{order_id}/files/{name:path}", "3", "invoice.txt")
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"):
        walk(200, "PUT", "/orders/{order_id}", "3", content='{"note":"x"}'.encode(encoding))
    walk(204, "DELETE", "/orders/{order_id}", "3")
    mine = walk(201, "POST", "/orders", json={"item": "Honey jar"}).json()["id"]
    walk(204, "PUT", "/orders/{order_id}/owner", mine, json={"user_id": "bob"})
    walk(404, "PUT", "/users/{user_id}/roles", "nobody", json={"roles": ["user"]})
    walk(201, "POST", "/posts", json={"title": "a", "body": "b"})
    walk(200, "GET", "/posts/{post_id}", "1")
    assert "canary-alice-body" in walk(200, "GET", "/posts/{post_id}/view", "1").text
    photo = walk(200, "POST", "/tools/thumbnail", json={"filename": "green-tea.png"})
    assert photo.json()["thumbnail"].startswith("data:image/png;base64,iVBOR")
    page = walk(200, "POST", "/tools/fetch", json={"url": guarded})
    assert "<!doctype html>" in page.json()["text"]
    for nowhere in ("https://[::1]:1/", "http://exämple.invalid/"):
        failed = walk(500, "POST", "/tools/fetch", json={"url": nowhere})
        assert "httpx2.ConnectError" in failed.text
    svg = {"file": ("a.svg", b"<svg/>" * 200_000, "image/svg+xml")}  # more than memory takes
    upload = walk(201, "POST", "/uploads", files=svg).json()
    assert upload in walk(200, "GET", "/uploads").json()["items"]
    kept = walk(200, "GET", "/uploads/{upload_id}", upload["id"])
    assert kept.content == svg["file"][1]
    western = {"Content-Type": "multipart/form-data; boundary=b; charset=cp1252"}
    named = b'Content-Disposition: form-data; name="file"; filename="\xe9"'
    form = b"--b\r\n" + named + b"\r\n\r\nx\r\n--b--\r\n"
    walk(201, "POST", "/uploads", content=form, headers=western)
    walk(404, "DELETE", "/users/{user_id}", "nobody")
    walk(307, "GET", "/go")
    walk(500, "GET", "/boom")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A checkout that is ours alone, and tells what is imported by whoever was root before."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    for package in (ringfence, ringfence_demo):
        source = Path(package.__file__ or "").parent
        shutil.copytree(source, folder / source.name)
    (folder / "sitecustomize.py").write_text(TELLING)
    return folder


#: The checkout is private here, Python's own folder and the libraries' may be as well.
TELLING = """\
import os
import sys


class Telling:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if os.geteuid() != 0:
            os.write(2, f"imported too late: {name}\\n".encode())


if os.geteuid() == 0:
    sys.meta_path.insert(0, Telling)
"""


def twin_of(demo: Running) -> str:
    """The twin's process."""
    children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children")
    (twin,) = children.read_text().split()
    return twin


@pytest.mark.slow
def test_the_twin_does_all_that_the_shop_does(data: Path, private: Path) -> None:
    """Also as ``nobody``, who may enter neither the checkout nor the folder of a library."""
    with (
        started(data, "--naked", PYTHONPATH=str(private)) as demo,
        httpx2.Client(base_url=demo.naked) as client,
    ):
        walk = Walk(client)
        walk_the_accounts(walk, Path(f"/proc/{twin_of(demo)}/cwd/mail"))
        walk_the_shop(walk, demo.address)
        walk(204, "POST", "/auth/sign-out-everywhere")
        routes = rows(app.survey().entries)
        assert walk.walked == {(row.method, row.path) for row in routes if row.method != "HEAD"}
        assert ended(demo.process, signal.SIGINT) == 0
        assert demo.process.stdout is not None
        assert not demo.process.stdout.read()


@pytest.mark.slow
def test_a_twin_that_is_stopped_ends_without_a_word(data: Path) -> None:
    """Python ends while a thread of it reads the parent's pipe."""
    with started(data, "--naked") as demo:
        os.kill(int(twin_of(demo)), signal.SIGTERM)
        assert gone(demo.naked)
        assert ended(demo.process, signal.SIGINT) == 0
        assert demo.process.stdout is not None
        assert not demo.process.stdout.read()


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="whoever is not root stays who they are")
def test_the_twin_of_root_runs_as_nobody(data: Path) -> None:
    with started(data, "--naked") as demo:
        status = Path(f"/proc/{twin_of(demo)}/status").read_text()
        (users,) = re.findall(r"^Uid:\t(.*)$", status, re.MULTILINE)
        assert set(users.split()) == {"65534"}
        (groups,) = re.findall(r"^Groups:\t?(.*)$", status, re.MULTILINE)
        assert not groups.strip()


@pytest.mark.postgres
@pytest.mark.slow
def test_a_private_postgresql_comes_and_goes_with_the_demo(tmp_path: Path) -> None:
    with started(tmp_path / "data", "--database", "postgres", "--naked") as demo:
        for address in (demo.address + "/", demo.naked):
            found = httpx2.get(f"{address}products", params={"q": "tea"})
            assert [item["name"] for item in found.json()["items"]] == [
                "Green tea",
                "Violet teapot",
            ]
        said = {"login": "alice@example.com", "password": PASSWORD}
        origin = {"Origin": demo.address}
        token = httpx2.post(f"{demo.address}/auth/sign-in", json=said, headers=origin).json()
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        listed = httpx2.get(f"{demo.address}/orders", headers=bearer)
        assert "canary-alice" in listed.text
        assert "canary-bob" not in listed.text
        children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children")
        started_here = children.read_text().split()
        assert ended(demo.process, signal.SIGINT) == 0
        for child in started_here:
            assert not Path(f"/proc/{child}").exists()


@pytest.mark.postgres
@pytest.mark.slow
def test_postgresql_holds_where_the_sql_guard_and_the_routes_check_are_off(tmp_path: Path) -> None:
    """Alice reads her own orders only; the twin connects as the owner, and gives her Bob's.

    ATTACKS Z01, I01, I02; ASVS 8.2.2.
    """
    off = ("--off", "boundary,authz", "--naked")
    everything = "' UNION SELECT id, item, note, total FROM orders--"
    switch = "set_config('ringfence.identity', {}, true)"
    forged = f"' UNION SELECT id, item, note, total FROM orders, {switch}--"
    with started(tmp_path / "data", "--database", "postgres", *off) as demo:
        said = {"login": "alice@example.com", "password": PASSWORD}
        origin = {"Origin": demo.address}
        signed_in = httpx2.post(f"{demo.address}/auth/sign-in", json=said, headers=origin)
        token = signed_in.json()["access_token"]
        with httpx2.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30) as alice:

            def products(address: str, q: str) -> str:
                return alice.get(f"{address}/products", params={"q": q}).text

            assert "canary-alice" in products(demo.address, everything)
            twins = demo.naked.rstrip("/")
            for q in (everything, forged.format("'sbob'"), forged.format("repeat('0',64)||'e'")):
                assert "canary-bob" not in products(demo.address, q)
                assert "canary-bob" in products(twins, q)
            codes = {
                address: [alice.get(f"{address}/orders/{number}").status_code for number in (1, 3)]
                for address in (demo.address, twins)
            }
            assert codes == {demo.address: [200, 404], twins: [200, 200]}
        without = httpx2.get(f"{demo.address}/products", params={"q": everything}).text
        assert "canary" not in without
