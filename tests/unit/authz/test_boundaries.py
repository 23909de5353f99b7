"""The lock: a weaker policy and a new route fail, whatever else is fine."""

from typing import Any

import pytest

from ringfence.authz.boundaries import (
    Difference,
    compare,
    declared,
    read_lock,
    rows,
    write_lock,
)
from ringfence.core.errors import ConfigurationError
from ringfence.core.limit import Limit, limit
from ringfence.core.ownership import ByRole, Resource
from ringfence.core.policy import Policy, public, role, signed_in
from ringfence.core.route import Entry


def table(policy: Policy | None, *further: Entry) -> list[Entry]:
    first = Entry(
        pattern="/a/{id}", methods=frozenset({"GET", "DELETE"}), policy=policy, handler="h"
    )
    return [first, *further]


def differences(old: list[Entry], new: list[Entry]) -> list[Difference]:
    return compare(rows(new), read_lock(write_lock(rows(old))))


def test_a_table_equals_its_own_lock() -> None:
    mount = Entry(pattern="/static", policy=public, kind="mount", handler="h")
    socket = Entry(pattern="/ws", policy=signed_in, kind="websocket", handler="h")
    assert differences(table(role("a"), mount, socket), table(role("a"), mount, socket)) == []


@pytest.mark.parametrize(
    ("old", "new", "kind", "fails"),
    [
        (role("admin"), signed_in, "weaker", True),
        (None, role("admin"), "weaker", True),
        (signed_in, role("admin"), "changed", False),
        (signed_in, None, "changed", False),
    ],
)
def test_a_change_fails_only_where_somebody_new_gets_in(
    old: Policy | None, new: Policy | None, kind: str, *, fails: bool
) -> None:
    found = differences(table(old), table(new))
    assert [(d.kind, d.fails) for d in found] == [(kind, fails)] * 2  # DELETE and GET


def test_a_route_that_is_not_locked_fails_and_one_that_went_does_not() -> None:
    late = Entry(pattern="/late", policy=role("admin"), handler="h")
    (added,) = differences(table(public), table(public, late))
    assert (added.kind, added.method, added.fails) == ("added", "ANY", True)
    (removed,) = differences(table(public, late), table(public))
    assert (removed.kind, removed.fails) == ("removed", False)


def test_a_second_route_of_the_same_path_does_not_hide_the_first() -> None:
    """The first one is matched, so the first one is locked."""
    shadow = Entry(pattern="/a/{id}", methods=frozenset({"GET"}), policy=role("x"), handler="h")
    assert differences(table(public), table(public, shadow)) == []


@pytest.mark.parametrize("line", ["GET /a/{id}", "nonsense", "GET  signed_in"])
def test_a_lock_that_cannot_be_read_is_an_error(line: str) -> None:
    with pytest.raises(ConfigurationError, match="line 1"):
        read_lock(line)


def test_a_locked_policy_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="not a policy"):
        compare(rows(table(public)), {("/a/{id}", "GET"): "evil or public"})


class Note:
    """Something that belongs to somebody."""

    user_id: Any
    team_id: Any


class Attribute:
    """An attribute of a mapped class."""

    key = "user_id"
    class_ = Note


MINE = Resource(Note, owner=Attribute())
SHOWN = Resource(Note, owner=Attribute(), read="public")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([MINE], [MINE], []),
        ([MINE], [SHOWN], [("READ", "weaker", True)]),
        ([SHOWN], [MINE], [("READ", "changed", False)]),
        ([MINE], [], [("READ", "weaker", True), ("WRITE", "weaker", True)]),
        ([], [MINE], [("READ", "changed", False), ("WRITE", "changed", False)]),
    ],
)
def test_a_rule_for_rows_fails_where_it_lets_in_more_and_where_it_is_gone(
    old: list[Resource], new: list[Resource], expected: list[tuple[str, str, bool]]
) -> None:
    found = compare(declared(new), read_lock(write_lock(declared(old))))
    assert [(each.method, each.kind, each.fails) for each in found] == expected


LIMITED = (limit("10/m", by="account"), limit("100/h"))


@pytest.mark.parametrize(
    ("new", "kind"),
    [
        ((), "weaker"),
        (LIMITED[:1], "weaker"),
        ((limit("11/m", by="account"), LIMITED[1]), "weaker"),
        ((limit("10/s", by="account"), LIMITED[1]), "weaker"),
        ((limit("10/m"), LIMITED[1]), "weaker"),
        ((limit("9/m", by="account"), LIMITED[1]), "changed"),
        ((limit("10/h", by="account"), LIMITED[1]), "changed"),
        ((*LIMITED, limit("1/s")), "changed"),
        (LIMITED[::-1], "changed"),
    ],
)
def test_a_limit_that_goes_or_grows_fails(new: tuple[Limit, ...], kind: str) -> None:
    def limited(limits: tuple[Limit, ...]) -> list[Entry]:
        named = tuple(("GET /a", each) for each in limits)
        return [Entry(pattern="/a", policy=public, handler="h", limits=named)]

    assert differences(limited(LIMITED), limited(LIMITED)) == []
    (found,) = differences(limited(LIMITED), limited(new))
    assert (found.kind, found.fails) == (kind, kind == "weaker")


@pytest.mark.parametrize(
    ("old", "new", "fails"),
    [
        ({"item", "note"}, {"item"}, False),
        ({"item"}, {"item", "note"}, True),
        ({"item"}, {"*": {"item"}, "chief": {"total"}}, True),
        ({"*": {"item"}, "chief": {"total"}}, {"*": {"item"}, "clerk": {"total"}}, True),
        ({"*": {"item", "total"}}, {"*": {"item"}, "chief": {"total"}}, False),
        ((), {"item"}, True),
        (None, {"item"}, False),
        ({"item"}, None, True),
    ],
)
def test_a_field_that_somebody_new_may_set_fails(
    old: ByRole | None, new: ByRole | None, *, fails: bool
) -> None:
    made = [[Resource(Note, owner=Attribute(), writes=each)] for each in (old, new)]
    (found,) = compare(declared(made[1]), read_lock(write_lock(declared(made[0]))))
    assert (found.method, found.path, found.fails) == ("WRITE", "Note.fields", fails)
