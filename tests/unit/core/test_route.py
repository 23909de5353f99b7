"""The route table: first match in order, method last, at a cost that does not grow."""

import pytest

from ringfence.core.errors import ConfigurationError
from ringfence.core.policy import public
from ringfence.core.route import NOTHING, Entry, Kind, RouteTable


def entry(pattern: str, *methods: str, kind: Kind = "http") -> Entry:
    return Entry(pattern=pattern, methods=frozenset(methods or {"GET"}), policy=public, kind=kind)


def found(table: RouteTable, path: str, method: str = "GET", kind: Kind = "http") -> str | None:
    match = table.find(kind, method, path)
    return match.entry.pattern if match.entry else None


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/orders", "/orders"),
        ("/orders/17", "/orders/{id:int}"),
        ("/orders/x", None),
        ("/orders/17\n", None),
        ("/orders\n", None),
        ("/orders/", None),
        ("//orders", None),
        ("/orders/17/", None),
        ("/files/a/b.txt", "/files/{name:path}"),
        ("/files/", "/files/{name:path}"),
        ("/static/x", "/static"),
        ("/static", None),
        ("/a.b", "/a.b"),
        ("/axb", None),
        ("/me/123e4567-e89b-12d3-a456-426614174000", "/me/{id:uuid}"),
        ("/me/123e4567", None),
        ("/at/1.5", "/at/{f:float}"),
        ("", None),
        ("*", None),
    ],
)
def test_a_path_finds_its_pattern_and_no_other(path: str, pattern: str | None) -> None:
    """ATTACKS I07, Ledger 19: no newline, no doubled or trailing slash gets through."""
    patterns = ("/orders", "/orders/{id:int}", "/files/{name:path}", "/a.b", "/me/{id:uuid}",
                "/at/{f:float}")  # fmt: skip
    mount = Entry(pattern="/static", policy=public, kind="mount")
    table = RouteTable([*map(entry, patterns), mount])
    assert found(table, path) == pattern


def test_parameters_come_with_the_match() -> None:
    table = RouteTable([entry("/u/{user}/orders/{order_id:int}")])
    match = table.find("http", "GET", "/u/al ice/orders/007")
    assert match.parameters == {"user": "al ice", "order_id": "007"}
    assert table.entries[0].parameters == ("user", "order_id")


def test_another_method_is_remembered_but_does_not_win() -> None:
    table = RouteTable([entry("/a/{x}", "GET"), entry("/a/{y}", "DELETE", "PUT")])
    assert found(table, "/a/1", "PUT") == "/a/{y}"
    match = table.find("http", "PATCH", "/a/1")
    assert match.entry is None
    assert [m.entry.pattern for m in match.others if m.entry] == ["/a/{x}", "/a/{y}"]
    assert table.find("http", "GET", "/b") is NOTHING


def test_a_websocket_and_a_page_of_one_path_are_two_things() -> None:
    table = RouteTable([Entry(pattern="/ws", policy=public, kind="websocket"), entry("/ws")])
    assert table.find("websocket", "GET", "/ws").entry is table.entries[0]
    assert table.find("http", "GET", "/ws").entry is table.entries[1]


def test_a_route_that_begins_with_a_parameter_keeps_its_place() -> None:
    table = RouteTable([entry("/a/{x}", "POST"), entry("/{any:path}"), entry("/a/b")])
    assert found(table, "/a/b") == "/{any:path}"
    assert found(table, "/zzz") == "/{any:path}"
    assert found(table, "/a/b", "POST") == "/a/{x}"


def test_a_convertor_that_is_not_known_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="convertor slug is not known"):
        RouteTable([entry("/a/{x:slug}")])


def test_the_name_of_a_convertor_may_hold_what_the_frameworks_may() -> None:
    """Else the route would be a literal, and never found."""
    with pytest.raises(ConfigurationError, match="convertor My_Slug2 is not known"):
        RouteTable([entry("/a/{x:My_Slug2}")])


def test_a_number_that_python_would_not_read_is_not_there() -> None:
    table = RouteTable([entry("/a/{x:int}")])
    assert found(table, "/a/" + "9" * 640) == "/a/{x:int}"
    assert found(table, "/a/" + "9" * 641) is None


def test_two_parameters_of_one_name_are_an_error() -> None:
    """A mount's and a route's: the policy could judge one, and the handler get the other."""
    with pytest.raises(ConfigurationError, match="two parameters of one name"):
        RouteTable([entry("/{id}/x/{id}")])


@pytest.mark.parametrize("prefix", ["", "/api/v1", "/{tenant}"])
def test_only_the_routes_with_the_same_first_segments_are_tried(prefix: str) -> None:
    """The cost of a look-up does not grow with the table (issue 3, 5d)."""
    table = RouteTable([entry(f"{prefix}/r{n}/{{id}}") for n in range(1000)])
    tried = table._tree.follow("/api/v1/r500/17" if "api" in prefix else "/r500/17")
    assert len(tried) == (1000 if "{" in prefix else 1)
    assert found(table, prefix.replace("{tenant}", "t") + "/r500/17") == f"{prefix}/r500/{{id}}"
