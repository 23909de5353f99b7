"""One vocabulary (DESIGN section 6): each code is in the catalogue, each code of it is used."""

import ast
import re

import pytest

from ringfence.core.codes import CODES
from tests.architecture.tree import PACKAGE, ROOT, sources, strings, syntax

CATALOGUE = PACKAGE / "core/codes.py"
TOPICS = {name.partition(".")[0] for name in CODES}


def test_every_code_of_the_catalogue_is_used() -> None:
    """By its whole name, or by its reason alone: ``f"{topic}.limited"``."""
    shown = {code.shown_as for code in CODES.values()}
    words = set[str]().union(*(strings(file) for file in sources(PACKAGE) if file != CATALOGUE))
    unused = {
        name
        for name in CODES
        if name not in words | shown and f".{name.partition('.')[2]}" not in words
    }
    assert not unused


def test_every_code_that_is_refused_with_is_in_the_catalogue() -> None:
    refused = {
        node.args[0].value
        for folder in (PACKAGE, ROOT / "demo")
        for file in sources(folder)
        for node in ast.walk(syntax(file))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Refused"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert refused
    assert refused <= CODES.keys()


@pytest.mark.parametrize("suffix", [".ts", ".md"])
def test_pages_and_docs_name_no_code_that_does_not_exist(suffix: str) -> None:
    quoted = re.compile(r"""["'`]([a-z]+\.[a-z_]+)["'`]""")
    unknown = {
        (str(file.relative_to(ROOT)), name)
        for file in sources(ROOT, suffix)
        for name in quoted.findall(file.read_text())
        if name.partition(".")[0] in TOPICS and name not in CODES
    }
    assert not unknown


def test_what_the_client_is_told_exists_and_is_an_answer() -> None:
    shown = {code.shown_as for code in CODES.values() if code.shown_as}
    assert all(CODES[name].status >= 400 for name in shown)


def test_a_code_that_hides_its_reason_answers_with_the_status_of_what_it_shows() -> None:
    """Otherwise the status gives away what the public code hides."""
    differing = {
        code.name
        for code in CODES.values()
        if code.shown_as and code.status != CODES[code.shown_as].status
    }
    assert not differing
