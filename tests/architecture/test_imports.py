"""Imports point down (DESIGN section 3): the contracts, and what they cannot say."""

import ast
import configparser
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import LAYERS, PACKAGE, ROOT, sources, syntax

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
