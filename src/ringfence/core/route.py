"""The compiled route table: one path and method, one entry, one policy.

The pipeline matches a request against this table before any handler can run. What the table does
not hold does not exist. It agrees with the framework's router (first match in the order of the
routes, method last), but for paths with a newline, which are never there: the framework's ``$``
and ``.`` read them in two ways.

Look-up is by dictionary for paths without parameters; the others are bucketed by their first
segment, so that the cost does not grow with the number of routes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from ringfence.core.errors import ConfigurationError
from ringfence.core.policy import Policy

Kind: TypeAlias = Literal["http", "websocket", "mount"]

_PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::([a-z]+))?\}")

#: How a parameter's convertor reads: the same expressions as the framework's own.
CONVERTORS: Final[Mapping[str, str]] = {
    "str": "[^/]+",
    "path": ".*",
    "int": "[0-9]+",
    "float": r"[0-9]+(?:\.[0-9]+)?",
    "uuid": "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Entry:
    """One route: what it matches, who may use it, and which handler it stands for."""

    pattern: str  # "/orders/{order_id:int}"; a mount is its prefix, "/static"
    methods: frozenset[str] = frozenset()  # empty: every method (mounts, WebSockets)
    policy: Policy | None  # None: nobody; a forgotten route, or the end of a sub-application
    kind: Kind = "http"
    name: str = ""  # where the handler is defined, for people
    handler: object = field(default=None, repr=False)  # identity that the wrapper confirms

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


class RouteTable:
    """Entries in order, compiled once; look-ups neither allocate a regex nor scan the table."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries: Final = tuple(entries)
        exact: dict[str, list[int]] = {}
        buckets: dict[str, list[int]] = {}
        anywhere: list[int] = []
        self._expressions: Final = [expression(entry) for entry in self.entries]
        for index, entry in enumerate(self.entries):
            first = _literal_first_segment(entry)
            if entry.kind != "mount" and "{" not in entry.pattern:
                exact.setdefault(entry.pattern, []).append(index)
            elif first is None:
                anywhere.append(index)
            else:
                buckets.setdefault(first, []).append(index)
        segments = {*buckets, *(_first_segment(path) for path in exact)}
        self._exact: Final = exact
        self._anywhere: Final = tuple(anywhere)
        self._buckets: Final = {
            segment: tuple(sorted((*buckets.get(segment, ()), *anywhere))) for segment in segments
        }

    def find(self, kind: Kind, method: str, path: str) -> Match:
        """The first entry for this path and method, in the order of the routes."""
        if "\n" in path:
            return NOTHING
        candidates = self._buckets.get(_first_segment(path), self._anywhere)
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
        ConfigurationError: A parameter has a convertor that is not in ``CONVERTORS``.
    """
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


def _first_segment(path: str) -> str:
    return path[1:].partition("/")[0]


def _literal_first_segment(entry: Entry) -> str | None:
    """The first segment where it is literal; None where it could be anything."""
    segment = _first_segment(entry.pattern)
    return None if not segment or "{" in segment or entry.pattern[:1] != "/" else segment
