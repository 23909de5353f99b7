"""How mail is delivered: by SMTP, or into a folder where demos and tests read it.

A header cannot be injected: the message is built by the standard library, which refuses line
breaks in a header, from a login in its normal form. SMTP is spoken under TLS with a verified
certificate or not at all; the server is expected to be a relay that queues and retries.

Sources: RFC 5322, RFC 3834 (automatic mail), RFC 8314 (TLS for submission).
"""

import asyncio
import os
import smtplib
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path
from secrets import token_hex
from typing import Final
from urllib.parse import unquote, urlsplit

from ringfence.authn.mail import Mailer, UndeliverableError
from ringfence.core.errors import ConfigurationError
from ringfence.core.secret import Secret
from ringfence.core.settings import Settings

_PATIENCE_SECONDS: Final = 10
_FOR_GOOD: Final = 500  # SMTP codes from here on refuse this very mail, and will refuse it again
_PORTS: Final = {"smtp": 587, "smtps": 465}


def message(sender: str, to: str, subject: str, text: str, at: datetime) -> EmailMessage:
    """A mail as it is sent.

    Raises:
        ValueError: A header holds a line break.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text, cte="7bit")  # links stay in one piece, whoever reads the source
    return mail


class FolderMailer:
    """Writes each mail as an ``.eml`` file; the names sort by time."""

    def __init__(self, folder: Path, sender: str, clock: Callable[[], datetime]) -> None:
        self._folder: Final = folder
        self._sender: Final = sender
        self._clock: Final = clock
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def send(self, to: str, subject: str, text: str) -> None:
        """Write the mail; whoever lists the folder never sees half of one."""
        now = self._clock()
        data = message(self._sender, to, subject, text, now).as_bytes()
        await asyncio.to_thread(self._write, f"{now:%Y%m%dT%H%M%S.%f}-{token_hex(4)}", data)

    def _write(self, name: str, data: bytes) -> None:
        unfinished = self._folder / f".{name}"
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        unfinished.rename(self._folder / f"{name}.eml")


class SmtpMailer:
    """Hands each mail to a relay, in a thread of its own."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        clock: Callable[[], datetime],
        user: str = "",
        password: Secret[str] | None = None,
        implicit_tls: bool = False,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._address: Final = (host, port)
        self._sender: Final = sender
        self._clock: Final = clock
        self._user: Final = user
        self._password: Final = password
        self._implicit_tls: Final = implicit_tls
        self._context: Final = context or ssl.create_default_context()
        # Of its own: a relay that hangs must not take threads from anything else.
        self._threads: Final = ThreadPoolExecutor(2, "ringfence-mail")

    async def send(self, to: str, subject: str, text: str) -> None:
        """Deliver the mail. Raises OSError: an SMTPException, or ``UndeliverableError``."""
        mail = message(self._sender, to, subject, text, self._clock())
        await asyncio.get_running_loop().run_in_executor(self._threads, self._deliver, mail)

    def _deliver(self, mail: EmailMessage) -> None:
        host, port = self._address
        if self._implicit_tls:
            relay = smtplib.SMTP_SSL(host, port, timeout=_PATIENCE_SECONDS, context=self._context)
        else:
            relay = smtplib.SMTP(host, port, timeout=_PATIENCE_SECONDS)
        with relay:
            if not self._implicit_tls:
                relay.starttls(context=self._context)  # raises where the relay does not offer it
            if self._password is not None:
                relay.login(self._user, self._password.reveal())
            try:
                relay.send_message(mail)
            except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as refused:
                if (code := _lowest(refused)) >= _FOR_GOOD:
                    raise UndeliverableError(code) from None
                raise


def _lowest(refused: smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) -> int:
    """The code that the relay gave; of several recipients, the least final one (the lowest)."""
    if isinstance(refused, smtplib.SMTPDataError):
        return refused.smtp_code
    return min(code for code, _ in refused.recipients.values())


class NoMailer:
    """Delivers nothing, and says so each time: for demos and tests without mail."""

    async def send(self, _to: str, _subject: str, _text: str, /) -> None:
        """Raises ConfigurationError."""
        raise ConfigurationError("RINGFENCE_MAIL is missing")


def open_mailer(settings: Settings, clock: Callable[[], datetime]) -> Mailer:
    """The mailer that the settings name; ``parse`` sees to it that in production they name one.

    Raises:
        ConfigurationError: The folder cannot be made.
    """
    if not settings.mail:
        return NoMailer()
    parts = urlsplit(settings.mail)
    if parts.scheme == "file":
        try:
            return FolderMailer(Path(unquote(parts.netloc + parts.path)), settings.mail_from, clock)
        except OSError as error:
            raise ConfigurationError("RINGFENCE_MAIL is no folder to write to") from error
    return SmtpMailer(
        parts.hostname or "",
        parts.port or _PORTS[parts.scheme],
        sender=settings.mail_from,
        clock=clock,
        user=unquote(parts.username or ""),
        password=Secret(unquote(parts.password)) if parts.password else None,
        implicit_tls=parts.scheme == "smtps",
    )
