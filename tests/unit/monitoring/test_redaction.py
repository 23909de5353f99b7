"""Secrets stay out of the log: ASVS 16.2.5, MUSTS L02, ATTACKS M01."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.core.secret import MASK, Secret
from ringfence.monitoring.redaction import Redactor
from tests.growth import BEYOND_LINEAR, MORE, growth
from tests.unit.monitoring.canaries import CANARIES, WAYS, pieces

REDACTOR = Redactor()
SENT = "blue teapot"


def test_there_are_twelve_canaries() -> None:
    assert len(CANARIES) == 12


@pytest.mark.parametrize(("name", "text"), WAYS)
def test_no_canary_is_left_in_a_text(name: str, text: str) -> None:
    redacted = REDACTOR.text(text)
    assert MASK in redacted
    assert not {piece for piece in pieces(name) if piece in redacted}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "x"),
        ("new_password", "x"),
        ("passwd", "x"),
        ("token", "x"),
        ("refresh_token", "x"),
        ("Authorization", "x"),
        ("set-cookie", "x"),
        ("cookie", "x"),
        ("api_key", "x"),
        ("client_key", "x"),
        ("otp", 123456),
        ("totp", "123456"),
        ("mfa_code", 123456),
        ("session_id", "x"),
        ("dsn", "x"),
        ("database_secret", "x"),
        ("reason", Secret("x")),
    ],
)
def test_a_fact_that_is_named_or_typed_like_a_secret_is_masked(
    name: str, value: str | int | Secret[str]
) -> None:
    assert REDACTOR.fact(name, value) == MASK


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reason", "not one whole image"),
        ("login", "0123456789abcdef0123456789abcdef"),  # a pseudonym
        ("account", "7f3a9c1e7f3a9c1e7f3a9c1e7f3a9c1e"),
        ("count", 123456),
        ("event", "subprocess.Popen"),
        ("reason", "too many redirects"),
        ("where", "ringfence_demo/app.py:279 boom < fastapi/routing.py:301 run_endpoint_function"),
        ("error", "sqlalchemy.exc.OperationalError"),
        ("message", "no such table: orders"),
        ("message", "division by zero"),
        ("fields", "body.password (string_too_short), body.quantity (missing)"),
        ("of", "token.invalid"),
    ],
)
def test_what_is_no_secret_stays_readable(name: str, value: str | int) -> None:
    assert REDACTOR.fact(name, value) == value


def test_an_address_keeps_its_host_when_it_is_redacted_again() -> None:
    once = REDACTOR.text("no route to postgresql://shop:secret@db.internal/shop")
    assert once == f"no route to postgresql://{MASK}@db.internal/shop"
    assert REDACTOR.text(once) == once


def test_the_passwords_of_this_process_are_found_wherever_they_stand() -> None:
    redactor = Redactor(["correct horse", "s3cr3t", "abcd"])
    assert redactor.text("tried correct horse, then s3cr3t") == f"tried {MASK}, then {MASK}"
    assert redactor.text("abcd") == "abcd"  # as short as a word


def test_the_longest_secret_is_masked_whole() -> None:
    assert Redactor(["battery", "battery staple"]).text("x battery staple y") == f"x {MASK} y"


def test_what_the_client_sent_is_taken_out_of_an_exceptions_words() -> None:
    text = REDACTOR.text("no product called blue teapot", sent=["blue teapot", "1"])
    assert text == f"no product called {MASK}"


@given(st.text(max_size=100), st.text(max_size=100))
def test_a_password_of_this_process_is_found_in_any_text(before: str, after: str) -> None:
    """Whatever stands around it: no text is an error, and none is a place to hide in."""
    secret = "violet kettle"
    redacted = Redactor([secret]).text(before + secret + after)
    assert secret not in redacted
    assert MASK in redacted


@given(st.sampled_from(WAYS), st.text(max_size=20), st.text(max_size=20))
def test_a_canary_is_found_between_other_words(
    way: tuple[str, str], before: str, after: str
) -> None:
    name, text = way
    redacted = REDACTOR.text(f"{before}\n{text}\n{after}")
    surroundings = before + after
    assert not {p for p in pieces(name) if p in redacted and p not in surroundings}


@pytest.mark.parametrize(
    ("part", "end"),
    [("a.a-", "://"), ("a://", ""), ("x.", " @"), ("aA1", " @"), ("password=", ""), ("a@", ""),
     ("eyJ", ""), ("cookie: ", ""), ("otp ", ""), ("x", ""), ("://", ""), ("Aa1_", ""),
     ("-----BEGIN PRIVATE KEY-----", ""), ("key (", ""), ("[parameters: ", ""), ("token_", "")],
)  # fmt: skip
def test_redaction_takes_as_long_as_its_text_is(part: str, end: str) -> None:
    """ATTACKS H08, CWE-1333: a pattern that backtracks is a denial of service."""
    texts = {times: part * times + end for times in (1_000, 1_000 * MORE)}
    assert growth(lambda times: REDACTOR.text(texts[times]), 1_000) < BEYOND_LINEAR


def test_the_values_that_were_sent_are_taken_out_in_a_time_that_grows_with_their_number() -> None:
    def redact(count: int) -> str:
        return REDACTOR.text(
            "no blue teapot", sent=[*map(str, range(10_000, 10_000 + count)), SENT]
        )

    assert redact(10) == f"no {MASK}"
    assert growth(redact, 2_500) < BEYOND_LINEAR


def test_a_password_as_long_as_a_token_is_redacted() -> None:
    """Clouds sign tokens of 1,000 characters and more to be used as a database's password."""
    text = Redactor().text(f"postgresql://app:{'%2F' * 600}SIGNATURE@db/accounts")
    assert text == f"postgresql://{MASK}@db/accounts"
