"""``dev.py`` on its own: what it remembers, what it says, what it costs."""

import importlib.util
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
COSTLY = {"argparse", "asyncio", "shutil", "ssl", "subprocess", "tempfile", "urllib.request"}


@pytest.fixture
def dev(tmp_path: Path) -> ModuleType:
    """A ``dev.py`` of its own in a checkout that holds nothing but what it is set up from."""
    (tmp_path / "demo").mkdir()
    for name in ("dev.py", "pyproject.toml", "demo/pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "requirements.lock").write_text("uv==1.0 \\\n    --hash=sha256:00\n")
    (tmp_path / "requirements-dev.lock").write_text("")
    (tmp_path / "requirements-bench.lock").write_text("")
    spec = importlib.util.spec_from_file_location("dev_of_its_own", tmp_path / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_way_to_the_demo_imports_nothing_costly() -> None:
    program = "import sys; import dev; print(*sys.modules)"
    command = [sys.executable, "-S", "-c", program]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    imported = set(run.stdout.split())
    assert "dev" in imported
    assert not COSTLY & imported


def test_every_command_is_in_the_usage_and_every_line_of_it_is_short(dev: ModuleType) -> None:
    assert all(f"\n  {command} " in dev.USAGE for command in dev.COMMANDS)
    assert all(len(line) <= 80 for line in dev.USAGE.splitlines())


@pytest.mark.parametrize("command", ["benches", "demoo", "--port"])
def test_an_unknown_command_is_answered_with_the_known_ones(
    dev: ModuleType, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main(command) == 2
    assert f"no command {command!r}" in capsys.readouterr().err


def test_what_is_set_up_from_the_same_sources_is_not_set_up_again(
    dev: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    dev.VENV.mkdir()
    dev.STAMP.write_text(f"{dev.fingerprint()} dev")
    dev.prepare("demo")
    dev.prepare("dev")
    assert capsys.readouterr().out == ""


def test_the_oldest_versions_are_not_set_up_again_either(
    dev: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    dev.OLDEST_LOCK.write_text("")
    dev.OLDEST.mkdir()
    (dev.OLDEST / dev.STAMP.name).write_text(dev.fingerprint(*dev.SOURCES, dev.OLDEST_LOCK))
    dev.prepare_oldest()
    assert capsys.readouterr().out == ""


def test_the_oldest_versions_are_tested_with_tests_that_exist(dev: ModuleType) -> None:
    assert all((ROOT / test.partition("::")[0]).exists() for test in dev.OLDEST_TESTS)


@pytest.mark.parametrize(
    "source",
    [
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-bench.lock",
        "pyproject.toml",
    ],
)
def test_a_change_of_any_source_asks_for_a_new_set_up(dev: ModuleType, source: str) -> None:
    before = dev.fingerprint()
    with (dev.ROOT / source).open("a") as changed:
        changed.write("\n")
    assert dev.fingerprint() != before


def test_a_checkout_that_was_moved_asks_for_a_new_set_up(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dev.fingerprint()
    monkeypatch.setattr(dev, "ROOT", dev.ROOT / "elsewhere")
    assert dev.fingerprint() != before


def test_a_step_that_fails_shows_what_the_program_said(
    dev: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(dev.Failed, match=r"the reason(?s:.*)what to do"):
        dev.step("a step", sys.executable, "-c", "exit('the reason')", hint="what to do")
    assert "✗ a step" in capsys.readouterr().out


def test_a_step_that_works_says_so_in_one_line(
    dev: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    dev.step("a step", sys.executable, "-c", "print('noise')")
    assert capsys.readouterr().out.startswith("  ✓ a step")


def test_the_last_line_of_a_watched_step_is_shown_and_its_errors_at_once(
    dev: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    program = "import sys; print('noise'); print('12 passed'); print('half-way', file=sys.stderr)"
    dev.step("tests", sys.executable, "-c", program, watched=True)
    said = capfd.readouterr()
    assert said.out.startswith("  ✓ tests")
    assert said.out.endswith("  12 passed\n")
    assert said.err == "half-way\n"


def test_what_runs_side_by_side_runs_to_its_end_and_all_that_failed_is_said(
    dev: ModuleType,
) -> None:
    both, ended = threading.Barrier(2, timeout=30), list[str]()

    def fails(why: str) -> None:
        both.wait()  # nobody comes further alone
        ended.append(why)
        raise dev.Failed(why)

    with pytest.raises(dev.Failed, match="no tea\n\nno cups"):
        dev.side_by_side(lambda: fails("no tea"), lambda: fails("no cups"))
    assert sorted(ended) == ["no cups", "no tea"]


def test_the_installer_is_taken_from_the_lock_with_its_hashes(dev: ModuleType) -> None:
    assert dev.pins(dev.LOCK) == ["uv==1.0 \\\n    --hash=sha256:00\n"]
