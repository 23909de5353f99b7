"""A query has one reading, and it is Starlette's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from ringfence.boundary.request.malformed import MalformedError
from ringfence.boundary.request.query import Pairs, parse


def read(text: bytes, *, repeated: tuple[str, ...] = (), form: bool = False) -> Pairs:
    return parse(text, pairs=5, repeated=repeated, form=form)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (b"", []),
        (b"q=mug&sort=price", [("q", "mug"), ("sort", "price")]),
        (b"q=caf%C3%A9+au%20lait%2B", [("q", "café au lait+")]),
        (b"q=&flag&&x=a=b&", [("q", ""), ("flag", ""), ("x", "a=b")]),
        (b"q=a;b=c", [("q", "a;b=c")]),
    ],
)
def test_pairs_are_read_in_order(text: bytes, pairs: Pairs) -> None:
    assert read(text) == pairs


@pytest.mark.parametrize("text", [b"id=1&id=2", b"id=1&i%64=2", b"a&a", b"id=1&id=1"])
def test_a_name_that_repeats_is_refused(text: bytes) -> None:
    """ATTACKS I11: which of the two counts is a matter of the parser."""
    with pytest.raises(MalformedError, match="repeated name"):
        read(text)


def test_a_name_that_is_declared_to_repeat_may() -> None:
    assert read(b"tag=a&tag=b", repeated=("tag",)) == [("tag", "a"), ("tag", "b")]
    assert read(b"tag[]=a&tag%5B%5D=b") == [("tag[]", "a"), ("tag[]", "b")]


@pytest.mark.parametrize("text", [b"q=%", b"q=%zz", b"%4=1", b"q=%C3", b"q=%ff", b"q=%ed%a0%80"])
def test_a_broken_escape_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedError):
        read(text)


def test_a_letter_beyond_ascii_has_to_be_encoded() -> None:
    """Starlette reads it as Latin-1, others as UTF-8."""
    with pytest.raises(MalformedError, match="not ASCII"):
        read("q=café".encode())


@pytest.mark.parametrize(
    "text", [b"q=%00", b"q=a%0d%0aSet-Cookie:x", b"q=%1b[2J", b"%0a=1", b"q=\n"]
)
def test_a_control_character_is_refused(text: bytes) -> None:
    """ATTACKS I08 and I09."""
    with pytest.raises(MalformedError, match="control character"):
        read(text)


def test_a_form_may_hold_lines() -> None:
    assert read(b"note=a%0D%0A%09b", form=True) == [("note", "a\r\n\tb")]
    with pytest.raises(MalformedError):
        read(b"note=%00", form=True)
    with pytest.raises(MalformedError):
        read(b"no%0Ate=1", form=True)


def test_a_pair_more_than_allowed_is_refused() -> None:
    """ATTACKS H08."""
    read(b"a&b&c&d&e")
    with pytest.raises(MalformedError, match="too many"):
        read(b"a&b&c&d&e&f")


@given(st.lists(st.sampled_from(["a", "b=", "=", "&", "+", "%41", "%C3%A9", ";", "é", "[]"])))
def test_the_application_reads_the_same_pairs(pieces: list[str]) -> None:
    text = "".join(pieces).encode()
    try:
        pairs = parse(text, pairs=50, repeated=())
    except MalformedError:
        return
    assert QueryParams(text.decode("latin-1")).multi_items() == pairs
