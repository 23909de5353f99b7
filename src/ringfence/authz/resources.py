"""How a policy gets the resource that a request names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from ringfence.core.errors import ConfigurationError
from ringfence.core.exchange import Slot
from ringfence.core.policy import Either, Every, Policy, Related, Relation, SelfOnly, atoms
from ringfence.core.route import Entry


class ResourceLoader(Protocol):
    """What ``owner(kind)`` needs of a database that has no declarations; one of one's own."""

    async def load(self, key: str) -> object | None:
        """The resource that the path parameter names; None if there is none.

        Raises:
            StoreError: The database does not answer.
        """
        ...

    def owner(self, value: object) -> str | None:
        """The subject to whom ``value`` belongs."""
        ...


class Found(NamedTuple):
    """A resource, and how the subject who asked stands to it."""

    value: object
    relation: Relation


class Finder(Protocol):
    """Finds the resources of one class."""

    @property
    def key(self) -> tuple[str, ...]:
        """The names of what a key consists of; empty where it is one value of any name."""
        ...

    @property
    def relations(self) -> frozenset[Relation]:
        """The relations that a subject can have to a resource of the class."""
        ...

    async def find(
        self, key: tuple[str, ...], subject: str | None, relations: tuple[Relation, ...]
    ) -> Found | None:
        """The resource with this key, for a subject who has the first of ``relations`` or more.

        Args:
            key: As the path has it, one string for each part.
            subject: Who asks.
            relations: What is to be told apart, the weakest first. ``STRANGER`` finds any.

        Raises:
            StoreError: The database does not answer.
        """
        ...


class Listed(NamedTuple):
    """Some rows in the order of their keys; ``following`` is the last key, if there are more."""

    rows: list[Any]
    following: tuple[str, ...] | None = None


@runtime_checkable
class Lister(Protocol):
    """Lists the resources of one class."""

    async def page(self, after: tuple[str, ...] | None, limit: int) -> Listed:
        """Of the rows that the caller may read, those after a key.

        Args:
            after: The key after which the page begins, one string for each part; None: the first.
            limit: How many rows at most.

        Raises:
            Refused: ``query.invalid``; there can be no such key.
            StoreError: The database does not answer.
        """
        ...


#: By class, what lists the rows that the handler of a request is given pages of.
LISTS: Final = Slot[Mapping[type, Lister]]("authz.lists")


class Loaded:
    """A finder on a loader of one's own, which tells the owner and nobody else."""

    key: tuple[str, ...] = ()
    relations: frozenset[Relation] = frozenset({Relation.OWNER})

    def __init__(self, loader: ResourceLoader) -> None:
        self._loader: Final = loader

    async def find(
        self, key: tuple[str, ...], subject: str | None, relations: tuple[Relation, ...]
    ) -> Found | None:
        """What the loader finds, of whomever: it is judged after it was loaded."""
        del relations  # the loader tells no more than the owner
        (named,) = key
        value = await self._loader.load(named)
        if value is None:
            return None
        own = subject is not None and self._loader.owner(value) == subject
        return Found(value, Relation.OWNER if own else Relation.STRANGER)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one route is decided: its policy with every ``by`` filled in, and what to find."""

    policy: Policy
    finder: Finder | None = None
    key: tuple[str, ...] = ()  # the path parameters that name the resource
    relations: tuple[Relation, ...] = ()  # which the policy tells apart, the weakest first
    lists: Mapping[type, Lister] = field(default_factory=dict[type, Lister])


def plan(policy: Policy, entry: Entry, finders: Mapping[type, Finder]) -> Plan:
    """Work out how ``entry``, guarded by ``policy``, is decided.

    Raises:
        ConfigurationError: A parameter that the policy names is not in the path, or is not
            clear; a resource that nobody finds or lists; two resources in one policy; a relation
            that is not declared for it.
    """
    policy, lists = _named(policy, entry, finders), dict(_lists(entry, finders))
    wanted = [atom for atom in atoms(policy) if isinstance(atom, Related)]
    if not wanted:
        return Plan(policy, lists=lists)
    if len({(atom.kind, atom.by) for atom in wanted}) > 1:
        raise ConfigurationError(f"{_route(entry)}: a policy names one resource at most")
    finder, relations = finders[wanted[0].kind], {atom.relation for atom in wanted}
    for relation in relations - finder.relations:
        raise ConfigurationError(
            f"{_route(entry)}: {wanted[0].kind.__name__} has no {relation.name.lower()}, as it is"
            " declared"
        )
    return Plan(policy, finder, wanted[0].by, tuple(sorted(relations)), lists)


def _lists(entry: Entry, finders: Mapping[type, Finder]) -> Iterator[tuple[type, Lister]]:
    """What lists the rows of each class that the handler is given pages of."""
    for kind in entry.lists:
        found = finders.get(kind)
        if not isinstance(found, Lister):
            raise ConfigurationError(
                f"{_route(entry)}: Owned[list[{kind.__name__}]] needs a Resource({kind.__name__},"
                " …) of a Database"
            )
        yield kind, found


def _named(policy: Policy, entry: Entry, finders: Mapping[type, Finder]) -> Policy:
    """``policy`` with the parameters of the route filled in wherever none is named."""
    if isinstance(policy, Every):
        return Every(tuple(_named(part, entry, finders) for part in policy.parts))
    if isinstance(policy, Either):
        return Either(tuple(_named(part, entry, finders) for part in policy.parts))
    if isinstance(policy, Related):
        if policy.kind not in finders:
            raise ConfigurationError(
                f"{_route(entry)}: nothing is declared about {policy.kind.__name__}, see resources"
            )
        key = finders[policy.kind].key
        return replace(policy, by=_parameters(policy.by, key, policy, entry))
    if isinstance(policy, SelfOnly):
        by = (policy.by,) if policy.by else ()
        return SelfOnly(*_parameters(by, (), policy, entry))
    return policy


def _route(entry: Entry) -> str:
    """How a problem names the route."""
    return f"{', '.join(sorted(entry.methods))} {entry.pattern}".lstrip()


def _parameters(
    by: tuple[str, ...], key: tuple[str, ...], policy: Policy, entry: Entry
) -> tuple[str, ...]:
    """The parameters that are meant: those named, those of the key's names, or the only ones."""
    known, wanted = entry.parameters, max(len(key), 1)
    if not by and set(key) <= set(known):
        by = key
    if not by and len(known) == wanted:
        by = known
    if by and set(by) <= set(known) and len(by) == wanted:
        return by
    if not by and len(known) > wanted:
        names = ", ".join(known)
        raise ConfigurationError(
            f"{_route(entry)}: {policy!r} may mean each of {names}; say which one with by="
        )
    parts = f"{wanted} parameters" if wanted > 1 else "parameter"
    raise ConfigurationError(f"{_route(entry)}: {policy!r} names no {parts} of the path")
