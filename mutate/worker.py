"""Runs chosen tests in a copy of the tree, as often as it is asked: one fork for each run.

What does not change is imported once, so that a run of a few tests takes about a second. The
library is not among it: each run imports its own, changed one.

Orders come in by lines of JSON, results go out the same way.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

#: Third-party modules that the tests import; costly, and the same for every run.
_COSTLY: Final = (
    "anyio.pytest_plugin", "asyncpg", "cryptography.x509", "fastapi", "fastapi.testclient",
    "httpx2", "hypothesis", "idna", "joserfc.jwk", "joserfc.jws", "msgspec", "nh3",
    "playwright.sync_api", "sqlalchemy.ext.asyncio", "starlette.testclient", "uvicorn",
)  # fmt: skip

#: How long a run may wait: a busy machine is no failure, so it is much more than what it may use
#: of the processor.
_WAITING: Final = 60.0
_WAITING_FACTOR: Final = 4.0

#: What pytest says where a test failed, and where there was none to run.
FAILED: Final = 1
NONE_RUN: Final = 5


class Chosen:
    """Keeps the chosen tests, in the order of the choice, and notes which of them failed first."""

    def __init__(self, names: list[str], without: list[str]) -> None:
        self._order: Final = {name: at for at, name in enumerate(names)}
        self._without: Final = set(without)
        self.failed = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort and select."""
        places = [(self._place(item.nodeid), item) for item in items]
        found = [(place, item) for place, item in places if place is not None]
        items[:] = [item for _, item in sorted(found, key=lambda one: one[0])]

    def _place(self, name: str) -> int | None:
        """Where in the order it stands: by its name, the one without parameters, its file's."""
        if name in self._without:
            return None
        known = (name, name.partition("[")[0], name.partition("::")[0])
        return next((self._order[each] for each in known if each in self._order), None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the name of what failed first."""
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported any more has noticed as well."""
        if report.failed and not self.failed:
            self.failed = report.nodeid


def main() -> None:
    """Serve until standard input ends."""
    for name in _COSTLY:
        import_module(name)
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)


def _run(order: dict[str, Any]) -> dict[str, Any]:
    result = Path(order["result"])
    result.unlink(missing_ok=True)
    process = os.fork()
    if process == 0:
        _child(order, result)
    ended = _ended(process, time.monotonic() + _WAITING + _WAITING_FACTOR * order["seconds"])
    if ended is None:
        os.killpg(process, signal.SIGKILL)
        ended = os.wait4(process, 0)
    _, status, used = ended
    said: dict[str, Any] = json.loads(result.read_text()) if result.exists() else {}
    return {
        "code": said.get("code", FAILED),
        "failed": said.get("failed", ""),
        "endless": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU,
        "hung": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
        "took": used.ru_utime + used.ru_stime,
    }


def _child(order: dict[str, Any], result: Path) -> None:
    """Run the tests and never return."""
    code, failed = FAILED, ""
    try:
        os.setsid()
        allowed = max(1, round(order["seconds"]))
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, allowed + 5))
        quiet = os.open(os.devnull, os.O_RDWR)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(quiet, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        chosen = Chosen(order["tests"], order["without"])
        files = sorted({name.partition("::")[0] for name in order["tests"]})
        options = ["-x", "-q", "--no-header", "-p", "no:randomly", "-p", "no:cacheprovider"]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # imported by the worker
        code = int(pytest.main([*options, *files], plugins=[chosen]))
        failed = chosen.failed
    except BaseException:  # noqa: BLE001  # the child must not go on as the worker
        traceback.print_exc()
    finally:
        result.write_text(json.dumps({"code": code, "failed": failed}))
        os._exit(0)


def _ended(process: int, deadline: float) -> tuple[int, int, resource.struct_rusage] | None:
    pause = 0.01
    while time.monotonic() < deadline:
        ended = os.wait4(process, os.WNOHANG)
        if ended[0]:
            return ended
        time.sleep(pause)
        pause = min(pause * 1.2, 0.2)
    return None


if __name__ == "__main__":
    main()
