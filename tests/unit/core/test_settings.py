"""A wrong setting stops the start and is reported by name, never by value."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from ringfence.core.errors import ConfigurationError
from ringfence.core.limit import limit
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
            "RINGFENCE_MFA_ROLES": "admin, superadmin",
            "RINGFENCE_MFA_GRACE_DAYS": "0",
            "RINGFENCE_SESSION_IDLE_DAYS": "1",
            "RINGFENCE_ADDRESS_LIMIT": "off",
            "RINGFENCE_ACCOUNT_LIMIT": "10/15m",
            "RINGFENCE_HANDLERS_AT_ONCE": "8",
            "RINGFENCE_HANDLER_SECONDS": "5",
            "STRIPE_KEY": "sk-81-long",
        },
        required=["STRIPE_KEY"],
    )
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert settings.allowed_origins == {"https://a.example", "https://b.example"}
    assert settings.body_limit_bytes == 2048
    assert settings.sign_up is False
    assert settings.mfa_roles == {"admin", "superadmin"}
    assert settings.mfa_grace == timedelta()
    assert settings.session_idle == timedelta(days=1)
    assert settings.address_limit is None
    assert settings.account_limit == limit("10/15m", by="account")
    assert (settings.handlers_at_once, settings.handler_seconds) == (8, 5)
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
        ("HSTS_DAYS", "731", "malformed"),
        ("HSTS_DAYS", "-1", "malformed"),
        ("HSTS_SUBDOMAINS", "yes", "malformed"),
        ("TOKEN_CACHE_BYTES", "-5", "malformed"),
        ("MAIL_FROM", "a\r\nBcc: x@y", "malformed"),
        ("SIGN_UP", "maybe", "malformed"),
        ("ADDRESS_LIMIT", "777", "malformed"),
        ("ACCOUNT_LIMIT", "1/year", "malformed"),
        ("HANDLERS_AT_ONCE", "-7", "malformed"),
        ("HANDLER_SECONDS", "soon", "malformed"),
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


def test_hsts_may_be_short_and_for_one_name_alone() -> None:
    settings = parse(GOOD | {"RINGFENCE_HSTS_DAYS": "0", "RINGFENCE_HSTS_SUBDOMAINS": "off"})
    assert (settings.hsts_max_age, settings.hsts_subdomains) == (timedelta(), False)
    assert parse(GOOD | {"RINGFENCE_HSTS_DAYS": "730"}).hsts_max_age == timedelta(days=730)


# ------------------------------------------------------------------------------------ in files


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_may_stand_in_a_file(tmp_path: Path, end: str) -> None:
    """Its own line break is no part of it, and a space is."""
    (tmp_path / "database").write_bytes(f"postgresql://app:Zt-91-x @db/auth{end}".encode())
    settings = parse(GOOD | {"RINGFENCE_DATABASE_FILE": str(tmp_path / "database")})
    assert settings.database == "postgresql://app:Zt-91-x @db/auth"


def test_what_stands_in_a_file_is_judged_alike(tmp_path: Path) -> None:
    (tmp_path / "weak").write_text("postgresql://app:postgres@db/x\n")
    (tmp_path / "malformed").write_text("mysql://db/x")
    weak = problems(GOOD | {"RINGFENCE_DATABASE_FILE": str(tmp_path / "weak")})
    malformed = problems(GOOD | {"RINGFENCE_DATABASE_FILE": str(tmp_path / "malformed")})
    assert weak == ("RINGFENCE_DATABASE is weak",)
    assert [each.partition(":")[0] for each in malformed] == ["RINGFENCE_DATABASE is malformed"]


def test_what_the_application_requires_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "stripe").write_text("sk-a-long-one\n")
    environ = GOOD | {"STRIPE_KEY_FILE": str(tmp_path / "stripe")}
    assert parse(environ, required=["STRIPE_KEY"]).extra == {"STRIPE_KEY": "sk-a-long-one"}


def test_a_file_that_cannot_be_read_stops_the_start_and_its_name_is_not_said(
    tmp_path: Path,
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    environ = {"RINGFENCE_MAIL_FILE": str(tmp_path / "nothing"), "RINGFENCE_ORIGIN": "https://a"}
    assert problems(environ) == ("RINGFENCE_MAIL_FILE cannot be read: No such file or directory",)
    environ = GOOD | {"RINGFENCE_LOG_FILE": str(tmp_path / "binary")}
    assert problems(environ) == ("RINGFENCE_LOG_FILE cannot be read: it is no text",)
    environ = GOOD | {"STRIPE_KEY_FILE": str(tmp_path)}
    assert problems(environ, "STRIPE_KEY") == ("STRIPE_KEY_FILE cannot be read: Is a directory",)


def test_a_value_and_a_file_at_once_stop_the_start(tmp_path: Path) -> None:
    """Which of the two is meant, nobody can know."""
    (tmp_path / "origin").write_text("https://other.example")
    environ = GOOD | {"RINGFENCE_ORIGIN_FILE": str(tmp_path / "origin")}
    assert problems(environ) == ("RINGFENCE_ORIGIN and RINGFENCE_ORIGIN_FILE are both set",)


def test_a_file_of_a_setting_that_does_not_exist_stops_the_start() -> None:
    assert problems(GOOD | {"RINGFENCE_DATABAS_FILE": "/x"}) == (
        "RINGFENCE_DATABAS_FILE is not known; RINGFENCE_DATABASE_FILE is",
    )


@pytest.mark.parametrize(
    ("text", "host", "ports"),
    [
        ("9464", "127.0.0.1", range(9464, 9465)),
        ("127.0.0.1:9464", "127.0.0.1", range(9464, 9465)),
        ("[::1]:9464-9467", "::1", range(9464, 9468)),
        ("127.0.0.1:65535", "127.0.0.1", range(65535, 65536)),
        ("open:10.0.0.5:9464", "10.0.0.5", range(9464, 9465)),
        ("open:0.0.0.0:9464", "0.0.0.0", range(9464, 9465)),  # noqa: S104  # the point
    ],
)
def test_where_metrics_are_read(text: str, host: str, ports: range) -> None:
    metrics = parse(GOOD | {"RINGFENCE_METRICS": text}).metrics
    assert metrics is not None
    assert (metrics.host, metrics.ports) == (host, ports)


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0:9464",
        "10.0.0.5:9464",
        "[::]:9464",
        "open:127.0.0.1:9464",
        "open:9464",
        "shop.example:9464",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:9467-9464",
        "127.0.0.1:9464-",
        "",
    ],
)
def test_metrics_are_not_shown_to_other_machines_unless_that_is_said(text: str) -> None:
    (problem,) = problems(GOOD | {"RINGFENCE_METRICS": text})
    assert problem.startswith("RINGFENCE_METRICS is malformed: PORT, ADDRESS:PORT")


def test_metrics_are_off_by_default() -> None:
    assert parse(GOOD).metrics is None
