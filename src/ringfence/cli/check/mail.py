"""Whether the relay takes mail: TLS, its certificate and the password. Nothing is sent."""

import smtplib
import ssl
from typing import Final
from urllib.parse import unquote, urlsplit

from ringfence.cli.check.finding import Finding, Problem, found
from ringfence.core.settings import Settings

_SECONDS: Final = 5
_PORTS: Final = {"smtp": 587, "smtps": 465}


def mail(settings: Settings, context: ssl.SSLContext | None = None) -> Finding:
    """Sign in to the relay that the settings name, as each mail does."""
    parts = urlsplit(settings.mail)
    if parts.scheme not in _PORTS:
        note = "to a folder" if parts.scheme == "file" else "none is sent"
        return Finding(check="mail", note=note)
    try:
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        with _relay(host, port, context, implicit=parts.scheme == "smtps") as relay:
            if password:
                relay.login(user, password)
            relay.noop()
    except smtplib.SMTPAuthenticationError:
        return _wrong("the relay refuses the user or the password")
    except ssl.SSLCertVerificationError:
        return _wrong("the certificate of the relay is not trusted here, or of another host")
    except smtplib.SMTPNotSupportedError:
        return _wrong("the relay offers no TLS, or no sign-in")
    except (OSError, ValueError) as error:  # smtplib's errors are among them
        return _wrong(f"the relay does not answer: {type(error).__name__}")
    sender = "" if settings.mail_from != "noreply@localhost" else "the sender is noreply@localhost"
    problems = found("mail-sender", sender, remedy="set RINGFENCE_MAIL_FROM") if sender else []
    return Finding(check="mail", problems=problems, note="the relay lets us in")


def _relay(host: str, port: int, context: ssl.SSLContext | None, *, implicit: bool) -> smtplib.SMTP:
    """A connection under TLS, as ``SmtpMailer`` makes it."""
    context = context or ssl.create_default_context()
    if implicit:
        return smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=context)
    relay = smtplib.SMTP(host, port, timeout=_SECONDS)
    try:
        relay.starttls(context=context)
    except BaseException:
        relay.close()
        raise
    return relay


def _wrong(text: str) -> Finding:
    problem = Problem(rule="mail-relay", text=text, remedy="look at RINGFENCE_MAIL")
    return Finding(check="mail", problems=[problem])
