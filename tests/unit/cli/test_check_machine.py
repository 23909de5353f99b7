"""What surrounds the program: each boundary, on both sides of it."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringfence.cli.check import machine
from ringfence.cli.check.finding import Finding
from ringfence.core.settings import Environment, Settings

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def texts(finding: Finding) -> list[str]:
    return [problem.text for problem in finding.problems]


@pytest.mark.parametrize(
    ("own", "wide"),
    [("10.0.0.0/8", "8.0.0.0/7"), ("fd00::/16", "fc00::/15"), ("127.0.0.1/32", "0.0.0.0/0")],
)
def test_a_network_that_is_trusted_is_ones_own(own: str, wide: str) -> None:
    """Whoever sits in it names the address of any client (Ledger 18)."""
    assert machine.proxies(Settings(trusted_proxies=(ipaddress.ip_network(own),))).ok
    assert not machine.proxies(Settings(trusted_proxies=(ipaddress.ip_network(wide),))).ok


def test_in_production_a_proxy_that_is_not_declared_is_a_warning() -> None:
    finding = machine.proxies(Settings())
    assert (finding.errors, finding.warnings) == (0, 1)
    assert not machine.proxies(Settings(environment=Environment.TEST)).problems


@pytest.mark.parametrize(
    ("soft", "errors", "warnings"),
    [(255, 1, 0), (256, 0, 1), (4095, 0, 1), (4096, 0, 0), (-1, 0, 0)],
)
def test_few_open_files_are_told(soft: int, errors: int, warnings: int) -> None:
    finding = machine.open_files(soft)
    assert (finding.errors, finding.warnings) == (errors, warnings)


def test_a_clock_before_this_program_was_made_is_wrong() -> None:
    settings = Settings(environment=Environment.TEST)
    old = machine.clock(settings, datetime(1970, 1, 1, tzinfo=UTC))
    assert texts(old) == ["the clock is set to a time before this program was made"]
    assert not machine.clock(settings, NOW).problems


def test_the_newest_time_in_the_database_is_not_ahead_of_the_clock() -> None:
    settings = Settings(environment=Environment.TEST)
    assert machine.clock(settings, NOW, NOW).ok
    assert not machine.clock(settings, NOW, NOW + timedelta(microseconds=1)).ok


def test_in_production_a_clock_that_nobody_keeps_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "unsynchronised", lambda: True)
    finding = machine.clock(Settings(), NOW)
    assert (finding.errors, finding.warnings) == (0, 1)
    assert not machine.clock(Settings(environment=Environment.TEST), NOW).problems
    monkeypatch.setattr(machine, "unsynchronised", lambda: False)
    assert not machine.clock(Settings(), NOW).problems


def test_the_kernel_is_asked_and_answers() -> None:
    assert machine.unsynchronised() in {True, False}


def test_a_log_that_others_can_read_is_found(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch(0o600)
    settings = Settings(log=str(log))
    assert machine.files(settings).ok
    log.chmod(0o604)
    assert texts(machine.files(settings)) == ["the log is open to other users"]


def test_mail_that_others_can_read_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir(mode=0o700)
    settings = Settings(environment=Environment.TEST, mail=f"file:{folder}")
    assert machine.files(settings).ok
    folder.chmod(0o750)
    assert texts(machine.files(settings)) == ["the mail folder is open to other users"]


def test_a_log_in_a_folder_that_is_missing_cannot_be_written(tmp_path: Path) -> None:
    settings = Settings(log=str(tmp_path / "nowhere" / "log"))
    assert texts(machine.files(settings)) == ["the log cannot be written by this user"]
