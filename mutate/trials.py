"""Deletes one control after the other, and finds out who notices."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mutate.controls import area
from mutate.copy import Copy
from mutate.selection import Record, by_name
from mutate.source import Mutant, Source
from mutate.state import Result, State
from mutate.worker import NONE_RUN

#: A run may take so many times what it takes without the change, and so many seconds more.
_PATIENCE: Final = 6.0
_PATIENCE_SECONDS: Final = 30.0

#: All that is tried for one control, at most; tests that start programs can take minutes.
MOST_SECONDS: Final = 240.0

#: What stands in the place of a test: it ran beyond all measure, or could not be imported.
ENDLESS: Final = "(endless)"
NO_IMPORT: Final = "(no import)"

#: It passes where nothing is changed, or the copy cannot run tests at all.
CONTROL: Final = "tests/unit/core/test_secret.py::test_it_is_not_pickled"

#: The tests that may notice. Not among them: the ablation, which ``--attacks`` runs itself, and
#: what takes a browser, peers or the docs to notice.
TESTS: Final = ("tests/unit", "tests/service", "tests/contract", "tests/attack")
_NOT: Final = ("tests/attack/ablation",)

Told = Callable[[str], None]


class Runner:
    """One copy of the tree, and a worker that runs its tests."""

    def __init__(self, folder: Path) -> None:
        self.copy: Final = Copy(folder / "tree")
        self._folder: Final = folder
        self._sound: Final[dict[str, bool]] = {}
        self._worker = self._start()
        said = self.tests([CONTROL], _PATIENCE_SECONDS)
        if said["code"] != 0:
            raise RuntimeError(f"without any change, {CONTROL} fails: {self._log()}")

    def _start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "mutate.worker"],
            cwd=self.copy.folder,
            env=self.copy.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tests(self, names: Sequence[str], seconds: float) -> dict[str, Any]:
        """Run these tests, until one fails or ``seconds`` of the processor are used.

        A record may name files that are gone since.
        """
        there = [n for n in names if (self.copy.folder / n.partition("::")[0]).is_file()]
        if not there:
            return {"code": NONE_RUN, "hung": False, "took": 0.0}
        order = {
            "tests": there,
            "without": [name for name, passes in self._sound.items() if not passes],
            "seconds": seconds,
            "result": str(self._folder / "result.json"),
            "log": str(self._folder / "log.txt"),
        }
        if self._worker.stdin is None or self._worker.stdout is None:
            raise RuntimeError("the worker has no pipes")
        self._worker.stdin.write(json.dumps(order) + "\n")
        self._worker.stdin.flush()
        said = self._worker.stdout.readline()
        if not said:
            raise RuntimeError("the worker has ended")
        return json.loads(said)

    def is_sound(self, test: str) -> bool:
        """Whether this test passes where nothing is changed. One that does not notices nothing."""
        if "::" not in test:
            return True
        if test not in self._sound:
            self.copy.restore()
            self._sound[test] = self.tests([test], MOST_SECONDS)["code"] == 0
        return self._sound[test]

    def _log(self) -> str:
        file = self._folder / "log.txt"
        return file.read_text() if file.exists() else "nothing was said"

    def attack(self, attacks: Iterable[str]) -> str:
        """Run these attacks with nothing off; the first that gets through, or ""."""
        program = "import sys; from ringfence.cli import main; sys.exit(main(sys.argv[1:]))"
        words = ["attack", "--demo", "--only", ",".join(attacks), "--json"]
        run = subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=self._folder,
            env=self.copy.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return _through(run.stdout)

    def close(self) -> None:
        """End the worker."""
        with self._worker:  # it ends with its standard input
            pass


def _through(said: str) -> str:
    """The attacks that got through with nothing off, of a report in JSON."""
    try:
        report: dict[str, Any] = json.loads(said)
    except ValueError:
        return ""
    return ",".join(
        attack["id"]
        for attack in report["attacks"]
        if attack["runs"]["none"]["outcome"] == "succeeded"
    )


@dataclass(frozen=True, kw_only=True)
class Trials:
    """What is to be tried, and with what."""

    mutants: Sequence[Mutant]
    state: State
    #: None: the test that noticed last time, then those that are named alike; what they do not
    #: notice stays untried.
    record: Record | None
    known: Mapping[str, str]
    attacks: bool = False
    jobs: int = 2
    seconds: float = MOST_SECONDS  # for one control
    told: Told = lambda _: None

    def run(self) -> None:
        """Try everything that is not known yet."""
        waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
        for mutant in self.mutants:
            waiting.put(mutant)
        failed: list[BaseException] = []
        with tempfile.TemporaryDirectory(prefix="ringfence-mutate-") as folder:
            Path(folder).chmod(0o711)  # databases run as somebody else where we are root
            threads = [
                threading.Thread(target=self._work, args=(Path(folder) / str(n), waiting, failed))
                for n in range(self.jobs)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if failed:
            raise failed[0]

    def _work(
        self, folder: Path, waiting: "queue.SimpleQueue[Mutant]", failed: list[BaseException]
    ) -> None:
        runner: Runner | None = None
        try:
            folder.mkdir(mode=0o711)
            runner = Runner(folder)
            while not failed:
                try:
                    mutant = waiting.get_nowait()
                except queue.Empty:
                    break
                result = self._tried(runner, mutant)
                if result.noticed or ((self.record is not None or self.known) and not result.hung):
                    self.state.put(mutant.name, result)
                self.told(_line(mutant, result))
        except BaseException as error:  # noqa: BLE001  # told to whoever waits for the threads
            failed.append(error)
        finally:
            if runner is not None:
                runner.close()

    def _tried(self, runner: Runner, mutant: Mutant) -> Result:
        began = time.monotonic()
        source = Source(mutant.module, runner.copy.folder)
        runner.copy.change(mutant)
        try:
            result = self._test(runner, mutant, source)
            while result.test and not runner.is_sound(result.test):
                runner.copy.change(mutant)
                result = self._test(runner, mutant, source)
            if self.attacks:
                runner.copy.change(mutant)
                where = area(mutant.module)
                through = runner.attack(where.attacks) if where and where.attacks else None
                result = replace(result, attack=through)
        finally:
            runner.copy.restore()
        return replace(result, source=source.digest, seconds=round(time.monotonic() - began, 2))

    def _test(self, runner: Runner, mutant: Mutant, source: Source) -> Result:
        before = self.state.results.get(mutant.name)
        for test in dict.fromkeys(
            filter(None, [self.known.get(mutant.name), before and before.test])
        ):
            found = _noticed(runner.tests([test], _PATIENCE_SECONDS))
            if found is not None:
                return found
        if self.record is None:
            files = by_name(mutant)
            found = _noticed(runner.tests(files, self.seconds)) if files else None
            return found or Result()
        left = self.seconds
        for tests, usually in self.record.rounds(mutant, source):
            patience = min(left, _PATIENCE * usually + _PATIENCE_SECONDS)
            said = runner.tests(tests, patience)
            found = _noticed(said)
            if found is not None and not (found.test == ENDLESS and patience == left):
                return found
            left -= said["took"]
            if left <= 0:
                break
        return Result()


def _noticed(said: Mapping[str, Any]) -> Result | None:
    """Who noticed, or None. What waits for ever has not decided anything."""
    if said["hung"]:
        return Result(hung=True)
    if said["code"] in {0, NONE_RUN}:
        return None
    if said["failed"]:
        return Result(test=said["failed"])
    return Result(test=ENDLESS if said["endless"] else NO_IMPORT)


def _line(mutant: Mutant, result: Result) -> str:
    by = result.attack or result.test or ("(waits for ever)" if result.hung else "NOBODY")
    return f"{result.seconds:6.1f} s  {mutant.name}  <- {by}"


def recorded(folder: Path) -> dict[str, Any]:
    """Run all tests once in a copy, and note which runs which line."""
    with tempfile.TemporaryDirectory(prefix="ringfence-mutate-") as made:
        Path(made).chmod(0o711)
        copy = Copy(Path(made) / "tree")
        file = Path(made) / "record.json"
        options = ["-q", "-p", "mutate.record", "-p", "no:randomly", "-p", "no:cacheprovider"]
        options += [f"--ignore={folder}" for folder in _NOT]
        with (folder / "record.log").open("w") as log:
            subprocess.run(
                [sys.executable, "-m", "pytest", *options, *TESTS],
                cwd=copy.folder,
                env=copy.environment | {"MUTATE_RECORD": str(file)},
                stdout=log,
                stderr=log,
                check=False,
            )
        return json.loads(file.read_text())


def cores() -> int:
    """How many trials at a time."""
    return max(1, len(os.sched_getaffinity(0)))
