"""A multipart form has one reading, and it is the application's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import MultipartParser, parse_options_header

from ringfence.boundary.request.malformed import MalformedError
from ringfence.boundary.request.multipart import Part, parse

BOUNDARY = "b0undary"
NAMED = 'Content-Disposition: form-data; name="a"'


def form(*parts: str, tail: str = "--\r\n") -> bytes:
    return (
        "".join(f"--{BOUNDARY}\r\n{part}\r\n" for part in parts) + f"--{BOUNDARY}{tail}"
    ).encode()


def field(name: str, value: str = "v") -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


def read(body: bytes, *, repeated: tuple[str, ...] = (), parts: int = 3) -> list[Part]:
    return parse(body, BOUNDARY, parts=parts, repeated=repeated)


def test_fields_and_files_are_told_apart() -> None:
    file = (
        'Content-Disposition: form-data; name="f"; filename="a b.png"\r\n'
        "Content-Type: image/png\r\n\r\n\x00"
    )
    assert read(form(field("note", "a\r\nb"), file)) == [
        Part(name="note", filename=None, text="a\r\nb"),
        Part(name="f", filename="a b.png", text=""),
    ]


def test_a_form_may_be_empty() -> None:
    assert read(form()) == []


def test_a_part_more_than_allowed_is_refused() -> None:
    """ATTACKS H08."""
    read(form(field("a"), field("b"), field("c")))
    with pytest.raises(MalformedError, match="too many parts"):
        read(form(field("a"), field("b"), field("c"), field("d")))


def test_ten_thousand_parts_are_refused_at_once() -> None:
    """ATTACKS H08."""
    with pytest.raises(MalformedError, match="too many parts"):
        read(form(*["x"] * 10_000))


def test_a_name_that_repeats_is_refused() -> None:
    """ATTACKS I11."""
    body = form(field("a", "1"), field("a", "2"))
    with pytest.raises(MalformedError, match="repeated name"):
        read(body)
    assert len(read(body, repeated=("a",))) == 2
    assert len(read(form(field("a[]"), field("a[]")))) == 2


@pytest.mark.parametrize("tail", ["", "-", "--x", "--\r\nepilogue", "--\r\n\r\n", "\r\n"])
def test_a_form_that_is_not_closed_is_refused(tail: str) -> None:
    with pytest.raises(MalformedError):
        read(form(field("a"), tail=tail))


@pytest.mark.parametrize("prefix", [b"preamble", b"\r\n", b"x\r\n"])
def test_a_preamble_is_refused(prefix: bytes) -> None:
    with pytest.raises(MalformedError, match="preamble"):
        read(prefix + form(field("a")))


@pytest.mark.parametrize(
    "part",
    [
        "no head at all",
        f"{NAMED}",
        "Content-Type: text/plain\r\n\r\nv",
        'Content-Disposition: attachment; name="a"\r\n\r\nv',
        'Content-Disposition: form-data; name=""\r\n\r\nv',
        'Content-Disposition: form-data; filename="a"\r\n\r\nv',
        'Content-Disposition: form-data; name="a\\"b"\r\n\r\nv',
        'Content-Disposition: form-data; name="a\x00"\r\n\r\nv',
        'Content-Disposition : form-data; name="a"\r\n\r\nv',
        f'{NAMED}; name="b"\r\n\r\nv',
        f'{NAMED}; filename="b"; filename="c"\r\n\r\nv',
        f"{NAMED}; filename*=utf-8''b\r\n\r\nv",
        f'{NAMED}; filename="..\\x"\r\n\r\nv',
        f"{NAMED}\r\n{NAMED}\r\n\r\nv",
        f"{NAMED}\r\n folded\r\n\r\nv",
        f"{NAMED}\nX: y\r\n\r\nv",
        f"{NAMED}\r\nContent-Transfer-Encoding: base64\r\n\r\nv",
        f"{NAMED}\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\nv",
        f"{NAMED}\r\nX: {'y' * 4_096}\r\n\r\nv",
        field("a", "v\x00"),
        field("a", "v\x1b[2J"),
    ],
)
def test_a_part_with_two_readings_is_refused(part: str) -> None:
    with pytest.raises(MalformedError):
        read(form(part))


def test_padding_behind_a_boundary_is_refused() -> None:
    with pytest.raises(MalformedError):
        read(form(field("a")).replace(b"b0undary\r\n", b"b0undary \r\n"))


def test_a_field_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(MalformedError, match="not UTF-8"):
        read(form(field("a", "v")).replace(b"\r\nv", b"\r\n\xff"))


@pytest.mark.parametrize("boundary", ["", "x" * 71, "a\r\nb", 'a"b', "a ", "ä"])
def test_a_boundary_that_is_none_is_refused(boundary: str) -> None:
    with pytest.raises(MalformedError, match="boundary"):
        parse(b"", boundary, parts=3, repeated=())


PIECES = [
    "--b0undary",
    "--",
    "\r\n",
    "\r\n\r\n",
    'Content-Disposition: form-data; name="a"',
    'Content-Disposition: form-data; name="b"; filename="f"',
    "Content-Type: text/plain",
    "v",
    "\n",
    " ",
    field("c"),
    form(field("d")).decode(),
]


def application_reads(body: bytes) -> list[tuple[bytes, bytes | None, bytes]]:
    """Name, file name and content of each part, as Starlette's parser gives them."""
    found: list[tuple[bytes, bytes | None, bytes]] = []
    state: dict[str, bytes] = {}

    def begin() -> None:
        state.update(name=b"", value=b"", disposition=b"", content=b"")

    def add(key: str) -> object:
        def add_data(data: bytes, start: int, end: int) -> None:
            state[key] += data[start:end]

        return add_data

    def header_end() -> None:
        if state["name"].lower() == b"content-disposition":
            state["disposition"] = state["value"]
        state.update(name=b"", value=b"")

    def end() -> None:
        _, options = parse_options_header(state["disposition"])
        found.append((options[b"name"], options.get(b"filename"), state["content"]))

    callbacks: dict[str, object] = {
        "on_part_begin": begin,
        "on_header_field": add("name"),
        "on_header_value": add("value"),
        "on_header_end": header_end,
        "on_part_data": add("content"),
        "on_part_end": end,
    }
    parser = MultipartParser(BOUNDARY.encode(), callbacks)  # pyright: ignore[reportArgumentType]  # its TypedDict has no call signatures that fit
    parser.write(body)
    parser.finalize()
    return found


@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_the_application_reads_the_same_parts(text: str) -> None:
    body = text.encode()
    try:
        parts = parse(body, BOUNDARY, parts=9, repeated=("a", "b", "c", "d"))
    except MalformedError:
        return
    expected = [
        (part.name.encode(), part.filename and part.filename.encode(), part.text.encode())
        for part in parts
    ]
    given = [
        (name, file, b"" if file else content) for name, file, content in application_reads(body)
    ]
    assert given == expected
