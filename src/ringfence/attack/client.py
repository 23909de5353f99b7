"""HTTP as an attacker speaks it: any address, any target, any header, and nothing added.

No cookie jar, no redirects followed, no target normalised. Every exchange is kept.
"""

import json as json_module
import secrets
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import quote, urlencode

import httpx2

from ringfence.attack.answer import Answer, Sent
from ringfence.attack.unproven import UnprovenError

#: A busy machine is no refusal.
_TIMEOUT: Final = httpx2.Timeout(60.0).as_dict()
#: Statuses that say "not now": a run that meets one by accident proves nothing.
_LATER: Final = frozenset({429, 503})
#: No TLS is spoken; a context of its own for each address would take 20 ms.
_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
#: A connection is not used again when the application may be about to close it: servers wait for
#: five seconds and more.
_REUSED: Final = httpx2.Limits(keepalive_expiry=2.0)

#: The sender's own name for a request, for logs that know no other.
MARK: Final = "x-attack"
#: What an application that is attacked may ask of everybody: the key that it was told.
KEY: Final = "x-attacked"


#: Names and values, in the order in which they are sent.
Headers: TypeAlias = Sequence[tuple[str, str]]

_PARTS: Final = "ringfence-attack"  # what stands between the parts of a form


def query(**values: str) -> str:
    """A query, encoded."""
    return "?" + urlencode(values, quote_via=quote)


@dataclass(frozen=True, slots=True)
class Client:
    """Sends requests to one application."""

    address: str  # where it listens: http://127.0.0.1:N
    key: str
    _transports: dict[str, httpx2.AsyncHTTPTransport] = field(
        default_factory=dict[str, httpx2.AsyncHTTPTransport]
    )

    async def send(
        self,
        method: str,
        target: str,
        *,
        source: str,
        headers: Headers = (),
        json: object = None,
        body: bytes = b"",
        later: bool = False,
    ) -> Sent:
        """Send one request from the address ``source``.

        Args:
            method: The method, as it stands on the wire.
            target: Path and query, as they stand on the wire.
            source: An address of this machine.
            headers: Beside ``Host``, which may be among them.
            json: A value for the body; or ``body``, as it is.
            body: The body.
            later: Whether "too many" and "busy" are answers like others.

        Raises:
            UnprovenError: No answer came, or one that proves nothing.
        """
        sent = [*headers]
        if json is not None:
            body = json_module.dumps(json).encode()
            sent.append(("Content-Type", "application/json"))
        mark = secrets.token_hex(8)
        request = httpx2.Request(
            method,
            self.address,
            headers=[_octets(header) for header in (*sent, (MARK, mark), (KEY, self.key))],
            content=body or None,
            extensions={"target": target.encode("latin-1"), "timeout": _TIMEOUT},
        )
        started = time.monotonic()
        try:
            response = await self._transport(source).handle_async_request(request)
            content = await response.aread()
            await response.aclose()
        except httpx2.HTTPError as error:
            raise UnprovenError(f"{method} {target}: {type(error).__name__}") from error
        answer = Answer(
            status=response.status_code,
            headers=tuple((name.lower(), value) for name, value in response.headers.multi_items()),
            body=content,
            seconds=time.monotonic() - started,
        )
        if answer.status in _LATER and not later:
            raise UnprovenError(f"{method} {target}: {answer.status}, which proves nothing")
        return Sent(
            mark=mark,
            source=source,
            method=method,
            target=target,
            headers=tuple(sent),
            body=body,
            answer=answer,
        )

    async def close(self) -> None:
        """Close every connection."""
        while self._transports:  # whoever is still sending may add one
            _, transport = self._transports.popitem()
            await transport.aclose()

    def _transport(self, source: str) -> httpx2.AsyncHTTPTransport:
        found = self._transports.get(source)
        if found is None:
            found = httpx2.AsyncHTTPTransport(verify=_NO_TLS, limits=_REUSED, local_address=source)
            self._transports[source] = found
        return found


def _octets(header: tuple[str, str]) -> tuple[bytes, bytes]:
    """Name and value as they stand on the wire (RFC 9110 5.5)."""
    name, value = header
    return name.encode("latin-1"), value.encode("latin-1")


def bearer(token: str) -> tuple[str, str]:
    """The header that shows an access token."""
    return ("Authorization", f"Bearer {token}")


def browser(origin: str) -> Headers:
    """What a browser adds to a request of the application's own page."""
    return [("Origin", origin), ("Sec-Fetch-Site", "same-origin")]


def file_form(field: str, name: str, content: bytes, kind: str) -> tuple[Headers, bytes]:
    """Headers and body of a form with one file in it, whatever its name is (RFC 7578)."""
    head = (
        f"--{_PARTS}\r\n"
        f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{_PARTS}--\r\n".encode()
    return [("Content-Type", f"multipart/form-data; boundary={_PARTS}")], body


def more_files(count: int, size_bytes: int) -> bytes:
    """What ends a file's content in ``file_form``, and adds so many more files to the form."""
    return b"".join(
        f"\r\n--{_PARTS}\r\n"
        f'Content-Disposition: form-data; name="more{number}"; filename="more"\r\n\r\n'.encode()
        + b"x" * size_bytes
        for number in range(count)
    )
