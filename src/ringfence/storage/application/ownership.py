"""What is declared about the rows of mapped classes (``core.ownership``), as SQL.

``Rows.related`` is the one place where a declaration becomes a condition. Whoever scopes rows asks
it, and says what stands for the subject: a bound parameter of a statement, or a function of the
database in a view or a policy.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, Self, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    false,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.inspection import inspect
from sqlalchemy.orm import Mapper, RelationshipProperty

from ringfence.core.errors import ConfigurationError
from ringfence.core.ownership import Attribute, Fields, Members, Resource, Shares, by_role
from ringfence.core.policy import Relation

#: Pairs of a column and the one that it leads to, in another table.
Link: TypeAlias = tuple[tuple[Column[Any], Column[Any]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of one table, and whose they are.

    ``parent`` and ``link`` are those of ``via``, or of a class that inherits from a declared one
    and has a table of its own beside its parent's. Then there is no ``resource``.
    """

    mapper: Mapper[Any]
    table: Table
    resource: Resource | None = None
    parent: "Rows | None" = None
    link: Link = ()

    @property
    def relations(self) -> frozenset[Relation]:
        """The relations that a subject can have to a row."""
        return frozenset(Relation) if self.owned else frozenset(Relation) - {Relation.OWNER}

    @property
    def owned(self) -> bool:
        """Whether a row has an owner, and not a tenant alone."""
        if self.parent is not None:
            return self.parent.owned
        return self.resource is not None and self.resource.owner is not None

    @property
    def owner(self) -> Column[Any] | None:
        """The column with the subject to whom a row belongs."""
        resource = self.resource
        return _column(resource.owner) if resource is not None and resource.owner else None

    @property
    def declared(self) -> Resource | None:
        """What is declared of the class; of one that inherits, about its parent."""
        if self.resource is None and self.parent is not None:
            return self.parent.declared if self.mapper.isa(self.parent.mapper) else None
        return self.resource

    @property
    def everybodys(self) -> bool:
        """Whether anybody may read every row."""
        if self.resource is None:
            return self.parent is not None and self.parent.everybodys
        return self.resource.read == "public"

    @property
    def closed(self) -> bool:
        """Whether nobody makes new rows."""
        return False

    @property
    def above(self) -> Iterator[tuple["Rows", Link, Relation]]:
        """The rows of which a new row needs one, and how whoever makes it must stand to that."""
        if self.parent is not None:
            yield self.parent, self.link, Relation.EDITOR
        resource = self.resource
        if resource is not None and resource.tenant is not None and resource.members is not None:
            members = MemberRows.of(resource.members)
            yield members, ((_column(resource.tenant), members.tenant),), Relation.OWNER

    def related(
        self, relation: Relation, subject: ColumnElement[Any], rows: FromClause | None = None
    ) -> ColumnElement[bool]:
        """The condition that ``subject`` stands to a row in ``relation``, or in a closer one.

        Args:
            relation: ``STRANGER`` holds of every row.
            subject: What stands for the subject in SQL; NULL is nobody.
            rows: An alias of the table, if the condition is about that.
        """
        rows = self.table if rows is None else rows
        resource = self.resource
        if relation is Relation.STRANGER:
            return true()
        if resource is None:
            return self._as_parent(relation, subject, rows)
        circle = resource.read if relation is Relation.VIEWER else resource.write
        if relation is Relation.VIEWER and circle == "public":
            return true()
        if relation is Relation.VIEWER and circle == "signed_in":
            return subject.is_not(None)
        wall = self._wall(subject, rows)
        if self.parent is not None:
            own = self._as_parent(relation, subject, rows)
        elif resource.owner is not None and (circle != "members" or relation is Relation.OWNER):
            own = rows.c[_column(resource.owner).key] == subject
        else:
            return wall
        shared = self._shared(resource.shares, relation, subject, rows)
        return and_(wall, or_(own, *shared))

    def _as_parent(
        self, relation: Relation, subject: ColumnElement[Any], rows: FromClause
    ) -> ColumnElement[bool]:
        if self.parent is None:
            raise ConfigurationError(f"{self.table.name}: nothing says whose its rows are")
        parents = self.parent.table.alias()
        joined = (rows.c[own.key] == parents.c[theirs.key] for own, theirs in self.link)
        condition = self.parent.related(relation, subject, parents)
        return select(1).where(*joined, condition).correlate(rows).exists()

    def _wall(self, subject: ColumnElement[Any], rows: FromClause) -> ColumnElement[bool]:
        resource = self.resource
        if resource is None or resource.tenant is None or resource.members is None:
            return true()
        tenants = MemberRows.of(resource.members).tenants(subject)
        return rows.c[_column(resource.tenant).key].in_(tenants)

    def _shared(
        self,
        shares: Shares | None,
        relation: Relation,
        subject: ColumnElement[Any],
        rows: FromClause,
    ) -> Iterator[ColumnElement[bool]]:
        if shares is None or relation is Relation.OWNER:
            return
        if relation is Relation.EDITOR and shares.level is None:
            return
        link = linked(shares.row, self.mapper)
        granted = select(*(own for own, _ in link)).where(_column(shares.subject) == subject)
        if relation is Relation.EDITOR and shares.level is not None:
            granted = granted.where(_column(shares.level) == shares.editor)
        key = [rows.c[theirs.key] for _, theirs in link]
        yield key[0].in_(granted) if len(key) == 1 else tuple_(*key).in_(granted)


