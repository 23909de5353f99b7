"""The body that a route takes, declared beside its policy: these fields and no others.

    class OrderChange(msgspec.Struct, forbid_unknown_fields=True):
        item: str
        quantity: int

    @allow(owner(Order))
    @body(OrderChange)
    async def change_order(order: Owned[Order], request: Request) -> None: ...

The body is checked before the handler runs, so a handler that copies every field onto a row copies
only what was declared (mass assignment, ATTACKS I12; types, I11). The declaration is a struct that
refuses unknown fields at every depth. A struct that would accept them stops the import.

Sources: ASVS 5.0 requirements 2.2.1 and 15.3.3; DESIGN section 6, "wire messages".
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import inspect

from ringfence.core.errors import ConfigurationError, Refused

HandlerT = TypeVar("HandlerT", bound=Callable[..., object])

BODY_ATTRIBUTE: Final = "__ringfence_body__"

#: What msgspec repeats of the input; names of fields stay, to help correct the client.
_VALUE: Final = re.compile(r" '.*'(?= - at |$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Schema:
    """A declared body."""

    kind: type[msgspec.Struct]
    decoder: msgspec.json.Decoder[Any]

    def check(self, body: bytes | bytearray) -> None:
        """Raise ``body.invalid`` unless ``body`` is JSON of this kind."""
        try:
            self.decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            facts = {"schema": self.kind.__name__, "reason": _VALUE.sub("", str(error))}
            raise Refused("body.invalid", facts=facts) from None


def body(kind: type[msgspec.Struct]) -> Callable[[HandlerT], HandlerT]:
    """Declare the JSON body of a handler.

    Raises:
        ConfigurationError: A struct in it lets unknown fields pass.
    """
    if lax := _lax(inspect.type_info(kind)):
        raise ConfigurationError(
            *(f"{name}: use a msgspec.Struct with forbid_unknown_fields=True" for name in lax)
        )
    schema = Schema(kind, msgspec.json.Decoder(kind))

    def declare(handler: HandlerT) -> HandlerT:
        setattr(handler, BODY_ATTRIBUTE, schema)
        return handler

    return declare


def declared_body(handler: object) -> Schema | None:
    """The body declared on ``handler``, or on the ``endpoint`` of the route that it is."""
    function = getattr(handler, "endpoint", handler)
    while isinstance(function, functools.partial):
        function = cast("functools.partial[object]", function).func
    found = getattr(function, BODY_ATTRIBUTE, None)
    return found if isinstance(found, Schema) else None


def _lax(part: object, seen: frozenset[type] = frozenset()) -> list[str]:
    """Names of the types in msgspec's description that let unknown fields pass, at any depth."""
    if isinstance(part, tuple):
        items = cast("tuple[object, ...]", part)
        return [name for item in items for name in _lax(item, seen)]
    if not isinstance(part, inspect.Type | inspect.Field):
        return []
    found: list[str] = []
    if isinstance(part, inspect.StructType | inspect.DataclassType | inspect.TypedDictType):
        if part.cls in seen:
            return []
        seen |= {part.cls}
        if not isinstance(part, inspect.StructType) or not part.forbid_unknown_fields:
            found = [part.cls.__name__]
    for name in part.__struct_fields__:
        found += _lax(getattr(part, name), seen)
    return found
