"""Where a statement's literals and comments are, by the rules of each dialect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.boundary.request.malformed import MalformedError
from ringfence.boundary.sql.scan import Dialect, edges, fold, scan, split

SQLITE, POSTGRESQL = Dialect.SQLITE, Dialect.POSTGRESQL
BOTH = [SQLITE, POSTGRESQL]


def strings(text: str, dialect: Dialect) -> list[str]:
    return list(scan(text, dialect).inner("string"))


def code(text: str, dialect: Dialect = SQLITE) -> str:
    return " ".join(token.text or "''" for token in scan(text, dialect).tokens)


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT 'a', 'b''c', ''", ["a", "b''c", ""]),
        ("SELECT 'a\\', 'b'", ["a\\", "b"]),
        ("SELECT '--', '/*'", ["--", "/*"]),
        ("SELECT '''' -- it's", ["''"]),
        ("SELECT 1 /* it's */, 'a'", ["a"]),
        ("SELECT \"it's\", 'a'", ["a"]),
    ],
)
def test_strings_are_found(dialect: Dialect, text: str, found: list[str]) -> None:
    assert strings(text, dialect) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT E'a\\'b', 'c'", ["a\\'b", "c"]),
        ("SELECT e'a\\\\', 'c'", ["a\\\\", "c"]),
        ("SELECT E'a'\n'b\\'c'", ["a", "b\\'c"]),
        ("SELECT E'a' -- x\n'b\\'c'", ["a", "b\\'c"]),
        ("SELECT E'a', 'b\\'", ["a", "b\\"]),
        ("SELECT name'a\\', 'b'", ["a\\", "b"]),
        ("SELECT $$it's$$, 'a'", ["it's", "a"]),
        ("SELECT $x$a$$b$x$", ["a$$b"]),
        ("SELECT $1, a$b$c, 'd'", ["d"]),
        ("SELECT U&'d\\0061t', N'x'", ["d\\0061t", "x"]),
        ("SELECT 1 -- a\r'b'", ["b"]),
    ],
)
def test_strings_of_postgresql_are_found(text: str, found: list[str]) -> None:
    assert strings(text, POSTGRESQL) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT E'a\\', 'c'", ["a\\", "c"]),
        ("SELECT `it's`, 'a'", ["a"]),
        ("SELECT [it's], 'a'", ["a"]),
        ("SELECT $1, $$, 'a'", ["a"]),
        ("SELECT x'61'", ["61"]),
        ("SELECT 1 /* /* */ 'a' -- */", ["a"]),
    ],
)
def test_strings_of_sqlite_are_found(text: str, found: list[str]) -> None:
    assert strings(text, SQLITE) == found


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("text", ["'a", "'a''", '"a', "1 /* a", "/*/", "SELECT 'a' \"b", "a\0b"])
def test_what_is_not_closed_is_no_statement(dialect: Dialect, text: str) -> None:
    """Ledger 40: SQLite runs an unterminated comment; we do not."""
    with pytest.raises(MalformedError):
        scan(text, dialect)


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (SQLITE, "`a"),
        (SQLITE, "[a"),
        (POSTGRESQL, "E'a\\'"),
        (POSTGRESQL, "$$a"),
        (POSTGRESQL, "$x$a$$"),
        (POSTGRESQL, "/* /* */"),
    ],
)
def test_what_is_not_closed_by_one_dialect_is_no_statement_of_it(
    dialect: Dialect, text: str
) -> None:
    with pytest.raises(MalformedError):
        scan(text, dialect)


def test_comments_nest_in_postgresql() -> None:
    assert code("1 /* a /* b */ c */ 2", POSTGRESQL) == "1 2"
    assert code("1 /* a /* b */ c /* */ 2", SQLITE) == "1 c 2"


def test_the_code_is_split_into_tokens() -> None:
    assert code("SELECT a.b, 'x', 1.5e-3, 0xFF FROM \"T u\" WHERE c<=:q") == (
        "select a . b , '' , 1.5e-3 , 0xff from t u where c < = :q"
    )


def test_a_cast_is_no_parameter() -> None:
    assert code("a::text", POSTGRESQL) == "a : : text"


def test_literals_are_no_words_of_the_code_but_quoted_names_are() -> None:
    scanned = scan("SELECT 'secret' FROM \"hidden\" -- comment", SQLITE)
    assert "secret" not in scanned.vocabulary
    assert "comment" not in scanned.vocabulary
    assert "hidden" in scanned.vocabulary


def test_fragments_are_neighbours_in_the_code() -> None:
    found = scan("SELECT 1 WHERE a = 'x y' OR b", SQLITE).fragments
    assert {("where", "a", "="), ("a", "=", "'"), ("'", "or", "b")} <= found
    assert ("'", "x", "y") not in found


def test_edges_are_the_words_beside_a_quote() -> None:
    found = scan("SELECT 1 WHERE a = 'x y' OR b", SQLITE).edges
    assert found == {("'", "x"), ("y", "'")}
    assert edges(split("o'brien")) == {("o", "'"), ("'", "brien")}
    assert not scan("SELECT '', \"x\" -- 'y'", SQLITE).edges


def test_split_knows_marks() -> None:
    assert split("a='b'--c d") == ["a", "=", "'", "b", "'", "-", "-", "c", "d"]


@given(st.text())
def test_folding_keeps_every_position(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(
    st.lists(
        st.sampled_from(
            ["'", '"', "`", "[", "]", "--", "/*", "*/", "\n", "$$", "$a$", "E", "\\", "a", " ", "1"]
        )
    ).map("".join),
    st.sampled_from(BOTH),
)
def test_spans_follow_each_other_and_hold_their_contents(text: str, dialect: Dialect) -> None:
    try:
        scanned = scan(text, dialect)
    except MalformedError:
        return
    position = 0
    for span in scanned.spans:
        assert position <= span.start < span.first <= span.last <= span.end <= len(text)
        position = span.end
