"""Settings, parsed from the environment into frozen values; a wrong one stops the start.

A setting that is missing, weak or unknown is reported by **name only**, so that no log holds a
value. All are reported at once, so that one start shows all that is wrong (ASVS 13.4, mission).
``RINGFENCE_ENV`` unset means production, where every layer is the guarded one.
"""

import difflib
import ipaddress
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, NoReturn, TypeAlias, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from ringfence.core.errors import ConfigurationError
from ringfence.core.limit import By, Limit, rate_of
from ringfence.core.reference import REFERENCE

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

T = TypeVar("T")

#: What nobody meets by using a site: 50 requests a second of one network, 20 of one person.
ADDRESS_LIMIT: Final[Limit | None] = Limit(rate_of("3000/m"), "address")
ACCOUNT_LIMIT: Final[Limit | None] = Limit(rate_of("1200/m"), "account")

_MOST_FILE_BYTES: Final = 65_536
_LAST_PORT: Final = 65_535

PREFIX: Final = "RINGFENCE_"

#: Values found in tutorials and images; none of them protects as a secret (ATTACKS U19).
WEAK: Final = frozenset(
    (
        "",
        "123456",
        "12345678",
        "admin",
        "admin123",
        "changeit",
        "changeme",
        "default",
        "example",
        "mysecretpassword",
        "passw0rd",
        "password",
        "password123",
        "pgpass",
        "postgres",
        "root",
        "secret",
        "test",
        "toor",
    )
)


class Environment(StrEnum):
    """Where the software runs; unset means production."""

    PRODUCTION = "production"
    DEMO = "demo"
    TEST = "test"


class SqlGuard(StrEnum):
    """What the SQL guard refuses of a statement that is not the application's own text."""

    STRICT = "strict"  # everything but gaps of a harmless kind, wherever it comes from
    TAINTED = "tainted"  # of that, only what has a word of the request in it


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on, and the ports of which each worker takes the first free one."""

    host: str
    ports: range


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Made by ``parse``; in tests by hand."""

    environment: Environment = Environment.PRODUCTION
    origin: str = "https://localhost"  # scheme://host[:port] under which browsers see the site
    database: str = field(default="sqlite:///ringfence.sqlite", repr=False)  # may hold a password
    keys: Path = Path("keys")  # folder of key files, mode 0700
    trusted_proxies: tuple[Network, ...] = ()  # whose X-Forwarded-For is believed
    allowed_origins: frozenset[str] = frozenset()  # further origins that may change state
    # smtp[s]://user:password@host:port, or file:FOLDER in demo and test
    mail: str = field(default="", repr=False)
    mail_from: str = "noreply@localhost"
    log: str = "-"  # "-" is standard output, else a file
    access_log: bool = False  # a line for every request as well
    metrics: Listen | None = None  # where what is counted can be read
    log_level: str = ""  # "" means INFO in production, DEBUG elsewhere
    tenant: str = "default"
    body_limit_bytes: int = 1_048_576
    sql_guard: SqlGuard = SqlGuard.STRICT
    sign_up: bool = True  # strangers may ask for an account
    breached_passwords: str = ""  # address of a server of the range protocol; "" asks nobody
    mfa_roles: frozenset[str] = frozenset()  # whose accounts must have a second factor
    mfa_grace: timedelta = timedelta(days=7)  # from their next sign-in on
    session_idle: timedelta = timedelta(days=7)
    session_absolute: timedelta = timedelta(days=30)
    hsts_max_age: timedelta = timedelta(days=730)  # how long browsers insist on TLS
    hsts_subdomains: bool = True  # for every name below the site's as well
    retry_after_seconds: int = 86_400  # the longest wait that an answer names
    token_cache_bytes: int = 67_108_864  # of verified access tokens, for each worker
    address_limit: Limit | None = ADDRESS_LIMIT  # of a client, over the application's routes
    account_limit: Limit | None = ACCOUNT_LIMIT
    handlers_at_once: int = 64  # of one route, in each worker
    handler_seconds: int = 60  # until its answer begins
    # What the application needs: mostly secrets.
    extra: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def secure(self) -> bool:
        """Whether browsers reach the site by TLS."""
        return self.origin.startswith("https://")


