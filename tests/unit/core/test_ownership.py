"""What can be declared about rows, and how the lock writes it."""

from typing import Any, cast

import pytest

from ringfence.core.errors import ConfigurationError
from ringfence.core.ownership import Members, Resource, Shares


class Name:
    """An attribute of a mapped class, as far as a declaration looks at it."""

    def __init__(self, key: str, class_: Any = None) -> None:
        self.key = key
        self.class_ = class_


class Note:
    """Something that belongs to somebody."""


class Share:
    """A row that shares a note."""


OWNER, TEAM, PARENT = Name("user_id"), Name("team_id"), Name("order")
MEMBERS = Members(Name("team_id"), Name("user_id"))
READERS = Shares(Name("note_id", Share), Name("user_id"))
EDITORS = Shares(Name("note_id", Share), Name("user_id"), Name("level"))


@pytest.mark.parametrize(
    ("declared", "reads", "writes"),
    [
        ({"owner": OWNER}, "owner(user_id)", "owner(user_id)"),
        ({"owner": OWNER, "read": "public"}, "public", "owner(user_id)"),
        ({"owner": OWNER, "read": "signed_in"}, "signed_in", "owner(user_id)"),
        ({"via": PARENT}, "parent(order)", "parent(order)"),
        ({"tenant": TEAM, "members": MEMBERS}, "member(team_id)", "member(team_id)"),
        (
            {"owner": OWNER, "tenant": TEAM, "members": MEMBERS},
            "member(team_id) & owner(user_id)",
            "member(team_id) & owner(user_id)",
        ),
        (
            {"owner": OWNER, "tenant": TEAM, "members": MEMBERS, "read": "members"},
            "member(team_id)",
            "member(team_id) & owner(user_id)",
        ),
        ({"owner": OWNER, "shares": READERS}, "owner(user_id) | viewer(Share)", "owner(user_id)"),
        (
            {"owner": OWNER, "shares": EDITORS},
            "owner(user_id) | viewer(Share) | editor(Share)",
            "owner(user_id) | editor(Share)",
        ),
        (
            {"owner": OWNER, "tenant": TEAM, "members": MEMBERS, "shares": READERS},
            "member(team_id) & (owner(user_id) | viewer(Share))",
            "member(team_id) & owner(user_id)",
        ),
    ],
)
def test_a_declaration_is_two_formulas(declared: Any, reads: str, writes: str) -> None:
    resource = Resource(Note, **declared)
    assert (resource.readers, resource.writers) == (reads, writes)


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({}, "says whose its rows are"),
        ({"owner": OWNER, "via": PARENT}, "in place of"),
        ({"tenant": TEAM}, "go together"),
        ({"owner": OWNER, "members": MEMBERS}, "go together"),
        ({"tenant": TEAM, "members": MEMBERS, "write": "owner"}, "no owner"),
        ({"owner": OWNER, "read": "members"}, "no members"),
        ({"via": PARENT, "write": "owner"}, "no owner"),
    ],
)
def test_what_says_nothing_or_two_things_is_a_mistake(declared: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"Resource\(Note\): .*{problem}"):
        Resource(cast("type", Note), **declared)
