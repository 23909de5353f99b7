"""Whose rows a class holds, declared once.

Everything that asks whose something is comes from this value: the check of a route
(``owner(Order)``), what a SELECT sees and an UPDATE touches, the views of SQLite and the policies
of PostgreSQL, and the boundary map. It has no behaviour of its own.

    Resource(Order, owner=Order.user_id)
    Resource(Post, owner=Post.user_id, read="public")
    Resource(Line, via=Line.invoice)
    Resource(Plan, tenant=Plan.team_id, members=Members(Member.team_id, Member.user_id))
    Resource(Note, owner=Note.user_id, shares=Shares(Share.note_id, Share.user_id, Share.level))

Attributes are those of a mapped class (``Order.user_id``). Nothing here needs SQLAlchemy.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias, cast

from ringfence.core.errors import ConfigurationError

#: How far a right reaches: from the owner to anybody. ``members`` are those of the row's tenant.
Circle: TypeAlias = Literal["owner", "members", "signed_in", "public"]


#: Names of attributes, for everybody or by role: ``{"*": {"id", "item"}, "support": {"margin"}}``.
ByRole: TypeAlias = Collection[str] | Mapping[str, Collection[str]]

#: Stands for everybody among roles.
EVERYBODY: Final = "*"


class Attribute(Protocol):
    """An attribute of a mapped class, as the class has it."""

    @property
    def key(self) -> str: ...
    @property
    def class_(self) -> Any: ...  # noqa: ANN401  # the class that has it


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """A table of who belongs to which tenant. It is asked each time; no token is trusted for it."""

    tenant: Attribute
    subject: Attribute


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """A table of rows that are shared with somebody, one row for each.

    Args:
        row: The foreign key to the shared row.
        subject: With whom it is shared.
        level: What that person may: ``editor`` to change the row as well, anything else to read
            it. Without it everybody here may only read.
        editor: The value of ``level`` that means an editor.
    """

    row: Attribute
    subject: Attribute
    level: Attribute | None = None
    editor: str = "editor"


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """Whose the rows of ``kind`` are, and who may read and change them.

    Args:
        kind: A mapped class.
        owner: The column with the subject to whom a row belongs.
        tenant: The column with the tenant that a row is of. It is a wall: nobody but its members
            has any part in the row, whatever else is declared (a public row apart).
        members: Who belongs to which tenant.
        via: The relationship to the parent. A row is whose its parent is, and the parent is
            declared as well. In place of ``owner`` and ``tenant``.
        shares: With whom single rows are shared.
        read: Who may read every row, beside those with whom it is shared. Where it is not given:
            the owner; the members, where there is no owner; as the parent says, where there is one.
        write: Who may change and delete a row; as for ``read``, and never wider than members.
        writes: The attributes that a client may set, for everybody or by role; None: all. The
            application itself sets what it likes.
        reads: The attributes that a client gets, for everybody or by role; None: all.

    Raises:
        ConfigurationError: Nothing says whose a row is, or two things do.
    """

    kind: type
    owner: Attribute | None = None
    tenant: Attribute | None = None
    members: Members | None = None
    via: Attribute | None = None
    shares: Shares | None = None
    read: Circle | None = None
    write: Literal["owner", "members"] | None = None
    writes: ByRole | None = None
    reads: ByRole | None = None

    def __post_init__(self) -> None:
        alone, circles = self.owner is None and self.tenant is None, (self.read, self.write)
        mistakes = {
            "owner=, tenant= or via= says whose its rows are": alone and self.via is None,
            "via= stands in place of owner= and tenant=": not alone and self.via is not None,
            "tenant= and members= go together": (self.tenant is None) != (self.members is None),
            "no owner is declared": self.owner is None and "owner" in circles,
            "no members are declared": self.tenant is None and "members" in circles,
            "writes= is a set of names": isinstance(self.writes, str),
            "reads= is a set of names": isinstance(self.reads, str),
        }
        name = self.kind.__name__
        if problems := [f"Resource({name}): {words}" for words, is_so in mistakes.items() if is_so]:
            raise ConfigurationError(*problems)

    @property
    def readers(self) -> str:
        """Who may read a row, as a formula for ``boundaries.lock``."""
        if self.read in ("public", "signed_in"):
            return self.read
        return self._formula(self.read, "viewer", "editor")

    @property
    def writers(self) -> str:
        """Who may change a row, as ``readers``."""
        return self._formula(self.write, "editor")

    def _formula(self, circle: Circle | None, *levels: str) -> str:
        wall = f"member({self.tenant.key})" if self.tenant is not None else ""
        if self.via is not None:
            own = f"parent({self.via.key})"
        elif self.owner is not None and circle != "members":
            own = f"owner({self.owner.key})"
        else:
            return wall
        granted = [own]
        if self.shares is not None:
            table = self.shares.row.class_.__name__
            given = levels if self.shares.level is not None else levels[:-1]
            granted += [f"{level}({table})" for level in given]
        joined = " | ".join(granted)
        if wall:
            return f"{wall} & ({joined})" if len(granted) > 1 else f"{wall} & {joined}"
        return joined


def by_role(names: ByRole) -> dict[str, frozenset[str]]:
    """Names of attributes by role, those of everybody under ``*``."""
    if isinstance(names, Mapping):
        roles = cast("Mapping[str, Collection[str]]", names)
        return {role: frozenset(those) for role, those in roles.items()}
    return {EVERYBODY: frozenset(names)}


def allowed(names: ByRole, roles: Iterable[str]) -> frozenset[str]:
    """The attributes that are meant for somebody with these roles."""
    found = by_role(names)
    return frozenset[str]().union(*(found.get(role, ()) for role in (EVERYBODY, *roles)))


def folded(name: str) -> str:
    """One spelling of a field: ``userId``, ``user-id`` and ``order[user_id]`` are ``userid``."""
    last = name.rstrip("]").rpartition("[")[2].rpartition(".")[2]
    return "".join(filter(str.isalnum, last.casefold()))


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """The columns of a class, and which of them clients read and write.

    Args:
        kind: The class.
        names: By its own name, and by that of its attribute, the attribute of each column.
        reads: As ``Resource`` has it.
        writes: As ``Resource`` has it.
    """

    kind: type
    names: Mapping[str, str]
    reads: ByRole | None = None
    writes: ByRole | None = None

    def hidden(self, roles: Iterable[str]) -> frozenset[str]:
        """The fields, ``folded``, that somebody with these roles does not get."""
        if self.reads is None:
            return frozenset()
        shown = allowed(self.reads, roles)
        return frozenset(folded(name) for name, known in self.names.items() if known not in shown)


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """A table whose rows are nobody's own: what a shop sells, the countries of the world.

    Args:
        kind: A mapped class.
        write: Whether the application changes the rows as well.
    """

    kind: type
    write: bool = False