@dataclass(frozen=True, slots=True, eq=False)
class MemberRows(Rows):
    """A table of members: they see each other, and nobody makes himself one."""

    tenant: Column[Any] = field(kw_only=True)
    who: Column[Any] = field(kw_only=True)

    @classmethod
    def of(cls, members: Members) -> Self:
        """The rows of a table that is declared with a tenant."""
        tenant, who = _column(members.tenant), _column(members.subject)
        mapper, table = _mapped(members.tenant.class_)
        return cls(mapper, table, tenant=tenant, who=who)

    @property
    def closed(self) -> bool:
        """As of ``Rows``."""
        return True

    def tenants(self, subject: ColumnElement[Any]) -> Select[Any]:
        """The tenants of ``subject``."""
        return select(self.tenant).where(self.who == subject)

    def related(
        self, relation: Relation, subject: ColumnElement[Any], rows: FromClause | None = None
    ) -> ColumnElement[bool]:
        """As of ``Rows``; whose a row is, is whose membership it is."""
        rows = self.table if rows is None else rows
        match relation:
            case Relation.STRANGER:
                return true()
            case Relation.VIEWER:
                return rows.c[self.tenant.key].in_(self.tenants(subject))
            case Relation.EDITOR:
                return false()
            case Relation.OWNER:
                return rows.c[self.who.key] == subject


@dataclass(frozen=True, slots=True, eq=False)
class ShareRows(Rows):
    """A table of shares: the owner of the shared row writes it, and those named in it see it."""

    who: Column[Any] = field(kw_only=True)

    @property
    def above(self) -> Iterator[tuple[Rows, Link, Relation]]:
        """As of ``Rows``: whoever could share what is shared with him would promote himself."""
        if self.parent is not None:
            yield self.parent, self.link, Relation.OWNER

    def related(
        self, relation: Relation, subject: ColumnElement[Any], rows: FromClause | None = None
    ) -> ColumnElement[bool]:
        """As of ``Rows``."""
        rows = self.table if rows is None else rows
        if relation is Relation.STRANGER:
            return true()
        shared = self._as_parent(Relation.OWNER, subject, rows)
        named = rows.c[self.who.key] == subject
        return or_(named, shared) if relation is Relation.VIEWER else shared


class Declarations(Mapping[type, Rows]):
    """All that is declared for one database, by class.

    Raises:
        ConfigurationError: What is declared does not fit the models, by class.
    """

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources: Final = tuple(resources)
        self._by_class: Final[dict[type, Rows]] = {}
        named = [resource.kind.__name__ for resource in self.resources]
        for name in sorted({name for name in named if named.count(name) > 1}):
            raise ConfigurationError(f"Resource({name}): declared twice")
        for resource in self.resources:
            self._resolve(resource, ())
        #: The rows of every table that holds some: of subclasses too, of members and of shares.
        self.tables: Final[Mapping[Table, Rows]] = {
            rows.table: rows
            for rows in (
                *chain.from_iterable(map(_beside, self._by_class.values())),
                *chain.from_iterable(
                    _tables(each, self._by_class) for each in self._by_class.values()
                ),
            )
        }

    def __getitem__(self, kind: type) -> Rows:
        return self._by_class[kind]

    def __iter__(self) -> Iterator[type]:
        return iter(self._by_class)

    def __len__(self) -> int:
        return len(self._by_class)

    def _resolve(self, resource: Resource, below: tuple[type, ...]) -> Rows:
        kind, name = resource.kind, resource.kind.__name__
        if kind in below:
            raise ConfigurationError(f"Resource({name}): it is its own parent")
        if kind in self._by_class:
            return self._by_class[kind]
        mapper, table = _mapped(kind)
        for column in _columns(resource):
            if column.table is not table:
                raise ConfigurationError(
                    f"Resource({name}): {column} is a column of another table; declare its class"
                )
        _known(resource, mapper)
        for subject in _subjects(resource):
            if subject.type.python_type is not str:
                raise ConfigurationError(
                    f"Resource({name}): {subject} names a subject, and holds no text"
                )
        if resource.shares is not None:
            linked(resource.shares.row, mapper)
        rows = Rows(mapper, table, resource)
        if resource.via is not None:
            link = linked(resource.via, None)
            target = link[0][1].table
            above = [each for each in self.resources if _mapped(each.kind)[1] is target]
            if not above:
                raise ConfigurationError(f"Resource({name}): its parent is not declared")
            rows = Rows(mapper, table, resource, self._resolve(above[0], (*below, kind)), link)
        self._by_class[kind] = rows
        return rows