def parse(environ: Mapping[str, str], *, required: Iterable[str] = ()) -> Settings:
    """Read the settings out of ``environ``.

    Args:
        environ: Usually ``os.environ``. Names without the prefix are looked at only if required.
            ``NAME_FILE`` in place of ``NAME`` names a file that holds the value.
        required: Names that the application needs, such as ``("STRIPE_KEY",)``; they come back
            in ``Settings.extra``.

    Raises:
        ConfigurationError: Everything that is missing, weak, malformed or unknown, by name.
    """
    reader = _Reader(environ)
    settings = Settings(
        environment=reader.one("ENV", Environment, Environment.PRODUCTION),
        origin=reader.one("ORIGIN", _origin, ""),
        database=reader.one("DATABASE", _database, "sqlite:///ringfence.sqlite"),
        keys=reader.one("KEYS", Path, Path("keys")),
        trusted_proxies=reader.many("TRUSTED_PROXIES", ipaddress.ip_network),
        allowed_origins=frozenset(reader.many("ALLOWED_ORIGINS", _origin)),
        mail=reader.one("MAIL", _mail, ""),
        mail_from=reader.one("MAIL_FROM", _address, "noreply@localhost"),
        log=reader.one("LOG", str, "-"),
        log_level=reader.one("LOG_LEVEL", _log_level, ""),
        access_log=reader.one("ACCESS_LOG", _switch, False),  # noqa: FBT003  # as SIGN_UP
        metrics=reader.one("METRICS", _listen, None),
        tenant=reader.one("TENANT", _name, "default"),
        body_limit_bytes=reader.one("BODY_LIMIT_BYTES", _positive, 1_048_576),
        sql_guard=reader.one("SQL_GUARD", SqlGuard, SqlGuard.STRICT),
        sign_up=reader.one("SIGN_UP", _switch, True),  # noqa: FBT003  # the default of the value read
        breached_passwords=reader.one("BREACHED_PASSWORDS", _ranges, ""),
        mfa_roles=frozenset(reader.many("MFA_ROLES", _role)),
        mfa_grace=reader.one("MFA_GRACE_DAYS", _days(90, least=0), timedelta(days=7)),
        session_idle=reader.one("SESSION_IDLE_DAYS", _days(7), timedelta(days=7)),
        session_absolute=reader.one("SESSION_ABSOLUTE_DAYS", _days(30), timedelta(days=30)),
        hsts_max_age=reader.one("HSTS_DAYS", _days(730, least=0), timedelta(days=730)),
        hsts_subdomains=reader.one("HSTS_SUBDOMAINS", _switch, True),  # noqa: FBT003  # as above
        retry_after_seconds=reader.one("RETRY_AFTER_SECONDS", _positive, 86_400),
        token_cache_bytes=reader.one("TOKEN_CACHE_BYTES", _positive, 67_108_864),
        address_limit=reader.one("ADDRESS_LIMIT", _limit("address"), ADDRESS_LIMIT),
        account_limit=reader.one("ACCOUNT_LIMIT", _limit("account"), ACCOUNT_LIMIT),
        handlers_at_once=reader.one("HANDLERS_AT_ONCE", _positive, 64),
        handler_seconds=reader.one("HANDLER_SECONDS", _positive, 60),
        extra={name: reader.needed(name) for name in required},
    )
    problems = [*reader.problems, *reader.unknown(), *_contradictions(settings, reader.given)]
    if problems:
        raise ConfigurationError(*problems)
    return settings


