"""What was sent and what came back, kept for whoever wants to see it."""

import json
from dataclasses import dataclass
from typing import Any, Final

from ringfence.attack.unproven import UnprovenError

_MOST_SHOWN: Final = 2_000  # characters of a body
_MOST_OF_A_HEADER: Final = 120
_REQUEST_ID: Final = "x-request-id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of the application."""

    status: int
    headers: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """Whether the application did what was asked."""
        return 200 <= self.status < 300  # noqa: PLR2004  # RFC 9110 15.3

    @property
    def request_id(self) -> str:
        """The application's own name for this request."""
        return self.header(_REQUEST_ID)

    def header(self, name: str) -> str:
        """The first header of this name; empty if there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def json(self) -> Any:  # noqa: ANN401  # any JSON value
        """The body's value. Raises ``UnprovenError`` if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise UnprovenError(f"no JSON in an answer with status {self.status}") from None

    def holds(self, canary: str) -> bool:
        """Whether ``canary`` is in it, head or body."""
        return canary in self.text or any(canary in value for _, value in self.headers)

    def apart_from_its_id(self) -> tuple[object, ...]:
        """All of it that must not tell one resource from another."""
        own = {_REQUEST_ID, "date"}
        headers = tuple(pair for pair in self.headers if pair[0] not in own)
        body = self.body.replace(self.request_id.encode(), b"") if self.request_id else self.body
        return (self.status, headers, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request with its answer. ``mark`` is the sender's own name for it."""

    mark: str
    source: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    answer: Answer

    def shown(self) -> list[str]:
        """The exchange as lines for a person."""
        lines = [f"> {self.method} {self.target}    (from {self.source})"]
        lines += [f">   {name}: {_cut(value, _MOST_OF_A_HEADER)}" for name, value in self.headers]
        lines += [f">   {line}" for line in _shown(self.body)]
        lines.append(f"< {self.answer.status}    (request {self.answer.request_id or 'unknown'})")
        lines += [f"<   {line}" for line in _shown(self.answer.body)]
        return lines


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most} more)"


def _shown(body: bytes) -> list[str]:
    lines = _cut(body.decode("utf-8", "backslashreplace"), _MOST_SHOWN).splitlines()
    return ["".join(c if c.isprintable() else repr(c)[1:-1] for c in line) for line in lines]
