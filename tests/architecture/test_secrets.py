"""No file of this checkout holds a secret that ``secrets-allowed.toml`` does not explain."""

from collections.abc import Iterator

from ringfence.cli.check import allowances
from ringfence.cli.check.leaks import Leak, Scanner, usual_kinds
from ringfence.cli.check.repository import Line
from tests.architecture.tree import ROOT, files


def lines() -> Iterator[Line]:
    """What the check reads, without git: a bare machine has none."""
    for file in files():
        name, content = str(file.relative_to(ROOT)), file.read_bytes()
        yield Line(name, 0, "", content=content)
        if b"\0" not in content:
            for number, text in enumerate(content.decode().split("\n"), 1):
                yield Line(name, number, text[:4096])


def found() -> list[Leak]:
    usual = usual_kinds()
    assert usual is not None
    return list(Scanner(None, usual).scan(lines()))


def test_what_looks_like_a_secret_is_explained_and_nothing_is_explained_in_vain() -> None:
    leaks, allowed = found(), allowances.read(ROOT)
    assert leaks
    assert not [
        (leak.path, leak.line, leak.kind)
        for leak in leaks
        if not any(each.covers(leak) for each in allowed)
    ]
    today = [each for each in allowed if not each.reason.startswith("in its history")]
    assert not allowances.unused(today, leaks)
