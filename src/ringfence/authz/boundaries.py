"""The boundary as a person reads it, and the lock with which it is compared.

One wrong line in a policy would fool every layer that is compiled from it. So the table is
committed as ``boundaries.lock``, one line for each method and path. The check fails if a change
lets in somebody new, or if a route is not locked yet, until a person locks it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ringfence.authz.implication import weaker
from ringfence.core.errors import ConfigurationError
from ringfence.core.ownership import Resource
from ringfence.core.policy import Policy, Public
from ringfence.core.route import Entry

Kind: TypeAlias = Literal["added", "weaker", "removed", "changed"]

#: What a lock says of a route that nobody may use.
NOBODY: Final = "nobody"

_HEADER: Final = "# The boundary, as it was agreed on. Made by: ringfence boundaries APP --write\n"
#: Where the methods of routes are, of rows.
_ROWS: Final = ("READ", "WRITE")

_BODIES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Row:
    """One method of one path."""

    method: str  # "GET", "WEBSOCKET", "ANY"
    path: str
    policy: str
    handler: str
    layers: Mapping[str, str]  # what each layer asks of it


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
        for method in methods:
            policy = NOBODY if entry.policy is None else repr(entry.policy)
            found.append(Row(method, path, policy, entry.name, _layers(method, entry.policy)))
    return found


def declared(resources: Iterable[Resource]) -> list[Row]:
    """Who may read and who may change the rows of each class, in the lock as routes are."""
    found: list[Row] = []
    for each in resources:
        handler = f"{each.kind.__module__}.{each.kind.__qualname__}"
        for verb, formula in zip(_ROWS, (each.reads, each.writes), strict=True):
            found.append(Row(verb, each.kind.__name__, formula, handler, {"authz": formula}))
    return found


def write_lock(table: Iterable[Row]) -> str:
    """The text of ``boundaries.lock``: sorted, so that a diff shows what changed."""
    lines = {(row.path, row.method): row.policy for row in reversed(list(table))}
    width = max((len(f"{method} {path}") for path, method in lines), default=0)
    return _HEADER + "".join(
        f"{f'{method} {path}':<{width}}  {policy}\n"
        for (path, method), policy in sorted(lines.items())
    )


def read_lock(text: str) -> dict[tuple[str, str], str]:
    """What is locked: the policy for each (path, method).

    Raises:
        ConfigurationError: A line is not ``METHOD PATH  POLICY``.
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
    found = {(row.path, row.method): row.policy for row in reversed(list(table))}
    differences: list[Difference] = []
    for path, method in sorted(found.keys() | locked.keys()):
        new, old = found.get((path, method)), locked.get((path, method))
        if new != old:
            try:
                kind = _kind_of_rows(new, old) if method in _ROWS else _kind(new, old)
            except ValueError as error:
                raise ConfigurationError(f"the lock, {method} {path}: {error}") from error
            differences.append(Difference(kind, method, path, old, new))
    return differences


def _kind(new: str | None, old: str | None) -> Kind:
    if new is None:
        return "removed"
    if old is None:
        return "added"
    if new == NOBODY:
        return "changed"
    if old == NOBODY:
        return "weaker"
    return "weaker" if weaker(new, old) else "changed"


def _kind_of_rows(new: str | None, old: str | None) -> Kind:
    """Without a declaration, the rows are everybody's; a new one shuts somebody out."""
    if new is None:
        return "weaker"
    return "changed" if old is None or not weaker(new, old) else "weaker"


def _layers(method: str, policy: Policy | None) -> Mapping[str, str]:
    body = ", body" if method in _BODIES or method == "ANY" else ""
    return {
        "network": "address",
        "boundary": "head, origin" + body,
        "authn": "nothing" if isinstance(policy, Public) else "a valid token",
        "authz": NOBODY if policy is None else repr(policy),
        "output": "headers, cookies, errors",
        "monitoring": "every refusal",
    }
