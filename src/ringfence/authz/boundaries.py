"""The boundary as a person reads it, and the lock with which it is compared.

One wrong line in a policy would fool every layer that is compiled from it. So the table is
committed as ``boundaries.lock``, one line for each method and path. The check fails if a change
lets in somebody new, or if a route is not locked yet, until a person locks it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ringfence.authz.implication import weaker
from ringfence.core.errors import ConfigurationError
from ringfence.core.limit import Limit, rate_of
from ringfence.core.ownership import EVERYBODY, ByRole, Resource, by_role
from ringfence.core.policy import Public
from ringfence.core.route import Entry

Kind: TypeAlias = Literal["added", "weaker", "removed", "changed"]

#: What a lock says of a route that nobody may use.
NOBODY: Final = "nobody"

_HEADER: Final = "# The boundary, as it was agreed on. Made by: ringfence boundaries APP --write\n"
#: Where the methods of routes are, of rows.
_ROWS: Final = ("READ", "WRITE")
#: Behind the name of a class, where its fields are meant and not its rows.
_FIELDS: Final = ".fields"

_GAP: Final = "  "  # between a policy and the limits behind it
_LIMIT: Final = re.compile(r'\("([^"]+)", by="(address|account)"\)')
_BODIES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Row:
    """One method of one path."""

    method: str  # "GET", "WEBSOCKET", "ANY"
    path: str
    policy: str
    handler: str
    layers: Mapping[str, str]  # what each layer asks of it
    limits: str = ""  # such as limit("10/15m", by="account")


@dataclass(frozen=True, slots=True)
class Difference:
    """How a row differs from what is locked."""

    kind: Kind
    method: str
    path: str
    locked: str | None
    found: str | None

    @property
    def fails(self) -> bool:
        """Whether the check fails: somebody may get in whom the lock keeps out."""
        return self.kind in ("added", "weaker")


def rows(entries: Iterable[Entry]) -> list[Row]:
    """The table, one row for each method, in the order in which it is matched."""
    found: list[Row] = []
    for entry in entries:
        if entry.handler is None:
            continue  # the end of a sub-application: nothing is there
        path = entry.pattern + "/…" if entry.kind == "mount" else entry.pattern
        methods = sorted(entry.methods) or ["WEBSOCKET" if entry.kind == "websocket" else "ANY"]
        policy = NOBODY if entry.policy is None else repr(entry.policy)
        limits = " ".join(repr(limit) for _, limit in entry.limits)
        for method in methods:
            asked = _layers(method, entry, limits)
            found.append(Row(method, path, policy, entry.name, asked, limits))
    return found


def declared(resources: Iterable[Resource]) -> list[Row]:
    """Who may read and who may change the rows of each class, in the lock as routes are."""
    found: list[Row] = []
    for each in resources:
        handler = f"{each.kind.__module__}.{each.kind.__qualname__}"
        name = each.kind.__name__
        said = [("READ", name, each.readers), ("WRITE", name, each.writers)]
        declared_fields = zip(_ROWS, (each.reads, each.writes), strict=True)
        said += [
            (verb, name + _FIELDS, fields(names))
            for verb, names in declared_fields
            if names is not None
        ]
        found += (Row(verb, what, text, handler, {"authz": text}) for verb, what, text in said)
    return found


def fields(names: ByRole) -> str:
    """Attributes by role, as the lock has them: ``item, note | support: status``."""
    said = {role: ", ".join(sorted(those)) for role, those in by_role(names).items()}
    everybodys = said.pop(EVERYBODY, "")
    return " | ".join([everybodys or NOBODY, *(f"{role}: {said[role]}" for role in sorted(said))])


def unscoped(reasons: Iterable[str]) -> list[Row]:
    """Why rows are read and written that are not the caller's, as one row."""
    formula = " | ".join(f'unscoped("{reason}")' for reason in sorted(set(reasons)))
    return [Row("UNSCOPED", "rows", formula, "", {"authz": formula})] if formula else []


def write_lock(table: Iterable[Row]) -> str:
    """The text of ``boundaries.lock``: sorted, so that a diff shows what changed."""
    lines = {(row.path, row.method): _said(row) for row in reversed(list(table))}
    width = max((len(f"{method} {path}") for path, method in lines), default=0)
    return _HEADER + "".join(
        f"{f'{method} {path}':<{width}}  {policy}\n"
        for (path, method), policy in sorted(lines.items())
    )


