"""Which names in a folder are leftovers, and which part of a path is judged (ASVS 13.4.1)."""

import pytest

from ringfence.authz.leftovers import Folder, folder, names_a_leftover
from ringfence.authz.starlette import Routes
from ringfence.core.policy import public
from ringfence.core.route import Entry, Kind, expression

LEFTOVERS = (
    ".env",
    ".git/HEAD",
    "a/.git/HEAD",
    ".DS_Store",
    "a/.well-known/x",
    "...",
    "x~",
    "a/x.py~",
    "#x.py#",
    "x.bak",
    "X.BAK",
    "x.bak/y",
    "x.backup",
    "x.old",
    "x.orig",
    "x.rej",
    "x.save",
    "x.tmp",
    ".x.swp",
    "x.swa",
    "x.swp",
    "a.sql",
    "a.sql.gz",
    "a.dump",
    "a.dump.zst",
    "a.db",
    "a.db-wal",
    "a.sqlite",
    "a.sqlite3-journal",
    "x.bak.gz",
    "x.old2",
    "x.save.1",
    "x.sql.tgz",
    "x.sql.gz.gpg",
    "x.sql.1",
    "x.dump.tar",
    "dump.rdb",
    "x.db3",
    "x.bkp",
)
HARMLESS = (
    "",
    "shop.css",
    "a/b.tar.gz",
    "a.b.js",
    "x.bakery",
    "x.old.png",
    "sql",
    "bak",
    "~x",
    "#x",
    "x#",
    "a~b",
    "a.sql.txt",
    "a.swz",
    "database.json",
)


def entry(pattern: str, kind: Kind = "mount") -> Entry:
    return Entry(pattern=pattern, policy=public, kind=kind)


@pytest.mark.parametrize("name", LEFTOVERS)
def test_a_leftover_is_known_by_its_name(name: str) -> None:
    assert names_a_leftover(f"/static/{name}", Folder(2), {})


@pytest.mark.parametrize("name", HARMLESS)
def test_other_names_are_none(name: str) -> None:
    assert not names_a_leftover(f"/static/{name}", Folder(2), {})


@pytest.mark.parametrize(
    ("pattern", "kind", "path", "judged"),
    [
        ("/static", "mount", "/static/.env", True),
        ("", "mount", "/.env", True),
        ("", "mount", "/.well-known/security.txt", False),  # RFC 8615
        ("", "mount", "/.well-known/.env", True),
        ("/.hidden", "mount", "/.hidden/page.css", False),  # spelled out
        ("/.hidden", "mount", "/.hidden/.env", True),
        ("/of/{tenant}", "mount", "/of/.x/page.css", False),
        ("/orders/{id}/files/{name:path}", "http", "/orders/1.old/files/a", False),
        ("/orders/{id}/files/{name:path}", "http", "/orders/1/files/a/.env", True),
        ("/{name:path}", "http", "/.well-known/security.txt", False),
        ("/{name:path}", "websocket", "/.env", True),
        ("/@{name:path}", "http", "/@.env", True),
        ("/@{name:path}", "http", "/@a/.env", True),
        ("/@{name:path}", "http", "/@page.css", False),
        ("/a/{id}-{name:path}", "http", "/a/1-.git/HEAD", True),
        ("/{name:path}@latest", "http", "/x.sql@latest", True),
        ("/{a:path}/@{b:path}", "http", "/a/@.env", True),
        ("/{a:path}/of", "mount", "/.git/of/page.css", True),
    ],
)
def test_what_no_pattern_spells_out_is_judged(
    pattern: str, kind: Kind, path: str, *, judged: bool
) -> None:
    of = entry(pattern, kind)
    within, match = folder(of), expression(of).match(path)
    assert within is not None
    assert match is not None
    assert names_a_leftover(path, within, match.groupdict()) is judged


@pytest.mark.parametrize("pattern", ["/.env", "/{name}", "/orders/{id:int}"])
def test_a_route_that_serves_no_folder_is_not_judged(pattern: str) -> None:
    assert folder(entry(pattern, "http")) is None


async def raw(scope: object, receive: object, send: object) -> None:
    """An application of another kind."""


def test_whoever_serves_a_folder_whole_says_why_and_where() -> None:
    policies = {"GET /a/{name:path}": public}
    survey = Routes(raw, policies, {"/a/{name:path}": "readers name these files"}).read()
    assert (survey.whole, survey.problems) == ({*survey.entries}, [])
    problems = Routes(raw, policies, {"/a/{name:path}": " ", "/b": "gone"}).read().problems
    assert problems == [
        "/b: in whole_folders, and no route",
        "/a/{name:path}: in whole_folders without a reason",
    ]
