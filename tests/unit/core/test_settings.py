"""A wrong setting stops the start and is reported by name, never by value."""

from datetime import timedelta
from ipaddress import ip_network

import pytest

from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import Environment, parse

GOOD = {
    "RINGFENCE_ORIGIN": "https://shop.example",
    "RINGFENCE_MAIL": "smtps://mailer:Kx82-long-enough@mail.example:465",
}


def problems(environ: dict[str, str], *required: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        parse(environ, required=required)
    return caught.value.problems


def test_unset_means_production() -> None:
    assert parse(GOOD).environment is Environment.PRODUCTION


def test_everything_that_can_be_set_is_read() -> None:
    settings = parse(
        GOOD
        | {
            "RINGFENCE_ENV": "test",
            "RINGFENCE_DATABASE": "postgresql://app:Zt-91-x-lantern@db/auth",
            "RINGFENCE_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8",
            "RINGFENCE_ALLOWED_ORIGINS": "https://a.example,https://b.example",
            "RINGFENCE_BODY_LIMIT_BYTES": "2048",
            "RINGFENCE_SIGN_UP": "off",
            "RINGFENCE_SESSION_IDLE_DAYS": "1",
            "STRIPE_KEY": "sk-81-long",
        },
        required=["STRIPE_KEY"],
    )
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert settings.allowed_origins == {"https://a.example", "https://b.example"}
    assert settings.body_limit_bytes == 2048
    assert settings.sign_up is False
    assert settings.session_idle == timedelta(days=1)
    assert settings.extra == {"STRIPE_KEY": "sk-81-long"}


def test_everything_wrong_is_reported_at_once() -> None:
    found = problems(
        {
            "RINGFENCE_ENV": "prod",
            "RINGFENCE_ORIGN": "https://typo.example",
            "RINGFENCE_BODY_LIMIT_BYTES": "-1",
            "STRIPE_KEY": "changeme",
        },
        "STRIPE_KEY",
        "OTHER_KEY",
    )
    assert set(found) == {
        "RINGFENCE_ENV is malformed: production, demo or test",
        "RINGFENCE_BODY_LIMIT_BYTES is malformed: a whole number above 0",
        "RINGFENCE_ORIGN is not known; RINGFENCE_ORIGIN is",
        "RINGFENCE_ORIGIN is missing",
        "RINGFENCE_MAIL is missing",
        "STRIPE_KEY is weak",
        "OTHER_KEY is missing",
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("ORIGIN", "http://shop.example", "must start with https"),
        ("ORIGIN", "https://shop.example/path", "malformed"),
        ("ORIGIN", "https://user:pw@shop.example", "malformed"),
        ("ORIGIN", "https://SHOP.example", "malformed"),
        ("ORIGIN", "shop.example", "malformed"),
        ("MAIL", "file:/tmp/mail", "must be smtp"),
        ("MAIL", "smtp://a:password@mail.example", "weak"),
        ("MAIL", "smtp://a:p%61ssword@mail.example", "weak"),
        ("DATABASE", "postgresql://postgres:postgres@db/x", "weak"),
        ("DATABASE", "postgresql://app:app@db/x", "weak"),
        ("DATABASE", "postgresql://app:@db/x", "weak"),
        ("DATABASE", "postgresql://app:p%6Fstgres@db/x", "weak"),
        ("DATABASE", "postgresql://%61pp:app@db/x", "weak"),
        ("DATABASE", "postgresql://app@db/x?password=postgres", "weak"),
        ("DATABASE", "postgresql://db/x?user=app&password=app", "weak"),
        ("DATABASE", "postgresql://app@db/x?password=", "weak"),
        ("DATABASE", "mysql://db/x", "malformed"),
        ("LAYERS_OFF", "authz", "not known"),
        ("LOG_LEVEL", "DEBUG", "too low"),
        ("LOG_LEVEL", "debug", "malformed"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "malformed"),
        ("SESSION_IDLE_DAYS", "8", "malformed"),
        ("SESSION_ABSOLUTE_DAYS", "31", "malformed"),
        ("TENANT", "a b", "malformed"),
        ("MAIL_FROM", "a\r\nBcc: x@y", "malformed"),
        ("SIGN_UP", "maybe", "malformed"),
    ],
)
def test_a_bad_value_stops_the_start_and_is_not_repeated(
    name: str, value: str, problem: str
) -> None:
    """ATTACKS U19: names only, also for default credentials of the database and of mail."""
    (found,) = problems(GOOD | {f"RINGFENCE_{name}": value})
    assert found.startswith(f"RINGFENCE_{name} ")
    assert problem in found
    assert value not in found
