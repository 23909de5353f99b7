"""What is said of each setting: in docs/settings.md, and where one is malformed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Reference:
    """What docs/settings.md and error messages say of one setting."""

    takes: str
    unset: str
    meaning: str


_ON_OR_OFF: Final = "on or off"
_RATE_OR_OFF: Final = "a rate such as 10/15m (s, m, h, d), or off"

#: Every setting by its name without the prefix.
REFERENCE: Final[Mapping[str, Reference]] = MappingProxyType(
    {
        "ENV": Reference("production, demo or test", "production", "where the software runs"),
        "ORIGIN": Reference(
            "https://host[:port] in lower case, and no path",
            "stops the start",
            "under which browsers see the site; other hosts are refused",
        ),
        "DATABASE": Reference(
            "sqlite:///FILE or postgresql://USER@HOST/NAME",
            "sqlite:///ringfence.sqlite",
            "of accounts and sessions",
        ),
        "KEYS": Reference("a folder", "keys", "of the key files; its mode is 0700"),
        "TRUSTED_PROXIES": Reference(
            "networks such as 10.0.0.0/8, with commas between them",
            "none",
            "whose X-Forwarded-For is believed",
        ),
        "ALLOWED_ORIGINS": Reference(
            "origins such as https://host, with commas between them",
            "none",
            "further origins that may change state",
        ),
        "MAIL": Reference(
            "smtps://USER:PASSWORD@HOST or smtp://…; file:FOLDER in demo and test",
            "stops the start in production",
            "where mail goes",
        ),
        "MAIL_FROM": Reference("an e-mail address", "noreply@localhost", "the sender of mail"),
        "LOG": Reference("a file, or - for standard output", "-", "where events are written"),
        "LOG_LEVEL": Reference(
            "DEBUG, INFO, WARNING or ERROR",
            "INFO in production, else DEBUG",
            "the least that is written; DEBUG is refused in production",
        ),
        "ACCESS_LOG": Reference(
            _ON_OR_OFF, "off", "whether every request is a line in the log, beside the events"
        ),
        "METRICS": Reference(
            "PORT, ADDRESS:PORT or ADDRESS:PORT-PORT; open: in front of an address that is not "
            "loopback",
            "off",
            "where Prometheus reads what is counted (docs/watch.md); a range gives each worker a "
            "port of its own",
        ),
        "TENANT": Reference(
            "ASCII letters, digits and hyphens", "default", "part of every salt; never change it"
        ),
        "BODY_LIMIT_BYTES": Reference(
            "a whole number above 0", "1048576", "the largest body of a request"
        ),
        "SQL_GUARD": Reference(
            "strict or tainted",
            "strict",
            "strict: a statement's text is the application's own but for numbers, text in quotes "
            "and columns that are vouched for; tainted: of the others only what has a word of the "
            "request in it is refused",
        ),
        "SIGN_UP": Reference(_ON_OR_OFF, "on", "whether strangers may ask for an account"),
        "BREACHED_PASSWORDS": Reference(
            "`https://host`, of a server of the range protocol",
            "none is asked",
            "whether a new password is known from a data breach: five digits of its SHA-1 are "
            "sent; without an answer in two seconds the password is taken, and the log says so",
        ),
        "MFA_ROLES": Reference(
            "names of roles, with commas between them",
            "none",
            "whose accounts must have a second factor: from the end of the grace on, a sign-in "
            "without one leads to setting one up, and nowhere else",
        ),
        "MFA_GRACE_DAYS": Reference(
            "0 to 90", "7", "how long that waits, from the account's next sign-in on"
        ),
        "SESSION_IDLE_DAYS": Reference("1 to 7", "7", "when a session ends that is not used"),
        "SESSION_ABSOLUTE_DAYS": Reference("1 to 30", "30", "when every session ends"),
        "HSTS_DAYS": Reference(
            "0 to 730",
            "730",
            "how long browsers insist on TLS; 0 makes them forget it, and 1 is for a first try",
        ),
        "HSTS_SUBDOMAINS": Reference(
            _ON_OR_OFF,
            "on",
            "whether they insist on it for every name below the site's too; off where one of those "
            "has no TLS",
        ),
        "RETRY_AFTER_SECONDS": Reference(
            "a whole number above 0",
            "86400",
            "the longest wait that a 429 or 503 names; whoever comes back too early waits on",
        ),
        "ADDRESS_LIMIT": Reference(
            _RATE_OR_OFF, "3000/m", "requests of one address to the application, IPv6 by its /64"
        ),
        "ACCOUNT_LIMIT": Reference(
            _RATE_OR_OFF, "1200/m", "requests of one account to the application"
        ),
        "HANDLERS_AT_ONCE": Reference(
            "a whole number above 0",
            "64",
            "handlers of one route that run at once, in each worker, and a third of that without "
            "async; four times as many wait",
        ),
        "HANDLER_SECONDS": Reference(
            "a whole number above 0",
            "60",
            "until a handler's answer begins; then it is cancelled, and the client is answered 503",
        ),
        "TOKEN_CACHE_BYTES": Reference(
            "a whole number above 0",
            "67108864",
            "memory of each worker for access tokens that were verified; about 1.3 kB each",
        ),
    }
)
