"""What a client sent: as one text for the SQL guard, and string by string for the log."""

import json
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.boundary.request import inputs
from ringfence.boundary.request.body import Fields
from ringfence.core.exchange import Exchange, Slot
from ringfence.core.policy import public
from ringfence.core.route import Entry, Match
from tests.unit.boundary.exchanges import HOST, exchange

SLOTS: dict[str, Slot[Any]] = {
    "query": inputs.QUERY,
    "body": inputs.BODY,
    "document": inputs.JSON,
    "messages": inputs.MESSAGES,
}


def keep(made: Exchange, parts: dict[str, Any]) -> None:
    for name, part in parts.items():
        made.state[SLOTS[name]] = part


def values(**parts: Any) -> set[str]:
    made = exchange(path="/")
    keep(made, parts)
    return set(inputs.values(made))


def text(*headers: tuple[bytes, bytes], query: bytes = b"", **parts: Any) -> list[str]:
    made = exchange(headers=headers, query=query, path="/path")
    keep(made, parts)
    return inputs.text(made).split("\0")


def test_values_of_query_form_and_path_are_inputs() -> None:
    assert values(query=[("q", "mug")]) == {"mug"}
    form = Fields(pairs=[("note", "hi"), ("f", "")], filenames=("a.png",))
    assert values(body=form) == {"hi", "", "a.png"}
    made = exchange()
    made.match = Match(Entry(pattern="/{x}", policy=public), {"x": "17"})
    made.entry = made.match.entry
    assert set(inputs.values(made)) == {"17"}


def test_every_string_and_number_of_a_json_body_is_an_input() -> None:
    body = {"a": ["x", {"b": -5}], "c": 1.5, "d": True, "e": None}
    assert values(body=body) == {"x", "-5", "1.5"}
    assert values(body="text") == {"text"}


def test_json_within_a_string_is_read_too() -> None:
    text = '{"filter": {"name": "x\' OR 1=1"}}'
    assert values(query=[("where", text)]) == {text, "x' OR 1=1"}
    assert "deep" in values(body={"a": '["deep"]'})
    assert values(query=[("where", "{not json")]) == {"{not json"}


def test_the_segments_of_a_mounted_path_are_inputs() -> None:
    made = exchange(path="/files/a/b")
    made.entry = Entry(pattern="/files", kind="mount", policy=public)
    assert set(inputs.values(made)) == {"files", "a", "b"}


def test_messages_of_a_websocket_are_inputs() -> None:
    assert values(messages=deque(["a", '{"b": "c"}'])) == {"a", '{"b": "c"}', "c"}


def test_a_body_of_a_declared_type_is_one_input() -> None:
    assert values(body=b"a,b\xff") == {"a,b\N{REPLACEMENT CHARACTER}"}


@pytest.mark.parametrize(
    "text",
    [
        ' {"a": "x y"}',
        '{\n"a": "x y"}',
        "x%20y",
        "eCB5IGluIEJhc2U2NA==",
        "eCB5IGluIEJhc2U2NA",  # without its padding
        "78207920696e206865782e",
        '{"' + "p" * 100_000 + '": "x y"}',
    ],
)
def test_what_is_encoded_within_a_value_is_an_input(text: str) -> None:
    for found in (
        values(query=[("q", text)]),
        values(body=text.encode()),
        values(body={"a": text}),
    ):
        assert any(each.startswith("x y") for each in found)


def test_what_is_encoded_within_a_path_is_an_input() -> None:
    made = exchange()
    made.match = Match(Entry(pattern="/{x}", policy=public), {"x": "eCB5IGluIEJhc2U2NA"})
    made.entry = made.match.entry
    assert "x y in Base64" in set(inputs.values(made))


@pytest.mark.parametrize(
    "text", ["mug", "kettles1", "550e8400e29b41d4a716446655440000", "a=b", "%"]
)
def test_chance_encodes_nothing(text: str) -> None:
    assert values(query=[("q", text)]) == {text}


def test_what_was_sent_is_known_as_it_came_and_as_it_is_read() -> None:
    headers = [HOST, (b"cookie", b"a=tea"), (b"x-note", b"jar")]
    made = exchange(path="/", query=b"q=a%20b", headers=headers)
    made.state[inputs.QUERY] = [("q", "a b")]
    keep(made, {"body": {"note": "mug"}})
    assert inputs.sent(made) == ["q=a%20b", "a b", "mug", "tea", "jar"]


def test_the_text_has_all_that_was_sent_in_lower_case() -> None:
    form = Fields(pairs=[("Note", "Hi")], filenames=("A.png",))
    assert text((b"x-note", b"Jar"), (b"cookie", b"a=B"), query=b"q=A%20b", body=form) == [
        *("/path", "/path", "q=a%20b", "q=a b", "jar", "a=b", "note", "hi", "a.png")
    ]
    assert text(body=b"A,b")[-1] == "a,b"
    body = {"A": ["it's", 5, {"B": 'x "y"'}]}
    assert text(body=body, document=json.dumps(body).encode())[-1] == (
        '{"a": ["it\'s", 5, {"b": "x "y""}]}'
    )


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_the_text_has_a_string_of_json_as_a_handler_reads_it(value: str) -> None:
    """However it was escaped: a quote may come as its number."""
    readable = json.dumps(value, ensure_ascii=False).encode()
    escaped = "".join(f"\\u{unit:04x}" for unit in _utf_16(value))
    for document in (readable, json.dumps(value).encode(), f'"{escaped}"'.encode()):
        found = text(body=value, document=document)[-1].encode("utf-16", "surrogatepass")
        assert f'"{value}"'.lower() in found.decode("utf-16")


def _utf_16(value: str) -> list[int]:
    data = value.encode("utf-16-le")
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]


def test_slashes_and_backslashes_of_json() -> None:
    for document, value in (
        (b'"a\\/b"', "a/b"),
        (b'"a\\\\/b"', "a\\/b"),
        (b'"\\\\u0027"', "\\u0027"),
    ):
        assert json.loads(document) == value
        assert text(body=value, document=document)[-1] == f'"{value}"'


def test_a_body_counts_although_the_text_was_asked_for_before_it_came() -> None:
    """A policy's loader runs first: a statement of its own may have the SQL guard look."""
    made = exchange(query=b"q=mug")
    assert "jar" not in inputs.text(made)
    keep(made, {"body": {"note": "jar"}, "document": b'{"note": "jar"}'})
    assert "mug" in inputs.text(made)
    assert "jar" in inputs.text(made)


def test_the_text_is_made_once() -> None:
    made = exchange(query=b"q=mug")
    assert inputs.text(made) is inputs.text(made)


def test_messages_are_gathered_as_they_come() -> None:
    made = exchange(type="websocket")
    made.state[inputs.MESSAGES] = messages = deque(["mug"], maxlen=1)
    assert inputs.text(made).endswith("mug")
    messages.append("jar")
    assert inputs.text(made).endswith("jar")
