"""SQL text as tokens: what is no whole SQL has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.boundary.sql.lexer import HOLE, Dialect, tokens
from tests.growth import BEYOND_LINEAR, growth

SQLITE, POSTGRESQL, OTHER = Dialect.SQLITE, Dialect.POSTGRESQL, Dialect.OTHER


def kinds(text: str, dialect: Dialect) -> str:
    found = tokens(text, dialect, 100)
    return "broken" if found is None else " ".join(token.kind for token in found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT a, b.c", "word word op word op word"),
        ("'it''s'", "string"),
        ("'a' 'b'", "string string"),
        ('"a""b" `c` [d]', "name name name"),
        ("x'61'", "string"),
        ("1 1.5 .5 1e3 0x1F", "number number number number number"),
        ("1user_id", "number word"),
        ("a-5", "word op number"),
        ("a--5", "word comment"),
        ("a /* b */ c", "word comment word"),
        (":a ? ?1 @b $c", "param param param param param"),
        ("a::int", "word op op word"),
        (f"'%{HOLE}%' {HOLE} :p{HOLE} a{HOLE}", "string hole param word hole"),
        ("$$a$$", "broken"),
        ("E'a\\'", "word string"),
        ("x\u00a0y", "word"),  # a letter to SQLite
    ],
)
def test_on_sqlite(text: str, found: str) -> None:
    assert kinds(text, SQLITE) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("E'a\\'b'", "string"),
        ("e'a\\\\' 'b'", "string string"),
        ("E'a'\n'\\'b'", "string"),
        ("E'a' -- c\n '\\'b'", "string"),
        ("'a\\'", "string"),
        ("abe'a\\'", "word string"),
        ("$$it's$$ $a$ $$ $a$", "string string"),
        ("a$b$ $1", "word param"),
        ("U&'a' u&\"b\"", "string name"),
        ("%s %(a)s :b", "param param param"),
        ("a ? b", "word op word"),
        ("/* a /* b */ c */", "broken"),
        ("$$a", "broken"),
    ],
)
def test_on_postgresql(text: str, found: str) -> None:
    assert kinds(text, POSTGRESQL) == found


@pytest.mark.parametrize(
    ("text", "found"), [("'a\\'", "broken"), ("'a''b'", "string string"), ("`a`", "name")]
)
def test_of_a_database_whose_rules_nobody_knows(text: str, found: str) -> None:
    assert kinds(text, OTHER) == found


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("text", ["'a", '"a', "a /* b", "a\0b", "'a\0", "a /*/ b"])
def test_what_is_not_closed_has_no_tokens(text: str, dialect: Dialect) -> None:
    """Ledger 40: SQLite runs a statement whose last comment is not closed."""
    assert kinds(text, dialect) == "broken"


def test_there_are_as_many_tokens_as_were_asked_for() -> None:
    assert tokens("a a a", SQLITE, 3) is not None
    assert tokens("a a a a", SQLITE, 3) is None


def test_words_are_in_lower_case_and_what_is_quoted_is_as_written() -> None:
    found = tokens("SELECT \"A\", 'B'", SQLITE, 9)
    assert found is not None
    assert [token.text for token in found] == ["select", '"A"', ",", "'B'"]


@given(st.text(max_size=40), st.sampled_from(Dialect))
def test_tokens_cover_all_but_white_space(text: str, dialect: Dialect) -> None:
    found = tokens(text, dialect, 100)
    if found is not None:
        covered = {at for token in found for at in range(token.start, token.end)}
        assert all(char in " \t\n\f\r" for at, char in enumerate(text) if at not in covered)


@given(st.text(max_size=40))
def test_a_string_with_its_quotes_doubled_is_one_token(text: str) -> None:
    escaped = text.replace("'", "''").replace("\0", "")
    for dialect in (SQLITE, POSTGRESQL):
        assert kinds(f"'{escaped}'", dialect) == "string"


@pytest.mark.parametrize("end", [" ", "[", "\n\t", "'' ", "$", ":"])
@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL], ids=str)
def test_no_end_of_a_text_is_read_again_and_again(end: str, dialect: Dialect) -> None:
    """80,000 spaces at the end of one value took 5 s: each was begun at anew."""

    def work(size: int) -> object:
        return tokens("SELECT 1" + end * size, dialect, 4_000)

    assert growth(work, 2_000) < BEYOND_LINEAR


def test_a_bracket_that_is_not_closed_is_no_token_on_sqlite() -> None:
    assert kinds("a[", SQLITE) == "broken"
    assert kinds("[a]", SQLITE) == "name"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"IN ({'?, ' * 65_536}?)", "word op param op param op"),
        (f"IN ({'?, ' * 65_536}a)", "word op param op word op"),
        (f"{'(?, ?), ' * 65_536}(?)", "op param op param op op op param op"),
        (f"IN ({'?, ' * 500_000}?)", "broken"),
        (f"({'?,' * 15}?)", " ".join(["op", *["param op"] * 16])),
    ],
)
def test_of_a_long_row_of_placeholders_the_end_alone_is_read(text: str, found: str) -> None:
    """CWE-407: half a million of them once took a second."""
    assert kinds(text, SQLITE) == found
