"""What the SQL guard takes for a client's input."""

import json
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ringfence.boundary.request import inputs
from ringfence.boundary.request.body import Fields
from ringfence.boundary.request.inputs import of_current
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange, Slot, in_progress
from ringfence.core.policy import public
from ringfence.core.route import Entry, Match
from tests.unit.boundary.exchanges import HOST, during, exchange

SLOTS: dict[str, Slot[Any]] = {
    "query": inputs.QUERY,
    "body": inputs.BODY,
    "messages": inputs.MESSAGES,
}


def keep(made: Exchange, parts: dict[str, Any]) -> None:
    for name, part in parts.items():
        made.state[SLOTS[name]] = part


def values(**parts: Any) -> set[str]:
    made = exchange(path="/")
    keep(made, parts)
    return set(inputs.values(made))


def names(*headers: tuple[bytes, bytes], **parts: Any) -> set[str]:
    made = exchange(headers=headers)
    keep(made, parts)
    return set(inputs.names(made))


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
    assert "deep" in values(body={"a": '["[\\"deep\\"]"]'})
    assert values(query=[("where", "{not json")]) == {"{not json"}


def test_the_segments_of_a_mounted_path_are_inputs() -> None:
    made = exchange(path="/files/a/b")
    made.entry = Entry(pattern="/files", kind="mount", policy=public)
    assert set(inputs.values(made)) == {"files", "a", "b"}


def test_messages_of_a_websocket_are_inputs() -> None:
    assert values(messages=deque(["a", '{"b": "c"}'])) == {"a", '{"b": "c"}', "c"}


def test_a_body_of_a_declared_type_is_one_input() -> None:
    assert values(body=b"a,b\xff") == {"a,b\N{REPLACEMENT CHARACTER}"}


def test_names_and_headers_count_as_names() -> None:
    assert names((b"x-tenant", b"acme"), (b"user-agent", b"curl")) == {"acme", "curl"}
    assert names((b"cookie", b'a=1; b="x y"')) == {"1", "x y"}
    assert "x' y" in names((b"cookie", b'a="x\\047 y"'))
    assert names((b"cookie", b"a=1; x y")) == {"1", "x y"}  # Starlette: of the name ""
    assert names(query=[("q", "mug")], body={"a": [{"b": 1}]}) == {"q", "a", "b"}
    assert names(body=Fields(pairs=[("note", "hi")])) == {"note"}


def test_headers_of_the_protocol_do_not() -> None:
    assert not names(HOST, (b"accept", b"*/*"), (b"sec-fetch-mode", b"cors"), (b"te", b"x"))


def test_but_those_that_could_end_a_string_or_are_only_called_alike_do() -> None:
    assert names((b"tenant", b"x"), (b"hostname", b"y"), (b"sec-x", b"z")) == {"x", "y", "z"}
    for value in ("' or 1=1--", "\\", "%27 or 1=1--"):
        assert value in names((b"if-none-match", value.encode()))


def test_a_query_that_could_end_a_string_counts_as_it_came() -> None:
    made = exchange(query=b"a=1&b='")
    assert "a=1&b='" in set(inputs.names(made))


@pytest.mark.parametrize(
    "text",
    [
        ' {"a": "x y"}',
        '{\n"a": "x y"}',
        "%7B%22a%22%3A%22x%20y%22%7D",
        "eyJhIjogInggeSJ9",  # Base64 of {"a": "x y"}
        "eyJhIjoieCB5In0",  # without its padding
        "7b2261223a22782079227d",  # in hexadecimal
        '"ZXlKaElqb2llQ0I1SW4w"',  # Base64 twice, in JSON
        '{"' + "p" * 100_000 + '": "x y"}',
    ],
)
def test_what_is_encoded_within_a_value_is_an_input(text: str) -> None:
    assert "x y" in values(query=[("q", text)])
    assert "x y" in values(body=text.encode())
    assert "x y" in values(body={"a": text})
    if text.isprintable():
        assert "x y" in names((b"cookie", b"a=" + text.encode()), (b"x-a", text.encode()))


