"""ATTACKS I12 and I11: a body holds what its route declared, and nothing else."""

import functools
from dataclasses import dataclass
from typing import Annotated, TypedDict

import msgspec
import pytest
from starlette.routing import Route

from ringfence.boundary.request.schema import body, declared_body
from ringfence.core.errors import ConfigurationError, Refused


class Line(msgspec.Struct, forbid_unknown_fields=True):
    item: str
    parts: "list[Line]" = []


class Change(msgspec.Struct, forbid_unknown_fields=True):
    item: Annotated[str, msgspec.Meta(max_length=5)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1
    lines: list[Line] = []


@body(Change)
def handler() -> None: ...


def check(text: bytes) -> None:
    schema = declared_body(handler)
    assert schema is not None
    schema.check(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"item": "tea"}',
        b'{"item": "tea", "quantity": 9}',
        b'{"item": "tea", "lines": [{"item": "a", "parts": [{"item": "b"}]}]}',
    ],
)
def test_what_was_declared_passes(text: bytes) -> None:
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"item": "tea", "user_id": "mallory"}',
        b'{"item": "tea", "lines": [{"item": "a", "total": 1}]}',
        b'{"item": "tea", "lines": [{"item": "a", "parts": [{"item": "b", "total": 1}]}]}',
        b'{"quantity": 1}',
        b'{"item": "coffee"}',
        b'{"item": "tea", "quantity": 0}',
        b'{"item": "tea", "quantity": 10}',
        b'{"item": "tea", "quantity": "1"}',
        b'{"item": "tea", "quantity": 1.5}',
        b'{"item": "tea", "quantity": true}',
        b'{"item": {"$ne": null}}',
        b'{"item": null}',
        b"[]",
        b"null",
        b"",
        b"\xff",
        b'{"item": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(Refused, match="body.invalid"):
        check(text)


def test_a_handler_without_a_declaration_has_none() -> None:
    assert declared_body(test_what_was_declared_passes) is None
    assert declared_body(None) is None


def test_the_declaration_is_found_through_a_route_and_a_partial() -> None:
    route = Route("/", functools.partial(handler))
    assert declared_body(route) is declared_body(handler) is not None


class Lax(msgspec.Struct):
    item: str


class Holder(msgspec.Struct, forbid_unknown_fields=True):
    items: dict[str, list[Lax] | None] = {}


@dataclass
class Plain:
    item: str


class PlainHolder(msgspec.Struct, forbid_unknown_fields=True):
    item: Plain


class Keys(TypedDict):
    item: str


class KeysHolder(msgspec.Struct, forbid_unknown_fields=True):
    item: Keys


@pytest.mark.parametrize(
    ("kind", "name"), [(Lax, "Lax"), (Holder, "Lax"), (PlainHolder, "Plain"), (KeysHolder, "Keys")]
)
def test_a_type_that_lets_unknown_fields_pass_stops_the_import(
    kind: type[msgspec.Struct], name: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        body(kind)
