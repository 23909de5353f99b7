"""What is around an application: a server that must not be reached, one that may be, a browser.

One of each serves a whole run; what is asked of the trap is told apart by the path, which holds a
canary.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote

from ringfence.attack.browser import Chromium

_HOST: Final = "127.0.0.1"
_OTHER_HOST: Final = "127.0.0.2"
#: A name that a target resolves to the trap's address.
INSIDE: Final = "inside.test"
#: What a name ends with that a target resolves to the friend's address once, and from then on to
#: the shadow's: DNS rebinding.
MOVING: Final = ".moving.test"
_AWAY: Final = "/away?"  # followed by where a redirect leads
_PAGE: Final = "/page?"  # followed by a page


@dataclass(slots=True)
class Server:
    """A small HTTP server that remembers what was asked of it."""

    text: str
    host: str = _HOST
    port: int = 0
    asked: set[str] = field(default_factory=set[str])

    @property
    def address(self) -> str:
        """Without a path."""
        return f"http://{self.host}:{self.port}"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Serve inside the block, on ``port`` or a free one."""
        server = await asyncio.start_server(self._talk, self.host, self.port)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            target = head.split(" ", 2)[1]
            self.asked.add(target)
            writer.write(self._answer(target).encode())
            await writer.drain()
        writer.close()

    def _answer(self, target: str) -> str:
        close = "Connection: close\r\n"
        if target.startswith(_AWAY):
            place = unquote(target.removeprefix(_AWAY))
            return f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n{close}\r\n"
        text = unquote(target.removeprefix(_PAGE)) if target.startswith(_PAGE) else self.text
        head = f"Content-Type: text/html\r\nContent-Length: {len(text.encode())}\r\n{close}"
        return f"HTTP/1.1 200 OK\r\n{head}\r\n{text}"


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that is not the application."""

    trap: Server  # inside the network: nobody must get the application to go there
    friend: Server  # the application may go there, and to nothing else that is not public
    shadow: Server  # another trap: the friend's port, on another address
    browser: Chromium

    @property
    def ports(self) -> frozenset[int]:
        """Where the application may connect to, if the address is public."""
        return frozenset({self.trap.port, self.friend.port})

    def away(self, url: str) -> str:
        """An address of the friend's that leads on to ``url``."""
        return f"{self.friend.address}{_AWAY}{url}"

    def page(self, html: str) -> str:
        """An address of the friend's, which is another origin than any target's, with this page."""
        return f"{self.friend.address}{_PAGE}{quote(html, safe='')}"

    def page_of_another_site(self, html: str) -> str:
        """The same by a name: a browser takes a name and an address for two sites."""
        return f"http://localhost:{self.friend.port}{_PAGE}{quote(html, safe='')}"


@contextlib.asynccontextmanager
async def outside() -> AsyncGenerator[Outside]:
    """Make everything that is around the applications."""
    trap, friend = Server("canary-inside"), Server("hello from a friend")
    async with trap.open(), friend.open():
        shadow = Server(trap.text, host=_OTHER_HOST, port=friend.port)
        made = Outside(trap, friend, shadow, Chromium())
        try:
            async with shadow.open():
                yield made
        finally:
            await made.browser.close()
