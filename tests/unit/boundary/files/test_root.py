"""ATTACKS I07: a name cannot leave its folder."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.boundary.files.root import FileRoot, components
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from tests.careless import seams

CANARY = b"canary outside of the root"


class Nowhere:
    def emit(self, event: Event) -> None: ...


@pytest.fixture
def root(tmp_path: Path) -> FileRoot:
    folder = tmp_path / "root"
    (folder / "2026").mkdir(parents=True)
    (folder / "2026" / "one.txt").write_bytes(b"mine")
    (tmp_path / "secret.txt").write_bytes(CANARY)
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "inside.txt").symlink_to(folder / "2026" / "one.txt")
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    return FileRoot(folder)


@pytest.fixture
def boundary_off() -> Iterator[Exchange]:
    exchange = Exchange(
        {},
        request_id="r",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        seams=seams(Layer.BOUNDARY),
        sink=Nowhere(),
    )
    token = current.set(exchange)
    yield exchange
    current.reset(token)


@pytest.fixture
def guarded() -> Iterator[Exchange]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    exchange = Exchange({}, request_id="r", now=now, sink=Nowhere())
    token = current.set(exchange)
    yield exchange
    current.reset(token)


def code_of(root: FileRoot, name: str) -> str:
    with pytest.raises(Refused) as caught:
        root.read(name)
    return caught.value.code.name


def test_a_file_below_the_root_is_read(root: FileRoot) -> None:
    assert root.read("2026/one.txt") == b"mine"
    assert root.path("2026/one.txt") == root.folder / "2026/one.txt"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt",
        "2026/../../secret.txt",
        "/etc/passwd",
        "//etc/passwd",
        "..",
        ".",
        "",
        "2026//one.txt",
        "./2026/one.txt",
        "..\\secret.txt",
        "C:\\secret.txt",
        "secret.txt:stream",
        "2026/one.txt\0.png",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "%252e%252e%252fsecret.txt",
        "%c0%ae%c0%ae/secret.txt",
        "\udcc0\udcae/secret.txt",
        "\ud800",
        "\N{REPLACEMENT CHARACTER}/secret.txt",
        "．．/secret.txt",
        "..／secret.txt",
        "2026／one.txt",
        "․․/secret.txt",
        "2026/one.txt\n",
        "\N{RIGHT-TO-LEFT OVERRIDE}txt.one",
        "CON",
        "aux",
        "prn.txt",
        "nul.txt",
        "Com1 .log",
        "one.txt.",
        "one.txt ",
        "..;/secret.txt/..",
        "a" * 256,
        "a/" * 600 + "a",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(root: FileRoot, name: str) -> None:
    assert code_of(root, name) == "file.outside"


@pytest.mark.parametrize(
    "name", ["link.txt", "inside.txt", "up/secret.txt", "up/root/2026/one.txt"]
)
def test_a_symbolic_link_is_followed_at_no_depth(root: FileRoot, name: str) -> None:
    assert code_of(root, name) == "file.outside"


@pytest.mark.parametrize("name", ["none.txt", "2027/one.txt", "2026", "2026/one.txt/x", "pipe"])
def test_what_is_no_regular_file_is_missing(root: FileRoot, name: str) -> None:
    assert code_of(root, name) == "file.missing"


@pytest.mark.parametrize("name", [None, 7, b"one.txt", ["one.txt"]])
def test_what_is_no_text_is_no_name(name: object) -> None:
    with pytest.raises(Refused, match="file.outside"):
        components(name)


def test_255_bytes_are_a_name_and_256_are_not() -> None:
    assert components("a" * 255) == ("a" * 255,)
    assert components("ä" * 127 + "a")
    with pytest.raises(Refused):
        components("ä" * 128)


def test_in_a_folder_that_is_not_there_every_file_is_missing(tmp_path: Path) -> None:
    assert code_of(FileRoot(tmp_path / "none"), "one.txt") == "file.missing"


def test_nobody_learns_whether_a_file_outside_exists(root: FileRoot) -> None:
    """Refused or missing, the answer is one and the same 404."""
    with pytest.raises(Refused) as outside:
        root.read("../secret.txt")
    with pytest.raises(Refused) as missing:
        root.read("secret.txt")
    assert outside.value.code.shown_as == missing.value.code.shown_as == "resource.missing"


def test_a_written_file_is_private_and_never_replaces_another(root: FileRoot) -> None:
    root.write("new.txt", b"one")
    assert (root.folder / "new.txt").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        root.write("new.txt", b"two")
    assert root.read("new.txt") == b"one"


def test_nothing_is_written_outside_or_through_a_link(root: FileRoot, tmp_path: Path) -> None:
    for name in ("../planted.txt", "up/planted.txt"):
        with pytest.raises(Refused):
            root.write(name, b"planted")
    with pytest.raises(FileExistsError):
        root.write("link.txt", b"planted")
    assert not (tmp_path / "planted.txt").exists()
    assert (tmp_path / "secret.txt").read_bytes() == CANARY


def test_with_the_layer_off_the_same_name_leaves_the_folder(
    root: FileRoot, tmp_path: Path, boundary_off: Exchange
) -> None:
    assert root.read("../secret.txt") == CANARY
    assert root.read("link.txt") == CANARY
    root.write("../planted.txt", b"planted")
    assert (tmp_path / "planted.txt").read_bytes() == b"planted"
    assert not boundary_off.traces


def test_each_file_that_is_opened_or_made_leaves_a_trace(root: FileRoot, guarded: Exchange) -> None:
    root.read("2026/one.txt")
    assert [code.name for code in guarded.traces] == ["file.resolved"]
    root.write("2026/two.txt", b"mine, too")
    assert [code.name for code in guarded.traces] == ["file.resolved"] * 2


@given(st.lists(st.sampled_from(["..", ".", "a", "/", "\\", "%2e", "．", "\0", " ", ":", "é"])))
def test_no_spelling_gives_a_component_that_moves(pieces: list[str]) -> None:
    """The oracle is the file system's own rule: a component that is not ``..`` goes down."""
    name = "".join(pieces)
    try:
        found = components(name)
    except Refused:
        return
    assert not name.startswith("/")
    assert os.path.normpath(name) == name
    assert all("/" not in part and part not in {"", ".", ".."} for part in found)
