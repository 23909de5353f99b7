"""What the README and the docs show is there: code that compiles, links, commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.cli import COMMANDS
from tests.docs.pages import PAGES, ROOT, blocks, commands

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

EXAMPLES = [
    pytest.param(example, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, example in enumerate(blocks(page.read_text(), "python"), 1)
]
LINKS = [
    pytest.param(page, target, id=f"{page.stem}-{target}")
    for page in PAGES
    for target in LINK.findall(page.read_text())
    if not target.startswith(("http:", "https:", "mailto:"))
]
TYPED = [
    line
    for page in PAGES
    for line in (
        *(command for command, _ in commands(page.read_text())),
        *"".join(blocks(page.read_text(), "sh")).splitlines(),
    )
]


@pytest.fixture(scope="module")
def usage() -> str:
    """What ``python3 dev.py`` prints of itself."""
    done = subprocess.run(
        [sys.executable, "dev.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_python_example_compiles(example: str) -> None:
    compile(example, "example", "exec")


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_every_relative_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    file = page.parent / name if name else page
    assert file.exists()
    assert not anchor or anchor in {_anchor(found) for found in HEADING.findall(file.read_text())}


def test_the_readme_starts_with_two_commands_that_exist(usage: str) -> None:
    shown = [words[2:] for words in _typed("python3", "dev.py")]
    assert [command for command, *_ in shown][:2] == ["demo", "test"]
    assert all(re.search(rf"^  {command}\b", usage, re.MULTILINE) for command, *_ in shown)
    assert all(option in usage for _, *options in shown for option in options)


def test_every_command_that_the_docs_type_is_one_of_the_package() -> None:
    shown = {words[1] for words in _typed("ringfence")}
    assert shown
    assert shown <= COMMANDS.keys()


def _typed(*first: str) -> list[list[str]]:
    """The commands that begin with these words."""
    split = [line.partition("#")[0].split() for line in TYPED]
    return [words for words in split if words[: len(first)] == [*first]]


def _anchor(heading: str) -> str:
    """What a heading is called in an address."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
