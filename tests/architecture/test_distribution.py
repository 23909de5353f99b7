"""What is shipped: the library, typed, with its built web files, and none of the careless demo."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGE, ROOT

#: What lets things through, and how code would ask whether its layer is on. None of it is needed
#: in the library: what is careless stands with the demo, and a layer that is off is another object.
CARELESS = {
    "a shell": r"shell=True|create_subprocess_shell|os\.system\(|os\.popen\(",
    "a header that names the caller": r"x-user-id|x-remote-user|x-forwarded-user",
    "a host that the client names": r"x-forwarded-host",
    "a traceback": r"traceback\.format_exc|traceback\.print_exc",
    "a redirect that is followed": r"follow_redirects=True",
    "a token that nobody verified": r"unverified",
    "a switch": r"layers_off|LAYERS_OFF|\bis_on\b|exchange\.off|\bex\.off\b|def seam\(",
    "a careless layer": r"class Careless|careless import|import careless",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of the wheel, built offline: names, and what those in Python say."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", folder]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return {
            name: archive.read(name).decode() if name.endswith(".py") else ""
            for name in archive.namelist()
        }


def test_the_wheel_is_typed(wheel: dict[str, str]) -> None:
    assert "ringfence/py.typed" in wheel


def test_the_wheel_holds_every_committed_file_of_the_package(wheel: dict[str, str]) -> None:
    committed = {
        str(Path("ringfence") / file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert committed <= wheel.keys()
    assert any(name.startswith("ringfence/service/static/") for name in wheel)


def test_the_wheel_holds_nothing_of_the_demo(wheel: dict[str, str]) -> None:
    """The demo is careless on purpose: it never ships with the library (API.md)."""
    assert not {name for name in wheel if "demo" in name and not name.startswith("ringfence/cli/")}


@pytest.mark.parametrize("idiom", CARELESS)
def test_the_wheel_holds_nothing_that_lets_anything_through(
    wheel: dict[str, str], idiom: str
) -> None:
    """DESIGN section 2: a layer that is off is another object."""
    assert not {name for name, source in wheel.items() if re.search(CARELESS[idiom], source)}


@pytest.mark.parametrize("idiom", set(CARELESS) - {"a switch"})
def test_the_demo_holds_what_the_wheel_must_not(idiom: str) -> None:
    """The positive control of the test above: the careless layers are found by the same words."""
    careless = ROOT / "demo/src/ringfence_demo/careless"
    assert any(re.search(CARELESS[idiom], file.read_text()) for file in careless.glob("*.py"))


def test_a_switch_would_be_found() -> None:
    """As above; nothing holds one any more."""
    for line in ("if Layer.AUTHZ in exchange.off:", "settings.layers_off", "if not is_on(x):"):
        assert re.search(CARELESS["a switch"], line)
