"""The two clients: one that blocks, and one for an event loop. ``steps`` says what they do."""

import asyncio
import ipaddress
from http import HTTPStatus
from threading import Lock
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx2

from ringfence.client import steps
from ringfence.client.steps import Call, Job, Session, Steps
from ringfence.core.errors import ConfigurationError
from ringfence.core.secret import Secret

T = TypeVar("T")

_PATIENCE_SECONDS: Final = 20.0


class _Shared:
    """What both clients know: where the service is, and the sign-in that they have."""

    def __init__(self, origin: str, prefix: str) -> None:
        self._origin: Final = _checked(origin)
        self._prefix: Final = prefix
        self._session: Final = Session()

    @property
    def signed_in(self) -> bool:
        """Whether there is a sign-in, as far as this client knows."""
        return self._session.refresh is not None

    def _request(self, call: Call) -> dict[str, Any]:
        # The service asks every request with a cookie where it comes from.
        headers = {"origin": self._origin, "accept": "application/json", **call.headers}
        url = f"{self._prefix}/{call.path}"
        return {"method": call.method, "url": url, "headers": headers, "json": call.body}

    def _bearer(self, headers: dict[str, str] | None) -> dict[str, str]:
        """``headers`` with the access token."""
        access = self._session.access
        shown = {} if access is None else {"authorization": f"Bearer {access.reveal()}"}
        return {**(headers or {}), **shown}


class Client(_Shared):
    """A client that blocks; threads may share it.

    Args:
        origin: Of the site, ``https://shop.example``; ``http`` on this machine alone.
        prefix: Where the auth service is mounted.
        transport: In place of the network.

    Raises:
        ConfigurationError: The origin is none, or would carry tokens in the clear.
    """

    def __init__(
        self,
        origin: str,
        *,
        prefix: str = "/auth",
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        super().__init__(origin, prefix)
        self._http: Final = httpx2.Client(
            base_url=self._origin, transport=transport, timeout=_PATIENCE_SECONDS
        )
        self._lock: Final = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The session lives on; ``sign_out`` ends it."""
        self._http.close()

    def sign_in(self, login: str, password: str) -> None:
        """Sign in. Takes from a quarter of a second to some seconds of computing.

        Raises:
            Problem: ``credentials.invalid``, ``signin.limited`` and so on.
            KdfRefused: The server asked for weak parameters; nothing was sent.
            SecondFactorNeeded: ``second_step`` goes on with its ticket.
        """
        with self._lock:
            self._run(steps.sign_in(self._session, login, password))

    def second_step(self, ticket: Secret[str], code: str) -> None:
        """Show a code of an authenticator app, or a recovery code.

        Raises:
            Problem: ``factor.invalid``, ``factor.limited``, ``ticket.invalid``: sign in again.
        """
        with self._lock:
            self._run(steps.second_step(self._session, ticket, code))

    def refresh(self) -> None:
        """Renew the tokens now. Raises Problem, ``refresh.reused`` and so on."""
        with self._lock:
            self._run(steps.refresh(self._session))

    def sign_out(self) -> None:
        """End the session. Raises Problem."""
        with self._lock:
            self._run(steps.sign_out(self._session))

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        **options: Any,  # noqa: ANN401  # httpx2's, by name
    ) -> httpx2.Response:
        """Send a request to the site with the access token; options are those of httpx2.

        The token is renewed before it expires, and once more when the server refuses it. Raises
        Problem where that fails; what the application answers is returned, whatever it is.
        """
        response = self._send(method, path, headers, options, stale=None)
        if response.status_code == HTTPStatus.UNAUTHORIZED and self.signed_in:
            used = response.request.headers.get("authorization")
            response = self._send(method, path, headers, options, stale=used)
        return response

    def _send(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None,
        options: dict[str, Any],
        *,
        stale: str | None,
    ) -> httpx2.Response:
        with self._lock:
            if _outdated(self._session, stale):
                self._run(steps.refresh(self._session))
            shown = self._bearer(headers)
        response = self._http.request(method, path, headers=shown, **options)
        self._http.cookies.clear()
        return response

    def _run(self, todo: Steps[T]) -> T:
        given: Any = None
        try:
            while True:
                step = todo.send(given)
                if isinstance(step, Job):
                    given = step.run()
                else:
                    given = self._http.request(**self._request(step))
                    self._http.cookies.clear()  # the refresh token is shown to the service alone
        except StopIteration as done:
            return done.value


class AsyncClient(_Shared):
    """As ``Client``, for an event loop; keys are derived in a thread."""

    def __init__(
        self,
        origin: str,
        *,
        prefix: str = "/auth",
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(origin, prefix)
        self._http: Final = httpx2.AsyncClient(
            base_url=self._origin, transport=transport, timeout=_PATIENCE_SECONDS
        )
        self._lock: Final = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """See ``Client.close``."""
        await self._http.aclose()

    async def sign_in(self, login: str, password: str) -> None:
        """See ``Client.sign_in``."""
        async with self._lock:
            await self._run(steps.sign_in(self._session, login, password))

    async def second_step(self, ticket: Secret[str], code: str) -> None:
        """See ``Client.second_step``."""
        async with self._lock:
            await self._run(steps.second_step(self._session, ticket, code))

    async def refresh(self) -> None:
        """See ``Client.refresh``."""
        async with self._lock:
            await self._run(steps.refresh(self._session))

    async def sign_out(self) -> None:
        """See ``Client.sign_out``."""
        async with self._lock:
            await self._run(steps.sign_out(self._session))

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        **options: Any,  # noqa: ANN401  # httpx2's, by name
    ) -> httpx2.Response:
        """See ``Client.request``."""
        response = await self._send(method, path, headers, options, stale=None)
        if response.status_code == HTTPStatus.UNAUTHORIZED and self.signed_in:
            used = response.request.headers.get("authorization")
            response = await self._send(method, path, headers, options, stale=used)
        return response

    async def _send(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None,
        options: dict[str, Any],
        *,
        stale: str | None,
    ) -> httpx2.Response:
        async with self._lock:
            if _outdated(self._session, stale):
                await self._run(steps.refresh(self._session))
            shown = self._bearer(headers)
        response = await self._http.request(method, path, headers=shown, **options)
        self._http.cookies.clear()
        return response

    async def _run(self, todo: Steps[T]) -> T:
        given: Any = None
        try:
            while True:
                step = todo.send(given)
                if isinstance(step, Job):
                    given = await asyncio.to_thread(step.run)
                else:
                    given = await self._http.request(**self._request(step))
                    self._http.cookies.clear()
        except StopIteration as done:
            return done.value


def _outdated(session: Session, stale: str | None) -> bool:
    """Whether to renew first: the token ends, or is the one that was refused."""
    if session.refresh is None:
        return False
    access = session.access
    return not session.fresh() or (access is not None and stale == f"Bearer {access.reveal()}")


def _checked(origin: str) -> str:
    """The origin, if tokens are safe on the way there."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/"):
        raise ConfigurationError("the origin of a client must be scheme://host[:port]")
    if parts.scheme == "http" and not _here(host):
        raise ConfigurationError("a client speaks http to this machine alone: tokens need TLS")
    return f"{parts.scheme}://{parts.netloc}"


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
