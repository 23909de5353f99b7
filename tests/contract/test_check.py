"""``ringfence check`` on PostgreSQL: what the service's role must not be (ATTACKS U19, M02)."""

import json

import pytest

from ringfence.cli import main
from tests.contract.server import Server

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ENV": "test", "ORIGIN": "http://127.0.0.1:8000", "MAIL": "file:x"}.items():
        monkeypatch.setenv(f"RINGFENCE_{name}", value)


def problems(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    monkeypatch.setenv("RINGFENCE_DATABASE", url)
    main(["check", "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    return next(each["problems"] for each in checks if each["check"] == "database")


def test_the_role_of_the_service_has_what_it_needs_and_nothing_more(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not problems(postgres.app_url, monkeypatch, capsys)


def test_the_owner_is_no_role_for_the_service(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = problems(postgres.owner_url, monkeypatch, capsys)
    assert "the role owns the tables: use ringfence_app" in found
    assert "the role may truncate tables" in found
    assert "the role may make tables" in found


def test_one_privilege_too_many_is_found(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres.execute("GRANT TRUNCATE ON ringfence.accounts TO ringfence_app")
    try:
        found = problems(postgres.app_url, monkeypatch, capsys)
    finally:
        postgres.execute("REVOKE TRUNCATE ON ringfence.accounts FROM ringfence_app")
    assert found == ["the role may truncate tables"]


def test_a_database_without_the_tables_is_told(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres.execute("REVOKE SELECT ON ringfence.alembic_version FROM ringfence_app")
    try:
        found = problems(postgres.app_url, monkeypatch, capsys)
    finally:
        postgres.execute("GRANT SELECT ON ringfence.alembic_version TO ringfence_app")
    assert found == ["the tables are missing, or hidden from this role"]
