"""Fields of rows that a client does not get: they are cut from JSON, whoever put them in.

What may be read of a class is declared beside whose its rows are (``Resource(reads=…)``). A handler
that answers with a whole row shows the hash of a password as well (ATTACKS Z05). Here the answer
has left the handler. It is known by the names of its fields, and is looked at in one pass; only
where such a name is found, it is read, cut, and written again.

Two classes may have a column of one name, which one of them shows. Then it is cut from the answers
to requests that have read rows of the one that hides it.

Sources: OWASP API3:2023; ASVS 5.0 requirement 15.3.1.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from ringfence.core.exchange import READ, Exchange
from ringfence.core.ownership import Fields, folded
from ringfence.output.headers import Header

_KEY: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"\s*+:')
_JSON: Final = re.compile(rb"application/(?:[a-z0-9.-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
_SETS_OF_ROLES: Final = 256


class _Hidden(NamedTuple):
    always: frozenset[str]
    where_read: Mapping[type, frozenset[str]]  # by the class that hides them


class Veil:
    """What is cut from the answers of one site.

    Args:
        fields: Of all classes; those of which nothing is declared show every column.
    """

    def __init__(self, fields: Iterable[Fields]) -> None:
        self._fields: Final = tuple(fields)
        self._hides: Final = any(each.reads is not None for each in self._fields)
        self._for: Final = lru_cache(_SETS_OF_ROLES)(self._work_out)

    def __bool__(self) -> bool:
        return self._hides

    def may_hide(self, exchange: Exchange, headers: Sequence[Header]) -> bool:
        """Whether an answer of the application has to be looked at when it is whole."""
        if not self._hides or exchange.entry is None or exchange.entry.own:
            return False
        return any(name == b"content-type" and _JSON.match(value) for name, value in headers)

    def cut(
        self, exchange: Exchange, headers: Sequence[Header], body: bytes, *, whole: bool = True
    ) -> tuple[bytes, frozenset[str]]:
        """The body as it may leave, and the names of the fields that it has lost.

        Raises:
            ValueError: It cannot be judged: it is compressed, not ``whole`` because it is too long,
                or holds such a name and is no JSON.
        """
        if not whole:
            raise ValueError("too long")
        if any(name == b"content-encoding" and value != b"identity" for name, value in headers):
            raise ValueError("compressed")
        hidden = self._of(exchange)
        keys: list[bytes] = _KEY.findall(body)
        found = hidden.intersection(map(_text, set(keys)))
        if not found:
            return body, found
        try:
            value = _without(json.loads(body), hidden)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), found

    def _of(self, exchange: Exchange) -> frozenset[str]:
        nothing, principal = frozenset[str](), exchange.principal
        roles = principal.roles if principal is not None else nothing
        hidden = self._for(roles)
        read = exchange.state.get(READ, set[type]())
        return hidden.always.union(*(hidden.where_read.get(kind, nothing) for kind in read))

    def _work_out(self, roles: frozenset[str]) -> _Hidden:
        hidden = {each.kind: each.hidden(roles) for each in self._fields}
        shown = {
            name for each in self._fields for name in {*map(folded, each.names)} - hidden[each.kind]
        }
        return _Hidden(frozenset[str]().union(*hidden.values()) - shown, hidden)


def _text(key: bytes) -> str:
    """The name that a key of a JSON object spells."""
    if b"\\" not in key:
        return folded(key.decode("utf-8", "replace"))
    return folded(str(json.loads(b'"' + key + b'"')))


def _without(value: Any, hidden: frozenset[str]) -> Any:  # noqa: ANN401  # any JSON
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return {key: _without(each, hidden) for key, each in members if folded(key) not in hidden}
    if isinstance(value, list):
        return [_without(each, hidden) for each in cast("list[Any]", value)]
    return value


NO_VEIL: Final = Veil(())
