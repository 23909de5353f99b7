"""The tree is the one of DESIGN section 3, and modules are named for what they hold."""

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import LAYERS, PACKAGE, ROOT, files, sources, syntax

CORE = {
    "asgi",
    "codes",
    "decision",
    "errors",
    "event",
    "exchange",
    "limit",
    "ownership",
    "policy",
    "principal",
    "reference",
    "route",
    "seam",
    "secret",
    "settings",
}
#: An event about the log itself has no request whose time it could take.
READS_THE_CLOCK = {"asgi.py", "journal.py"}
NAMELESS = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def test_the_modules_of_core_are_a_closed_list() -> None:
    found = {file.stem for file in sources(PACKAGE / "core")} - {"__init__"}
    assert found == CORE


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_has_one_asgi_adapter(layer: str) -> None:
    assert (PACKAGE / layer / "asgi.py").is_file()


def test_no_module_is_called_utils_helpers_common_base_or_manager() -> None:
    assert not {
        file.relative_to(ROOT)
        for file in files()
        if file.suffix in {".py", ".ts"} and _words(file) & NAMELESS
    }


def test_every_module_of_the_library_says_what_it_is_for() -> None:
    assert not [file for file in sources(PACKAGE) if ast.get_docstring(syntax(file)) is None]


@pytest.mark.parametrize("package", ["core", *LAYERS])
def test_no_topic_module_reads_the_clock(package: str) -> None:
    """Time is an argument (the import of ``time`` is a matter of ``.importlinter``)."""
    readers = {
        file.name
        for file in sources(PACKAGE / package)
        for node in ast.walk(syntax(file))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
        if isinstance(node.value, ast.Name) and node.value.id in {"date", "datetime"}
    }
    assert readers <= READS_THE_CLOCK


def _words(file: Path) -> set[str]:
    """The names on the way to ``file``, its own without the suffix."""
    return {*file.relative_to(ROOT).parent.parts, file.stem}