def test_what_is_encoded_within_a_path_is_an_input() -> None:
    made = exchange()
    made.match = Match(Entry(pattern="/{x}", policy=public), {"x": "eyJhIjogInggeSJ9"})
    made.entry = made.match.entry
    assert "x y" in set(inputs.values(made))


@pytest.mark.parametrize(
    "text", ["mug", "kettles1", "550e8400e29b41d4a716446655440000", "a=b", "%"]
)
def test_chance_encodes_nothing(text: str) -> None:
    assert values(query=[("q", text)]) == {text}


def test_a_body_counts_although_the_inputs_were_asked_for_before_it_came() -> None:
    """A policy's loader runs first: a statement of its own may have the SQL guard look."""
    made = exchange()
    made.state[inputs.QUERY] = [("q", "mug")]
    with during(made):
        (before,) = of_current()
        keep(made, {"body": {"note": "jar"}})
        (after,) = of_current()
    assert (before.words, after.words) == ({"mug"}, {"mug", "jar"})


def test_what_was_sent_is_known_as_it_came_and_as_it_is_read() -> None:
    headers = [HOST, (b"cookie", b"a=tea"), (b"x-note", b"jar")]
    made = exchange(path="/", query=b"q=a%20b", headers=headers)
    made.state[inputs.QUERY] = [("q", "a b")]
    keep(made, {"body": {"note": "mug"}})
    assert inputs.sent(made) == ["q=a%20b", "a b", "mug", "tea", "jar"]


@pytest.mark.parametrize("layer", [(), (Layer.BOUNDARY,)])
def test_with_the_layer_off_there_are_no_inputs(layer: tuple[Layer, ...]) -> None:
    made = exchange(off=layer)
    made.state[inputs.QUERY] = [("q", "mug")]
    with during(made):
        assert bool(list(of_current())) is not bool(layer)


def test_inputs_are_gathered_once() -> None:
    made = exchange()
    made.state[inputs.QUERY] = [("q", "mug")]
    with during(made):
        (first,) = of_current()
        (second,) = of_current()
    assert first is second


def test_messages_are_gathered_as_they_come() -> None:
    made = exchange(type="websocket")
    made.state[inputs.MESSAGES] = messages = deque(["mug"])
    with during(made):
        (before,) = of_current()
        messages.append("jar")
        (after,) = of_current()
    assert before.words == {"mug"}
    assert after.words == {"mug", "jar"}


def test_a_thread_without_a_request_is_given_those_of_all_requests() -> None:
    """Ledger 41 and 43: ``run_in_executor`` does not copy context variables."""
    made = exchange()
    made.state[inputs.QUERY] = [("q", "mug")]
    in_progress.add(made)

    def words() -> set[str]:
        return {word for each in of_current() for word in each.words}

    with ThreadPoolExecutor() as threads, during(made):
        assert "mug" in threads.submit(words).result()
    in_progress.discard(made)
    assert "mug" not in words()


def test_outside_of_requests_there_are_no_inputs() -> None:
    assert not list(of_current())


def nested(levels: int, size: int) -> str:
    """Text with each way to decode it open at each level."""
    text = "blue jug " * (size // 9) + "%" + "25" * 20 + "41"
    for _ in range(levels):
        text = json.dumps([text])
    return text


def test_texts_within_texts_do_not_multiply() -> None:
    """CWE-409: a body of 1 MB came to 70 MB of readings, and kept the loop for 20 seconds."""
    made = exchange(path="/")
    keep(made, {"body": [nested(3, 100_000)]})
    with during(made), pytest.raises(Refused) as refused:
        list(of_current())
    assert refused.value.code.name == "sql.injected"


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_what_is_nested_as_applications_do_it_is_read(levels: int) -> None:
    text = "blue jug " * 20_000
    for _ in range(levels):
        text = json.dumps({"q": text})
    made = exchange(path="/")
    keep(made, {"body": [text]})
    with during(made):
        (found,) = of_current()
    assert found.phrases