class _Reader:
    """Reads one variable after the other and remembers what is wrong, by name."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known: set[str] = set()
        self.given: set[str] = set()  # the names that are set, well or not
        self.problems: list[str] = []

    def one(self, name: str, convert: Callable[[str], T], default: T) -> T:
        self._known |= {PREFIX + name, f"{PREFIX}{name}_FILE"}
        text = self._text(PREFIX + name)
        if text is None:
            return default
        return self._convert(name, text, convert, default)

    def many(self, name: str, convert: Callable[[str], T]) -> tuple[T, ...]:
        def each(text: str) -> tuple[T, ...]:
            return tuple(convert(part.strip()) for part in text.split(",") if part.strip())

        return self.one(name, each, ())

    def needed(self, name: str) -> str:
        reported = len(self.problems)
        text = self._text(name) or ""
        if not text and len(self.problems) == reported:
            self.problems.append(f"{name} is missing")
        elif text and text.strip().lower() in WEAK:
            self.problems.append(f"{name} is weak")
        return text

    def _text(self, name: str) -> str | None:
        """The value of ``name``, or what the file holds that ``name_FILE`` names."""
        text, file = self._environ.get(name), self._environ.get(f"{name}_FILE")
        if text is None and file is None:
            return None
        self.given.add(name)
        if file is None:
            return text
        if text is not None:
            self.problems.append(f"{name} and {name}_FILE are both set")
            return None
        try:
            with Path(file).open("rb") as stream:
                return stream.read(_MOST_FILE_BYTES).decode().removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            self.problems.append(f"{name}_FILE cannot be read: {reason}")
            return None

    def unknown(self) -> list[str]:
        names = (name for name in self._environ if name.startswith(PREFIX))
        return [
            f"{name} is not known{self._meant(name)}"
            for name in sorted(names)
            if name not in self._known
        ]

    def _meant(self, name: str) -> str:
        known = sorted(each.removeprefix(PREFIX) for each in self._known)
        near = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1, cutoff=0.7)
        return f"; {PREFIX}{near[0]} is" if near else ""

    def _convert(self, name: str, text: str, convert: Callable[[str], T], default: T) -> T:
        try:
            return convert(text)
        except _WeakError:
            self.problems.append(f"{PREFIX}{name} is weak")
        except ValueError:
            self.problems.append(f"{PREFIX}{name} is malformed: {REFERENCE[name].takes}")
        return default


class _WeakError(Exception):
    """A value that is well-formed, but does not protect."""


def _contradictions(settings: Settings, given: Container[str]) -> list[str]:
    """Settings that contradict each other, or that are missing in this environment."""
    problems: list[str] = []
    production = settings.environment is Environment.PRODUCTION
    if f"{PREFIX}ORIGIN" not in given:
        problems.append(f"{PREFIX}ORIGIN is missing")
    elif production and settings.origin and not settings.secure:
        problems.append(f"{PREFIX}ORIGIN must start with https:// in production")
    if production and settings.mail.startswith("file:"):
        problems.append(f"{PREFIX}MAIL must be smtp:// or smtps:// in production")
    if production and f"{PREFIX}MAIL" not in given:
        problems.append(f"{PREFIX}MAIL is missing")
    if production and settings.log_level == "DEBUG":
        problems.append(f"{PREFIX}LOG_LEVEL is too low for production")
    return problems


_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def _origin(text: str) -> str:
    parts = urlsplit(text)
    bare = f"{parts.scheme}://{parts.netloc}"
    _ = parts.port  # raises ValueError where it is not a number
    if parts.scheme not in ("http", "https") or not parts.hostname or text.rstrip("/") != bare:
        raise ValueError
    if parts.username is not None or bare != bare.lower():
        raise ValueError
    return bare


def _ranges(text: str) -> str:
    """An origin; without TLS on this machine only."""
    origin = _origin(text)
    if not origin.startswith("https://") and urlsplit(origin).hostname not in _LOOPBACK:
        raise ValueError
    return origin


def _database(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("sqlite", "postgresql", "memory"):
        raise ValueError
    # asyncpg takes both from the query, too.
    query = parse_qs(parts.query, keep_blank_values=True)
    users = {unquote(parts.username or ""), *query.get("user", ())}
    written = [] if parts.password is None else [unquote(parts.password)]
    for password in (*written, *query.get("password", ())):
        if password.lower() in WEAK or password in users:
            raise _WeakError
    return text


def _mail(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("smtp", "smtps", "file") or not (parts.hostname or parts.path):
        raise ValueError
    if parts.password is not None and unquote(parts.password).lower() in WEAK:
        raise _WeakError
    return text


def _address(text: str) -> str:
    local, at, domain = text.partition("@")
    if not (local and at and domain) or not text.isprintable() or " " in text:
        raise ValueError
    return text


def _log_level(text: str) -> str:
    if text not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError
    return text


def _name(text: str) -> str:
    if not text.isascii() or not text.replace("-", "").isalnum():
        raise ValueError
    return text


def _role(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError
    return text


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError
    return int(text)


def _switch(text: str) -> bool:
    return {"on": True, "off": False}[text] if text in ("on", "off") else _malformed()


def _limit(by: By) -> Callable[[str], Limit | None]:
    def convert(text: str) -> Limit | None:
        return None if text == "off" else Limit(rate_of(text), by)

    return convert


def _days(most: int, *, least: int = 1) -> Callable[[str], timedelta]:
    def convert(text: str) -> timedelta:
        if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
            raise ValueError
        return timedelta(days=int(text))

    return convert


def _listen(text: str) -> Listen:
    """An address beyond loopback is taken only where ``open:`` says that this is meant."""
    host, _, ports = text.removeprefix("open:").rpartition(":")
    first, dash, last = ports.partition("-")
    end = _port(last if dash else first) + 1
    listen = Listen(host.strip("[]") or "127.0.0.1", range(_port(first), end))
    beyond = not ipaddress.ip_address(listen.host).is_loopback
    if not listen.ports or beyond != text.startswith("open:"):
        raise ValueError
    return listen


def _port(text: str) -> int:
    number = _positive(text)
    return number if number <= _LAST_PORT else _malformed()


def _malformed() -> NoReturn:
    raise ValueError