def read_lock(text: str) -> dict[tuple[str, str], str]:
    """What is locked: the policy, and limits behind it, for each (path, method).

    Raises:
        ConfigurationError: A line is not ``METHOD PATH  POLICY  LIMITS``.
    """
    locked: dict[tuple[str, str], str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        route, _, policy = line.partition("  ")
        method, _, path = route.partition(" ")
        if not policy.strip() or not path:
            raise ConfigurationError(f"line {number} of the lock is not METHOD PATH  POLICY")
        locked[path, method] = policy.strip()
    return locked


def compare(table: Iterable[Row], locked: Mapping[tuple[str, str], str]) -> list[Difference]:
    """Every difference between the table and the lock, by path.

    Raises:
        ConfigurationError: A locked policy cannot be read.
    """
    found = {(row.path, row.method): _said(row) for row in reversed(list(table))}
    differences: list[Difference] = []
    for path, method in sorted(found.keys() | locked.keys()):
        new, old = found.get((path, method)), locked.get((path, method))
        if new != old:
            try:
                kind = _kind_of_rows(new, old, path) if method in _ROWS else _kind(new, old)
            except ValueError as error:
                raise ConfigurationError(f"the lock, {method} {path}: {error}") from error
            differences.append(Difference(kind, method, path, old, new))
    return differences


def _kind(new: str | None, old: str | None) -> Kind:
    if new is None:
        return "removed"
    if old is None:
        return "added"
    policy, _, limits = new.partition(_GAP)
    old_policy, _, old_limits = old.partition(_GAP)
    if policy == NOBODY:
        return "changed"
    if old_policy == NOBODY or weaker(policy, old_policy) or _looser(limits, old_limits):
        return "weaker"
    return "changed"


def _kind_of_rows(new: str | None, old: str | None, path: str) -> Kind:
    """Without a declaration, the rows are everybody's; a new one shuts somebody out."""
    if new is None:
        return "weaker"
    opens = _opens if path.endswith(_FIELDS) else weaker
    return "changed" if old is None or not opens(new, old) else "weaker"


def _opens(new: str, old: str) -> bool:
    """Whether a role has a field in ``new`` that it has not in ``old``."""
    before, now = _fields(old), _fields(new)
    everybodys = before.get(EVERYBODY, frozenset())
    return any(those - before.get(role, frozenset()) - everybodys for role, those in now.items())


def _fields(text: str) -> dict[str, frozenset[str]]:
    """By role, the attributes that ``fields`` wrote."""
    everybodys, *rest = text.split(" | ")
    said = [(EVERYBODY, "" if everybodys == NOBODY else everybodys)]
    said += ((role, those) for role, _, those in (each.partition(": ") for each in rest))
    return {role: frozenset(those.split(", ")) - {""} for role, those in said}


def _looser(new: str, old: str) -> bool:
    """Whether one of the ``old`` limits is not kept by any of the ``new``."""
    kept = [*_limits(new)]
    return not all(any(each.holds(locked) for each in kept) for locked in _limits(old))


def _limits(text: str) -> Iterator[Limit]:
    """The limits that ``text`` holds. Raises ValueError."""
    for each in filter(None, text.strip().split(" limit")):
        read = _LIMIT.fullmatch(each.removeprefix("limit"))
        if read is None:
            raise ValueError(f"{each} is no limit")
        yield Limit(rate_of(read[1]), "account" if read[2] == "account" else "address")


def _said(row: Row) -> str:
    return row.policy + _GAP + row.limits if row.limits else row.policy


def _layers(method: str, entry: Entry, limits: str) -> Mapping[str, str]:
    policy = entry.policy
    lists = "".join(f", lists {kind.__name__}" for kind in entry.lists)
    body = ", body" if method in _BODIES or method == "ANY" else ""
    return {
        "network": "address",
        "boundary": "head, origin" + body,
        "authn": ("nothing" if isinstance(policy, Public) else "a valid token")
        + (f", {limits}" if limits else ""),
        "authz": NOBODY if policy is None else repr(policy) + lists,
        "output": "headers, cookies, errors",
        "monitoring": "every refusal",
    }
