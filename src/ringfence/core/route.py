"""The compiled route table: one path and method, one entry, one policy.

The pipeline matches a request against this table before any handler can run. A route that is not in
the table is not served. The table agrees with the framework's router (first match in the order of
the routes, method last), except for paths with a newline: these never match, because the
framework's ``$`` and ``.`` treat a newline differently.

Look-up is by dictionary for paths without parameters. The others are in a tree, by the segments
before their first parameter, so that the cost does not grow with the number of routes.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from typing import Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from ringfence.core.errors import ConfigurationError
from ringfence.core.limit import Limit
from ringfence.core.policy import Policy

Kind: TypeAlias = Literal["http", "websocket", "mount"]

_PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::([a-zA-Z_][a-zA-Z0-9_]*))?\}")

#: How a parameter's convertor reads: the framework's own expressions, within what it can convert.
CONVERTORS: Final[Mapping[str, str]] = {
    "str": "[^/]+",
    "path": ".*",
    "int": "[0-9]{1,640}",  # Python may refuse to read more digits, which would be a 500
    "float": r"[0-9]+(?:\.[0-9]+)?",
    "uuid": "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
}

#: What the framework makes of a parameter; of all others it makes a ``str``.
_CONVERTED: Final[Mapping[str, Callable[[str], object]]] = {
    "int": int,
    "float": float,
    "uuid": UUID,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Entry:
    """One route: what it matches, who may use it, and which handler it stands for."""

    pattern: str  # "/orders/{order_id:int}"; a mount is its prefix, "/static"
    methods: frozenset[str] = frozenset()  # empty: every method (mounts, WebSockets)
    policy: Policy | None  # None: nobody may; a forgotten route, or the end of a sub-application
    kind: Kind = "http"
    name: str = ""  # where the handler is defined, for people
    handler: object = field(default=None, repr=False)  # identity that the wrapper confirms
    through: tuple[object, ...] = field(default=(), repr=False)  # mounts on the way to it
    own: bool = False  # one of Ringfence's own routes
    limits: tuple[tuple[str, Limit], ...] = ()  # each with what is counted together
    lists: tuple[type, ...] = ()  # of which classes the handler is given pages of rows

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the path parameters, left to right."""
        return tuple(match[1] for match in _PARAMETER.finditer(self.pattern))


class Match(NamedTuple):
    """What a look-up found. ``entry`` is None where only the method did not fit."""

    entry: Entry | None
    parameters: Mapping[str, str]
    others: tuple["Match", ...] = ()  # entries of the same path with other methods


NO_PARAMETERS: Final[Mapping[str, str]] = {}
NOTHING: Final = Match(None, NO_PARAMETERS)


class _Branch:
    """The routes that a path with these first segments can match, by their place in the table."""

    __slots__ = ("branches", "candidates")

    def __init__(self) -> None:
        self.branches: dict[str, _Branch] = {}
        self.candidates: tuple[int, ...] = ()

    def hang(self, segments: tuple[str, ...], index: int) -> None:
        branch = self
        for segment in segments:
            branch = branch.branches.setdefault(segment, _Branch())
        branch.candidates += (index,)

    def inherit(self, above: tuple[int, ...] = ()) -> None:
        """Add to every branch what the branches above it can match."""
        self.candidates = tuple(sorted(self.candidates + above))
        for branch in self.branches.values():
            branch.inherit(self.candidates)

    def follow(self, path: str) -> tuple[int, ...]:
        branch = self
        for segment in path.split("/")[1:]:
            further = branch.branches.get(segment)
            if further is None:
                break
            branch = further
        return branch.candidates


class RouteTable:
    """Entries in order, compiled once; look-ups neither allocate a regex nor scan the table."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries: Final = tuple(entries)
        self._expressions: Final = [expression(entry) for entry in self.entries]
        self._exact: Final[dict[str, list[int]]] = {}
        self._tree: Final = _Branch()
        for index, entry in enumerate(self.entries):
            if entry.kind != "mount" and "{" not in entry.pattern:
                self._exact.setdefault(entry.pattern, []).append(index)
            else:
                self._tree.hang(_literal_segments(entry), index)
        self._tree.inherit()

    def find(self, kind: Kind, method: str, path: str) -> Match:
        """The first entry for this path and method, in the order of the routes."""
        if "\n" in path:
            return NOTHING
        candidates: Sequence[int] = self._tree.follow(path)
        if (static := self._exact.get(path)) is not None:
            candidates = sorted((*static, *candidates)) if candidates else static
        others: list[Match] = []
        for index in candidates:
            entry = self.entries[index]
            if entry.kind not in (kind, "mount"):
                continue
            found = self._expressions[index].match(path)
            if found is None:
                continue
            match = Match(entry, found.groupdict() if found.re.groups else NO_PARAMETERS)
            if not entry.methods or method in entry.methods:
                return match
            others.append(match)
        return Match(None, NO_PARAMETERS, tuple(others)) if others else NOTHING


def expression(entry: Entry) -> re.Pattern[str]:
    """The pattern of ``entry`` as an anchored regular expression.

    Raises:
        ConfigurationError: A parameter has a convertor that is not in ``CONVERTORS``, or two
            parameters have one name: the policy could judge another value than the handler gets.
    """
    if len(set(entry.parameters)) != len(entry.parameters):
        raise ConfigurationError(f"{entry.pattern}: two parameters of one name")
    pieces: list[str] = []
    end = 0
    for match in _PARAMETER.finditer(entry.pattern):
        name, convertor = match[1], match[2] or "str"
        if convertor not in CONVERTORS:
            raise ConfigurationError(f"{entry.pattern}: the convertor {convertor} is not known")
        pieces.append(re.escape(entry.pattern[end : match.start()]))
        pieces.append(f"(?P<{name}>{CONVERTORS[convertor]})")
        end = match.end()
    pieces.append(re.escape(entry.pattern[end:]))
    tail = r"/.*\Z" if entry.kind == "mount" else r"\Z"
    return re.compile("".join(pieces) + tail)


def converted(pattern: str, parameters: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    """Each parameter of a path with the value that the framework hands to the handler."""
    convertors = _convertors(pattern)
    for name, raw in parameters.items():
        convert = convertors.get(name)
        yield name, raw if convert is None else convert(raw)


@cache
def _convertors(pattern: str) -> Mapping[str, Callable[[str], object]]:
    """By name, what is made of those parameters of ``pattern`` that do not stay text."""
    named = {match[1]: match[2] for match in _PARAMETER.finditer(pattern)}
    return {name: _CONVERTED[kind] for name, kind in named.items() if kind in _CONVERTED}


def _literal_segments(entry: Entry) -> tuple[str, ...]:
    """The segments that every path of ``entry`` begins with."""
    segments = entry.pattern.split("/")[1:]
    return tuple(takewhile(lambda segment: "{" not in segment, segments))
