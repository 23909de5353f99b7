"""Mails are well-formed, and no header can be injected into one."""

import email
import stat
from datetime import timedelta
from email.policy import default
from pathlib import Path

import pytest

from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import Settings
from ringfence.service.mailers import (
    FolderMailer,
    NoMailer,
    SmtpMailer,
    message,
    open_mailer,
)
from tests.unit.authn.flows import ALICE, NOON

LINK = "https://shop.example/auth/verify-email#token=rf_ln_" + "a" * 43
TEXT = f"Hello,\n\n{LINK}\n"


def test_a_mail_says_that_a_machine_sent_it_and_when() -> None:
    mail = message("noreply@shop.example", ALICE, "Hello", TEXT, NOON)
    assert mail["From"] == "noreply@shop.example"
    assert mail["To"] == ALICE
    assert mail["Date"] == "Thu, 01 Jan 2026 12:00:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@shop.example>")


def test_a_link_stays_in_one_piece() -> None:
    assert LINK in message("noreply@shop.example", ALICE, "Hello", TEXT, NOON).as_string()


@pytest.mark.parametrize("field", ["to", "subject"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_header_cannot_be_injected(field: str, end: str) -> None:
    """ATTACKS I08, for mail."""
    values = {"to": ALICE, "subject": "Hello"}
    values[field] += f"{end}Bcc: everybody@example.com"
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        message("noreply@shop.example", values["to"], values["subject"], TEXT, NOON)


async def test_a_folder_holds_whole_mails_in_the_order_of_time(tmp_path: Path) -> None:
    times = iter([NOON, NOON + timedelta(microseconds=1), NOON + timedelta(days=400)])
    mailer = FolderMailer(tmp_path / "mails", "noreply@shop.example", lambda: next(times))
    for subject in ("first", "second", "third"):
        await mailer.send(ALICE, subject, TEXT)
    files = sorted((tmp_path / "mails").iterdir())
    mails = [email.message_from_bytes(file.read_bytes(), policy=default) for file in files]
    assert [mail["Subject"] for mail in mails] == ["first", "second", "third"]
    assert all(file.suffix == ".eml" for file in files)
    assert mails[0].get_content().splitlines() == TEXT.splitlines()


async def test_nobody_else_reads_the_folder(tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path / "mails", "noreply@shop.example", lambda: NOON)
    await mailer.send(ALICE, "Hello", TEXT)
    (file,) = (tmp_path / "mails").iterdir()
    assert stat.S_IMODE((tmp_path / "mails").stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_settings_name_the_mailer(tmp_path: Path) -> None:
    folder = open_mailer(Settings(mail=f"file:{tmp_path}/mails"), lambda: NOON)
    assert isinstance(folder, FolderMailer)
    smtp = open_mailer(Settings(mail="smtp://user:p%40ss@mail.example"), lambda: NOON)
    assert isinstance(smtp, SmtpMailer)
    assert smtp._address == ("mail.example", 587)
    assert smtp._password is not None
    assert smtp._password.reveal() == "p@ss"
    smtps = open_mailer(Settings(mail="smtps://mail.example:4650"), lambda: NOON)
    assert isinstance(smtps, SmtpMailer)
    assert smtps._address == ("mail.example", 4650)


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="RINGFENCE_MAIL"):
        open_mailer(Settings(mail=f"file:{tmp_path}/file/mails"), lambda: NOON)


async def test_without_a_mailer_every_mail_fails_loudly() -> None:
    mailer = open_mailer(Settings(), lambda: NOON)
    assert isinstance(mailer, NoMailer)
    with pytest.raises(ConfigurationError, match="RINGFENCE_MAIL is missing"):
        await mailer.send(ALICE, "Hello", TEXT)
