"""JSON has one reading."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.boundary.request import strict_json
from ringfence.boundary.request.malformed import MalformedError
from ringfence.boundary.request.strict_json import parse


@pytest.mark.parametrize(
    ("document", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, -2.5, "x", true, null]}\n', {"a": [1, -2.5, "x", True, None]}),
        (b'{"a": {"a": 1}, "b": {"a": 1}}', {"a": {"a": 1}, "b": {"a": 1}}),
        (b'"a:b,[{\\"\\\\"', 'a:b,[{"\\'),
        (b'"\\ud83d\\ude00\\n\\t"', "😀\n\t"),
        ("é".join('""').encode(), "é"),
        (b"9223372036854775807", 2**63 - 1),
        (b"1e300", 1e300),
        (b"1e-400", 0.0),
        (b'"1e400 NaN 99999999999999999999"', "1e400 NaN 99999999999999999999"),
    ],
)
def test_strict_json_is_read(document: bytes, value: object) -> None:
    assert parse(document) == value


@pytest.mark.parametrize(
    "document",
    [
        b'{"role": "user", "role": "admin"}',
        b'{"role" :"user","role":"admin"}',
        b'{"role":"user","\\u0072ole":"admin"}',
        b'{"a": [{"b": 1, "b": 1}]}',
        b'{"": 1, "": 2}',
    ],
)
def test_a_name_that_repeats_is_refused(document: bytes) -> None:
    """ATTACKS I11."""
    with pytest.raises(MalformedError, match="repeated name"):
        parse(document)


@pytest.mark.parametrize("document", [b"NaN", b"[Infinity]", b'{"a": -Infinity}'])
def test_what_is_no_number_is_refused(document: bytes) -> None:
    """ATTACKS I11."""
    with pytest.raises(MalformedError, match="is not JSON"):
        parse(document)


@pytest.mark.parametrize(
    "document",
    [
        b"1e400",
        b"-1E400",
        b"[1e+400]",
        b"1e0400",
        b"1" * 400 + b".5",
        b"9223372036854775808",
        b"-9223372036854775809",
        b'{"a": 1' + b"0" * 30 + b"}",
    ],
)
def test_a_number_that_no_database_holds_is_refused(document: bytes) -> None:
    """ATTACKS I11."""
    with pytest.raises(MalformedError, match="out of range"):
        parse(document)


@pytest.mark.parametrize(
    "document",
    [b'"\\ud800"', b'"\\uDC00"', b'"\\ud800\\ud800"', b'{"\\udfff": 1}', b'["a\\ud83d"]'],
)
def test_half_of_a_surrogate_pair_is_refused(document: bytes) -> None:
    with pytest.raises(MalformedError, match="forbidden character"):
        parse(document)


@pytest.mark.parametrize(
    "document", [b'"a\\u0000"', b'"\\u001b[2J"', b'"\\b"', b'["\\f"]', b'"\x7f"', b'{"\\u0000": 1}']
)
def test_a_control_character_is_refused(document: bytes) -> None:
    """ATTACKS I08 and I09; C ends a string at NUL, PostgreSQL refuses it with an error."""
    with pytest.raises(MalformedError, match="forbidden character"):
        parse(document)


def test_an_escaped_backslash_is_none() -> None:
    assert parse(b'"\\\\u0000 \\\\b"') == "\\u0000 \\b"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        "{}".encode("utf-32"),
        b'"\xff"',
        b'"\xc0\xaf"',
        b'"\xed\xa0\x80"',
        b'"a\nb"',
        b'"a\0b"',
        b"{}\0",
        b"{} {}",
        b"[1,]",
        b"{'a': 1}",
        b"{a: 1}",
        b"/**/1",
        b"01",
        b"+1",
        b".5",
        b"0x10",
        b'{"a": 1',
        b'{"a": "b}',
        b'"\\x41"',
        b"1" * 5_000,
    ],
)
def test_what_is_no_json_in_utf_8_is_refused(document: bytes) -> None:
    with pytest.raises(MalformedError):
        parse(document)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_a_level_more_than_allowed_is_refused(opening: bytes, closing: bytes) -> None:
    """ATTACKS H08."""
    depth = strict_json.DEPTH
    parse(opening * depth + b"1" + closing * depth)
    with pytest.raises(MalformedError, match="too deep"):
        parse(opening * (depth + 1) + b"1" + closing * (depth + 1))


@pytest.mark.parametrize("document", [b"[" * 100_000, b'{"a":' * 100_000, b"[]" * 9_000])
def test_a_hundred_thousand_levels_cost_nothing(document: bytes) -> None:
    """ATTACKS H08."""
    with pytest.raises(MalformedError):
        parse(document)


def test_brackets_in_strings_are_no_levels() -> None:
    assert parse(b'["' + b"[" * 50 + b'"]') == ["[" * 50]
    closed = b'["]",' * 40 + b'"' + b"[" * 40 + b'"' + b"]" * 40
    with pytest.raises(MalformedError, match="too deep"):
        parse(closed)


def test_a_value_more_than_allowed_is_refused() -> None:
    """ATTACKS H08."""
    parse(b"[" + b",".join([b"1"] * strict_json.VALUES) + b"]")
    with pytest.raises(MalformedError, match="too many values"):
        parse(b"[" + b",".join([b"1"] * (strict_json.VALUES + 1)) + b"]")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(blacklist_categories=["Cs", "Cc"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(blacklist_categories=["Cs", "Cc"])), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_whatever_can_be_written_is_read_again(value: Any, ascii_only: bool) -> None:  # noqa: FBT001  # a drawn value
    document = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse(document) == value


@given(
    st.lists(
        st.sampled_from(
            ["{", "}", "[", "]", '"', "\\", "a", ":", ",", "1", "e9", "\\u0061", '"a"', " "]
        )
    ).map("".join)
)
def test_what_is_read_is_what_the_standard_library_reads(text: str) -> None:
    try:
        value = parse(text.encode())
    except MalformedError:
        return
    assert json.loads(text) == value
