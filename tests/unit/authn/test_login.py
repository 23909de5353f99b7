"""One mailbox has one login, and text that only looks like one has none."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringfence.authn.login import normalise
from ringfence.core.errors import Refused


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("alice@example.com", "alice@example.com"),
        ("Alice@Example.COM", "alice@example.com"),
        (" alice@example.com ", "alice@example.com"),
        ("alice.o'hara+shop=1@mail.example.com", "alice.o'hara+shop=1@mail.example.com"),
        ("admin@exämple.com", "admin@xn--exmple-cua.com"),
        ("admin@EXA\u0308MPLE.com", "admin@xn--exmple-cua.com"),  # an A and a combining diaeresis
        ("admin@xn--exmple-cua.com", "admin@xn--exmple-cua.com"),
        ("admin@faß.de", "admin@xn--fa-hia.de"),  # no longer the same as fass.de
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_spellings_of_one_mailbox_have_one_login(text: str, login: str) -> None:
    assert normalise(text) == login


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("alice\uff20example.com", "alice@example.com"),  # full-width @
        ("alice\ufe6bexample.com", "alice@example.com"),  # small @
        ("ａｌｉｃｅ@ｅｘａｍｐｌｅ.com", "alice@example.com"),
        ("\u212aate@example.com", "kate@example.com"),  # Kelvin sign
        ("\u017fam@example.com", "sam@example.com"),  # long s
        ("alice@example\u3002com", "alice@example.com"),  # ideographic full stop
    ],
)
def test_compatibility_forms_are_the_mailbox_that_gets_the_mail(text: str, login: str) -> None:
    """Ledger 8: normalised before the ``@`` is looked for, so that no check sees another text."""
    assert normalise(text) == login


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "alice",
        "alice@",
        "@example.com",
        "alice@@example.com",
        "alice@evil.example\uff20example.com",  # two, once normalised
        "alice\uff20evil.example@example.com",
        "al\u0131ce@example.com",  # dotless i
        "\u0430lice@example.com",  # Cyrillic a
        "ali\u00adce@example.com",  # soft hyphen
        "ali\u200bce@example.com",  # zero width space
        "\u202ealice@example.com",  # right-to-left override
        "alice\u0301@example.com",
        "alice@example\u200d.com",
        "alice\0@example.com",
        "alice@example.com\0",
        "alice@example.com\r\nBcc: mallory@example.com",
        "alice@example.com\n",
        "alice\t@example.com",
        "alice @example.com",
        "alice@ example.com",
        "alice@example.com,mallory@example.com",
        "<alice@example.com>",
        "Alice <alice@example.com>",
        '"alice"@example.com',
        "alice(comment)@example.com",
        ".alice@example.com",
        "alice.@example.com",
        "al..ice@example.com",
        "alice@localhost",
        "alice@example.com.",
        "alice@.example.com",
        "alice@example..com",
        "alice@127.0.0.1",
        "alice@[127.0.0.1]",
        "alice@-example.com",
        "alice@exa_mple.com",
        "alice@xn--a.com",
        "alice@" + "a" * 64 + ".com",
        "a" * 65 + "@example.com",
        "alice@" + "a." * 123 + "com",
        "alice@" + "ä." * 100 + "com",  # short as it is typed, too long in A-labels
        "a" * 1_000_000,
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="login.malformed"):
        normalise(text)


def test_the_longest_address_is_254_characters() -> None:
    """RFC 5321 section 4.5.3.1."""
    domain = ".".join(["d" * 63, "d" * 63, "d" * 57, "com"])
    assert len(normalise("a" * 64 + "@" + domain)) == 254
    with pytest.raises(Refused, match="login.malformed"):
        normalise("a" * 64 + "@d" + domain)


@given(st.one_of(st.text(), st.emails(), st.builds("{}@{}.com".format, st.text(), st.text())))
@example("\u2100@example.com")  # one character that becomes three
@example("ſ@ſ.com")
def test_a_normal_form_is_ascii_and_its_own_normal_form(text: str) -> None:
    try:
        login = normalise(text)
    except Refused:
        return
    assert login.isascii()
    assert login.isprintable()
    assert login == login.lower()
    assert login.count("@") == 1
    assert " " not in login
    assert len(login) <= 254
    assert normalise(login) == login
    assert normalise(login.upper()) == login
