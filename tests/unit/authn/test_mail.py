"""The letters: plain, short lines, and nothing in them that a stranger chose."""

import pytest

from ringfence.authn import mail
from ringfence.authn.mail import Letter

SITE = "https://shop.example"
LINK = f"{SITE}/auth/reset#token=rf_ln_x"
LETTERS = [
    mail.finish_sign_up(SITE, LINK),
    mail.already_signed_up(SITE),
    mail.reset_password(SITE, LINK),
    mail.password_changed(SITE),
]


@pytest.mark.parametrize("letter", LETTERS)
def test_letters_are_plain_ascii_in_short_lines(letter: Letter) -> None:
    assert letter.subject.isascii()
    assert letter.text.isascii()
    assert all(len(line) <= 78 for line in letter.text.splitlines())
    assert letter.text.endswith("\n")


@pytest.mark.parametrize("letter", LETTERS)
def test_letters_say_where_they_come_from_and_what_to_do(letter: Letter) -> None:
    assert "shop.example" in letter.subject
    assert f"\n\n{SITE}/auth/" in letter.text
    assert "If it was not you" in letter.text


def test_the_letters_with_a_link_say_how_long_it_works() -> None:
    assert "within 24 hours" in LETTERS[0].text
    assert "within 20 minutes" in LETTERS[2].text
