"""Who stopped it, in the application's own words: its events, and the traces of its controls.

Whether an attack was stopped is never read here. That is judged from outside; this only names the
layer, by the id of the very request.
"""

import json
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from ringfence.attack.answer import Sent
from ringfence.core.codes import CODES, Code, Layer

#: What is written with the monitoring layer off: time, level, code, and then everything, headers
#: too, so that the sender's own mark stands in it.
_CARELESS: Final = re.compile(r"^\S+ (?:INFO|WARN|CRITICAL) ([a-z_]+\.[a-z_]+) ", re.MULTILINE)

#: A program that broke down is no control, unless the attack is about that answer.
_CRASH: Final = "server.error"


@dataclass(frozen=True, slots=True)
class Sign:
    """One code that the application gave for one request."""

    code: Code
    refusal: bool  # it ended the request


class Evidence:
    """Events and traces by request. Fed with whole lines as they are written."""

    def __init__(self) -> None:
        self._events: defaultdict[str, list[Sign]] = defaultdict(list)
        self._traces: dict[str, list[Sign]] = {}
        self._careless: list[str] = []

    def events(self, text: str) -> None:
        """Take in what the log says."""
        for line in text.splitlines():
            found = _record(line)
            if found is None:
                self._careless.append(line)
            elif found.get("code") in CODES and "request_id" in found:
                code = CODES[found["code"]]
                self._events[found["request_id"]].append(Sign(code, refusal=code.status > 0))

    def traces(self, text: str) -> None:
        """Take in what is said of the seams: a line for each request that was answered."""
        for line in text.splitlines():
            found = _record(line)
            if found is not None:
                signs = [Sign(CODES[name], refusal=False) for name in found["traces"]]
                self._traces[found["request_id"]] = signs

    def complete(self, sent: Iterable[Sent]) -> bool:
        """Whether the application is done with all of these requests."""
        return all(each.answer.request_id in self._traces for each in sent if _named(each))

    def signs(self, sent: Sequence[Sent]) -> list[Sign]:
        """What it said of these requests, in their order."""
        found: list[Sign] = []
        for each in sent:
            request_id = each.answer.request_id
            events = self._events.get(request_id) or self._by_mark(each.mark)
            found += [*events, *self._traces.get(request_id, ())]
        return found

    def _by_mark(self, mark: str) -> list[Sign]:
        for start, line in enumerate(self._careless):
            if mark in line:
                # An injected line break may have split the record: its head stands above.
                record = "\n".join(self._careless[max(0, start - 20) : start + 1])
                heads = _CARELESS.findall(record)
                if heads and heads[-1] in CODES:
                    code = CODES[heads[-1]]
                    return [Sign(code, refusal=code.status > 0)]
        return []


def actor(
    signs: Iterable[Sign], telling: frozenset[str], off: Container[Layer] = ()
) -> Code | None:
    """The control that stopped it: the first sign that is ``telling``, else the first refusal.

    A layer that is ``off`` stops nothing: what it says of a row that another layer has hidden from
    it is no control of its own.
    """
    refusals: list[Code] = []
    for sign in signs:
        if sign.code.layer in off:
            continue
        if sign.code.name in telling:
            return sign.code
        if sign.refusal and sign.code.name != _CRASH:
            refusals.append(sign.code)
    return refusals[0] if refusals else None


def _named(sent: Sent) -> bool:
    return bool(sent.answer.request_id)


def _record(line: str) -> dict[str, Any] | None:
    try:
        found: object = json.loads(line)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
