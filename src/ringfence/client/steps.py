"""What a client does, step by step and without a network: both clients run the same steps.

Each function yields a ``Call`` to be sent, or a ``Job`` to be run where it blocks nobody, and is
given what came of it.
"""

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, TypeAlias, TypeVar

import httpx2
import msgspec
from msgspec import Struct

from ringfence.client.derive import Prelogin, proof
from ringfence.core.errors import RingfenceError
from ringfence.core.secret import Secret

T = TypeVar("T")
MessageT = TypeVar("MessageT", bound=Struct)

COOKIE: Final = "__Host-rf_refresh"

#: A token this close to its end is renewed first, so that it does not expire on the way.
_MARGIN_SECONDS: Final = 30.0

#: Six digits, and spaces between them; a recovery code has 26 characters.
_LONGEST_APP_CODE: Final = 8


class Problem(RingfenceError):
    """A refusal, as the server words it in problem details (RFC 9457).

    Attributes:
        code: ``topic.reason`` of the catalogue; ``answer.unexpected`` for what is no such answer.
        status: Of HTTP.
        request_id: Finds the refusal in the server's log.
        retry_after: How long to wait before the next attempt, where the server said so.
    """

    def __init__(self, code: str, response: httpx2.Response) -> None:
        super().__init__(code)
        self.code = code
        self.status = response.status_code
        self.request_id = response.headers.get("x-request-id")
        seconds = response.headers.get("retry-after", "")
        self.retry_after = timedelta(seconds=int(seconds)) if seconds.isdigit() else None


class SecondFactorNeeded(RingfenceError):
    """The password was right, and more is asked for: ``second_step`` goes on within 5 minutes.

    Attributes:
        ticket: What to go on with.
        factors: What the account has: ``passkey``, ``totp``, ``recovery_code``.
        enrol: The account has none and must: it has to be set up in a browser first.
    """

    def __init__(self, ticket: str, factors: tuple[str, ...], *, enrol: bool) -> None:
        super().__init__("factor.asked")
        self.ticket = Secret(ticket)
        self.factors = factors
        self.enrol = enrol


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to the auth service."""

    path: str
    method: str = "POST"
    body: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True)
class Job:
    """Slow work."""

    run: Callable[[], Mapping[str, str]]


Steps: TypeAlias = Generator[Call | Job, Any, T]


@dataclass(slots=True)
class Session:
    """The sign-in that a client has; ``expires`` is on the monotonic clock, in seconds."""

    access: Secret[str] | None = None
    refresh: Secret[str] | None = None
    expires: float = 0.0

    def fresh(self) -> bool:
        """Whether the access token lives long enough for a request."""
        return self.access is not None and time.monotonic() < self.expires - _MARGIN_SECONDS

    def cookie(self) -> Mapping[str, str]:
        """The header that shows the refresh token."""
        return {} if self.refresh is None else {"cookie": f"{COOKIE}={self.refresh.reveal()}"}

    def adopt(self, response: httpx2.Response) -> None:
        """Take over the tokens of an answer.

        Raises:
            SecondFactorNeeded: It asks for one.
            Problem: It holds none.
        """
        tokens = read(response, _Tokens)
        if tokens.ticket is not None:
            enrol = tokens.next == "enrol"
            raise SecondFactorNeeded(tokens.ticket, tokens.factors, enrol=enrol)
        refresh = _cookie(response)
        if tokens.access_token is None or refresh is None:
            raise Problem("answer.unexpected", response)
        self.access, self.refresh = Secret(tokens.access_token), Secret(refresh)
        self.expires = time.monotonic() + tokens.expires_in

    def forget(self) -> None:
        """Have no sign-in any more."""
        self.access = self.refresh = None


class _Tokens(Struct, frozen=True):
    access_token: str | None = None
    expires_in: int = 0
    next: str | None = None
    ticket: str | None = None
    factors: tuple[str, ...] = ()


class _Config(Struct, frozen=True):
    password_retry: bool = False


class _Refusal(Struct, frozen=True):
    code: str


def sign_in(session: Session, login: str, password: str) -> Steps[None]:
    """Prove ``password`` by its key.

    While passwords from elsewhere are imported, a key that is refused is followed by the password,
    for every login, as the server asks (API: ``password_retry``).
    """
    prelogin = read((yield Call(path="prelogin", body={"login": login})), Prelogin)
    proven = yield Job(lambda: proof(password, prelogin))
    response = yield Call(path="sign-in", body={"login": login, **proven})
    if refusal(response) == "credentials.invalid":
        config = read((yield Call(path="config", method="GET")), _Config)
        if config.password_retry:
            response = yield Call(path="sign-in", body={"login": login, "password": password})
    session.adopt(response)


def second_step(session: Session, ticket: Secret[str], code: str) -> Steps[None]:
    """Show six digits of an authenticator app, or a recovery code."""
    kind = "code" if len(code.strip()) <= _LONGEST_APP_CODE else "recovery_code"
    session.adopt((yield Call(path="mfa", body={"ticket": ticket.reveal(), kind: code})))


def refresh(session: Session) -> Steps[None]:
    """Exchange the refresh token for the next one, and for an access token."""
    response = yield Call(path="refresh", headers=session.cookie())
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        session.forget()
    session.adopt(response)


def sign_out(session: Session) -> Steps[None]:
    """End the session; one that the server does not know has ended just as well."""
    response = yield Call(path="sign-out", headers=session.cookie())
    if response.status_code != HTTPStatus.UNAUTHORIZED:
        accepted(response)
    session.forget()


def read(response: httpx2.Response, kind: type[MessageT]) -> MessageT:
    """The answer's message. Raises Problem."""
    accepted(response)
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Problem("answer.unexpected", response) from error


def accepted(response: httpx2.Response) -> None:
    """Raises Problem for a refusal."""
    if not response.is_success:
        raise Problem(refusal(response), response)


def refusal(response: httpx2.Response) -> str:
    """The code of a refusal; empty for an answer that is none."""
    if response.is_success:
        return ""
    try:
        return msgspec.json.decode(response.content, type=_Refusal).code
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "answer.unexpected"


def _cookie(response: httpx2.Response) -> str | None:
    """The refresh token that ``response`` sets."""
    for header in response.headers.get_list("set-cookie"):
        try:
            morsel = SimpleCookie(header).get(COOKIE)
        except CookieError:
            continue
        if morsel is not None and morsel.value:
            return morsel.value
    return None
