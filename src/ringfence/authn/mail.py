"""What is mailed, and the protocol of whoever delivers it.

The letters are plain ASCII text, and hold nothing that a stranger chose: not the name typed at
sign-up, which would make us a relay for other people's advertisements.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit


class UndeliverableError(OSError):
    """The relay refuses a mail for good (RFC 5321 section 4.2.1): to send it again is no use."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")


class Mailer(Protocol):
    """Delivers one mail. May take seconds; any exception means that it was not delivered.

    ``UndeliverableError`` means that it never will be.
    """

    async def send(self, to: str, subject: str, text: str, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """Subject and text of one mail."""

    subject: str
    text: str


def finish_sign_up(site: str, link: str) -> Letter:
    """To somebody who asked for an account. ``site`` is the configured origin."""
    return Letter(
        f"Finish signing up at {_host(site)}",
        f"""\
Hello,

an account at {_host(site)} was asked for with this address.
To show that it is yours, and to choose a password, open this link
within 24 hours:

{link}

If it was not you, do nothing. Without the link there is no account.
""",
    )


def already_signed_up(site: str) -> Letter:
    """To somebody who asked for an account and has one."""
    return Letter(
        f"You already have an account at {_host(site)}",
        f"""\
Hello,

an account at {_host(site)} was asked for with this address,
but there is one already. Sign in here:

{site}/auth/sign-in

If you do not remember the password, ask for a new one:

{site}/auth/forgot

If it was not you, do nothing. Nothing has changed.
""",
    )


def reset_password(site: str, link: str) -> Letter:
    """To somebody who forgot the password."""
    return Letter(
        f"Choose a new password at {_host(site)}",
        f"""\
Hello,

a new password was asked for, for your account at {_host(site)}.
To choose one, open this link within 20 minutes:

{link}

If it was not you, do nothing. Your password stays as it is.
""",
    )


def password_changed(site: str) -> Letter:
    """To somebody whose password is a new one (ASVS 6.3.7)."""
    return Letter(
        f"Your password at {_host(site)} was changed",
        f"""\
Hello,

the password of your account at {_host(site)} was changed,
and every other device was signed out.

If it was not you, choose a new password at once:

{site}/auth/forgot
""",
    )


def factors_changed(site: str) -> Letter:
    """To somebody whose second factor was added, removed, or used by a recovery code."""
    return Letter(
        f"How you sign in at {_host(site)} was changed",
        f"""\
Hello,

a second factor of your account at {_host(site)} was added
or removed, or a recovery code was used. What there is now, you find here:

{site}/auth/account

If it was not you, choose a new password at once:

{site}/auth/forgot
""",
    )


def factor_reset_asked(site: str, at: datetime) -> Letter:
    """To somebody whose second factor an operator is about to remove."""
    return Letter(
        f"Your second factor at {_host(site)} will be removed",
        f"""\
Hello,

you, or somebody in your name, asked for the second factor of your
account at {_host(site)} to be removed. It will be, on
{at:%Y-%m-%d at %H:%M} UTC; from then on the password is enough.

If it was not you, sign in with your second factor before that time:
then it stays. Sign in here:

{site}/auth/sign-in
""",
    )


def choose_password(site: str, link: str) -> Letter:
    """To the new address of an account whose login an operator has changed."""
    return Letter(
        f"Choose a password at {_host(site)}",
        f"""\
Hello,

this address is now the login of an account at {_host(site)}.
To choose a password for it, open this link within 20 minutes:

{link}

If you do not know of an account there, do nothing.
""",
    )


def login_changed(site: str) -> Letter:
    """To the address that was the login until an operator changed it (ASVS 6.3.7)."""
    return Letter(
        f"The login of your account at {_host(site)} was changed",
        f"""\
Hello,

the login of your account at {_host(site)} is another address from
now on, and every device was signed out. This address opens it no more.

If you did not ask for this, tell us at once: you find us at

{site}
""",
    )


def several_changed(site: str) -> Letter:
    """To somebody of whom several things were changed before a letter left (ASVS 6.3.7)."""
    return Letter(
        f"How you sign in at {_host(site)} was changed",
        f"""\
Hello,

more than one of these was changed for your account at {_host(site)}:
its password, its login, its second factors.

If it was not you, choose a new password at once, and tell us:

{site}/auth/forgot
{site}
""",
    )


def _host(site: str) -> str:
    return urlsplit(site).netloc
