"""What a commit must not hold: index addresses, paths of one machine, exceptions without reason."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, files

# These patterns hold one-letter classes, so that this file does not match them itself.

INDEXES = re.compile(rb"python[h]osted\.|npm[j]s\.|\bpyp[i]\.[a-z]|deb\.[d]ebian")
MACHINE = re.compile(rb"(?<![\w.])/(?:w[o]rk|home/\w+)/")

CODE = {".mjs", ".py", ".ts"}
SILENCED = re.compile(r"# (?:n[o]qa\b|pyright: [i]gnore|type: [i]gnore)|@ts-[ei]")
SILENCED_WITH_REASON = re.compile(
    r"# (?:n[o]qa: [A-Z]+\d+(?:, [A-Z]+\d+)*|pyright: [i]gnore\[\w+(?:, \w+)*\])  # \w.+"
    r"|@ts-[e]xpect-error -- \w.+"
)


@pytest.mark.parametrize("pattern", [INDEXES, MACHINE], ids=["index address", "machine path"])
def test_no_file_holds(pattern: re.Pattern[bytes]) -> None:
    assert not [name for name, line in _lines() if pattern.search(line)]


def test_no_file_holds_the_path_of_this_checkout() -> None:
    assert not [name for name, line in _lines() if str(ROOT).encode() + b"/" in line]


def test_every_silenced_rule_is_named_and_has_a_reason_beside_it() -> None:
    bare = [
        f"{name}: {line.decode().strip()}"
        for name, line in _lines()
        if Path(name).suffix in CODE
        and SILENCED.search(line.decode())
        and not SILENCED_WITH_REASON.search(line.decode())
    ]
    assert not bare


def test_every_rule_that_is_switched_off_has_a_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    lint = tomllib.loads(text)["tool"]["ruff"]["lint"]
    off = {
        *lint["ignore"],
        *(rule for rules in lint["per-file-ignores"].values() for rule in rules),
    }
    reasons = re.findall(r'^    "([A-Z]+\d*)", +# \w.+$', text, re.MULTILINE)
    assert off == set(reasons)
    switched_off = re.findall(r'^report\w+ = "none".*$', text, re.MULTILINE)
    assert all(" # " in line for line in switched_off)


@pytest.mark.parametrize(
    "lock",
    [
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-bench.lock",
        "requirements-oldest.lock",
    ],
)
def test_every_locked_requirement_has_a_version_and_hashes(lock: str) -> None:
    pins = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert all(re.match(r"[a-z0-9-]+==\S+", pin) and "--hash=sha256:" in pin for pin in pins)


def _lines() -> list[tuple[str, bytes]]:
    """Every line of every text file, with the file's name."""
    texts = {str(file.relative_to(ROOT)): file.read_bytes() for file in files()}
    return [
        (name, line)
        for name, text in texts.items()
        if b"\0" not in text
        for line in text.splitlines()
    ]