def linked(attribute: Attribute, target: Mapper[Any] | None) -> Link:
    """The pairs of columns by which ``attribute``, a relationship or a foreign key, leads on.

    Raises:
        ConfigurationError: It does not lead to one row, or not to one of ``target``.
    """
    mapper, _ = _mapped(attribute.class_)
    found = mapper.attrs[attribute.key]
    if isinstance(found, RelationshipProperty):
        if not found.uselist and found.secondary is None:
            pairs = [(own, other) for own, other in found.local_remote_pairs or ()]
            if all(own.table is mapper.local_table for own, _ in pairs):
                return _leading(pairs, target)
    else:
        column = _column(attribute)
        keys = [(column, key.column) for key in column.foreign_keys]
        if keys:
            return _leading(keys[:1], target)
    raise ConfigurationError(f"{attribute}: neither leads to a parent, nor is it a foreign key")


def _leading(pairs: Iterable[tuple[Any, Any]], target: Mapper[Any] | None) -> Link:
    link: Link = tuple(pairs)
    if target is not None and {other for _, other in link} != {*target.primary_key}:
        raise ConfigurationError(f"{link[0][0]}: does not lead to the key of {target.local_table}")
    return link


def _beside(rows: Rows) -> Iterator[Rows]:
    """The tables that say who has a part in ``rows``; what is declared of them comes first."""
    resource = rows.resource
    if resource is not None and resource.members is not None:
        yield MemberRows.of(resource.members)
    if resource is not None and resource.shares is not None:
        shares, link = resource.shares, linked(resource.shares.row, rows.mapper)
        mapper, table = _mapped(shares.row.class_)
        yield ShareRows(mapper, table, None, rows, link, who=_column(shares.subject))


def _tables(rows: Rows, declared: Container[type]) -> Iterator[Rows]:
    """The rows of a class, and of those that inherit from it with a table of their own.

    Raises:
        ConfigurationError: One has a table with all columns, and is not declared itself.
    """
    yield rows
    for mapper in rows.mapper.self_and_descendants:
        _, table = _mapped(mapper.class_)
        if table is not rows.table and mapper.inherit_condition is None:
            if mapper.class_ not in declared:
                raise ConfigurationError(
                    f"Resource({rows.mapper.class_.__name__}): {mapper.class_.__name__} has all"
                    " columns in a table of its own (concrete inheritance); declare it as well"
                )
        elif table is not rows.table:
            pairs = zip(table.primary_key, rows.table.primary_key, strict=True)
            yield Rows(mapper, table, None, rows, tuple(pairs))


def _mapped(kind: type) -> tuple[Mapper[Any], Table]:
    mapper: Mapper[Any] | None = inspect(kind, raiseerr=False)
    table: Any = getattr(mapper, "local_table", None)
    if mapper is None or not isinstance(table, Table):
        raise ConfigurationError(f"{kind.__name__}: SQLAlchemy maps it to no table")
    return mapper, table


def _column(attribute: Attribute) -> Column[Any]:
    found: Any = _mapped(attribute.class_)[0].attrs[attribute.key]
    columns = getattr(found, "columns", ())
    if len(columns) != 1 or not isinstance(columns[0], Column):
        raise ConfigurationError(f"{attribute}: no column")
    return columns[0]


def fields_of(kind: type, declared: Resource | None) -> Fields:
    """The columns of a class, and what is declared of them."""
    named = attributes(_mapped(kind)[0])
    names = {spelled: name for column, name in named.items() for spelled in (column.name, name)}
    if declared is None:
        return Fields(kind, names)
    return Fields(kind, names, declared.reads, declared.writes)


def _known(resource: Resource, mapper: Mapper[Any]) -> None:
    """Raises ConfigurationError where a field is named that there is not."""
    known = attributes(mapper).values()
    for argument, declared in (("reads", resource.reads), ("writes", resource.writes)):
        for names in by_role(declared or ()).values():
            for unknown in sorted(names.difference(known)):
                raise ConfigurationError(
                    f"Resource({resource.kind.__name__}): {unknown} in {argument}= is no column"
                )


def attributes(mapper: Mapper[Any]) -> dict[Column[Any], str]:
    """By column, the attributes of a class and of those that inherit from it."""
    return {
        column: attribute.key
        for each in mapper.self_and_descendants
        for attribute in each.column_attrs
        for column in attribute.columns
        if isinstance(column, Column)
    }


def _columns(resource: Resource) -> Iterator[Column[Any]]:
    """The columns of the class's own table."""
    own = (resource.owner, resource.tenant)
    return (_column(attribute) for attribute in own if attribute is not None)


def _subjects(resource: Resource) -> Iterator[Column[Any]]:
    """The columns that hold a subject."""
    if resource.owner is not None:
        yield _column(resource.owner)
    for table in (resource.members, resource.shares):
        if table is not None:
            yield _column(table.subject)
