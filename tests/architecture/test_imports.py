"""Imports point down (DESIGN section 3): the contracts, and what they cannot say."""

import ast
import configparser
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import LAYERS, PACKAGE, ROOT, sources, syntax

OLDEST = "requirements-oldest.lock"

#: The distribution that each imported name comes from, where the two differ.
DISTRIBUTIONS = {
    "argon2": "argon2-cffi",
    "detect_secrets": "detect-secrets",
    "multipart": "python-multipart",
}


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_package_that_exists_stands_without_parentheses_in_the_contracts() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    named = contracts["importlinter:contract:direction"]["layers"].replace("|", " ").split()
    optional = {name.strip("()") for name in named if name.startswith("(")}
    assert not {name for name in optional if (PACKAGE / name).exists()}


@pytest.mark.parametrize("layer", LAYERS)
def test_inside_a_layer_nothing_imports_its_asgi_adapter(layer: str) -> None:
    adapter = f"ringfence.{layer}.asgi"
    importers = {file.name for file in sources(PACKAGE / layer) if adapter in _imported_names(file)}
    assert not importers


def test_every_third_party_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = _distributions(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        declared |= _distributions(extra)
    imported = {
        DISTRIBUTIONS.get(name, name)
        for file in sources(PACKAGE)
        for name in {full.partition(".")[0] for full in _imported_names(file)}
        if name not in sys.stdlib_module_names and not name.startswith("ringfence")
    }
    assert imported <= declared


def test_every_declared_dependency_is_locked() -> None:
    """The lock follows the projects: ``python3 dev.py lock`` after each change."""
    declared: set[str] = set()
    for name in ("pyproject.toml", "demo/pyproject.toml"):
        tables = tomllib.loads((ROOT / name).read_text())
        lists = [tables["project"]["dependencies"]]
        lists += tables["project"]["optional-dependencies"].values()
        lists += tables.get("dependency-groups", {}).values()
        declared |= {name for requirements in lists for name in _distributions(requirements)}
    locked = {
        line.partition("==")[0]
        for lock in ROOT.glob("requirements*.lock")
        for line in lock.read_text().splitlines()
    }
    assert declared - {"ringfence"} <= locked


def test_what_is_called_the_oldest_version_is_the_one_that_is_tested() -> None:
    """``requirements-oldest.lock`` holds the lower end of each range, and no other version."""
    floors: set[str] = set()
    for name in ("pyproject.toml", "demo/pyproject.toml"):
        project = tomllib.loads((ROOT / name).read_text())["project"]
        lists = [project["dependencies"], *project["optional-dependencies"].values()]
        floors |= {requirement for requirements in lists for requirement in requirements}
    ranges = [
        re.fullmatch(r"([a-z0-9-]+)(?:\[.*\])?>=([\d.]+)(?:,<\d+)?", floor)
        for floor in floors
        if not floor.startswith("ringfence[")
    ]
    pins = re.findall(r"^([a-z0-9-]+)==(\d+(?:\.\d+)*)", (ROOT / OLDEST).read_text(), re.MULTILINE)
    locked = {name: _release(version) for name, version in pins}
    assert all(ranges), floors
    assert not [at[0] for at in ranges if at and locked.get(at[1]) != _release(at[2])]


def _release(version: str) -> tuple[int, ...]:
    """``1.0`` and ``1.0.0`` are one release."""
    numbers = [int(number) for number in version.split(".")]
    while numbers[-1] == 0 and len(numbers) > 1:
        numbers.pop()
    return tuple(numbers)


def _imported_names(file: Path) -> set[str]:
    """Modules and members that ``file`` imports, each by its full name."""
    names: set[str] = set()
    for node in ast.walk(syntax(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _distributions(requirements: list[str]) -> set[str]:
    """The bare names: ``sqlalchemy[asyncio]>=2.1`` is ``sqlalchemy``."""
    return {requirement.partition(">")[0].partition("[")[0] for requirement in requirements}
