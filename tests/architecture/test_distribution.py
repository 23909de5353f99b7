"""What is shipped: the library, typed, with its built web files, and none of the careless demo."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGE, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in the wheel, built offline."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", folder]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_is_typed(wheel: set[str]) -> None:
    assert "ringfence/py.typed" in wheel


def test_the_wheel_holds_every_committed_file_of_the_package(wheel: set[str]) -> None:
    committed = {
        str(Path("ringfence") / file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert committed <= wheel
    assert any(name.startswith("ringfence/service/static/") for name in wheel)


def test_the_wheel_holds_nothing_of_the_demo(wheel: set[str]) -> None:
    """The demo is careless on purpose: it never ships with the library (API.md)."""
    assert not {name for name in wheel if "demo" in name and not name.startswith("ringfence/cli/")}
