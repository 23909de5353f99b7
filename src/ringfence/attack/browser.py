"""A real Chromium, started when the first attack needs it, and one for the whole run."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from ringfence.attack.unproven import UnavailableError, UnprovenError

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Dialog, Page, Playwright, Route

#: The shell without windows first: the same engine, started in half the time.
_NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_INSTALL: Final = "apt-get install -y --no-install-recommends chromium libatomic1"
_PATIENCE_MS: Final = 60_000
#: How long a page that has loaded is watched: a second.
_LOOKS: Final = 20
_BETWEEN_SECONDS: Final = 0.05
_PAGES: Final = 6  # open at once
#: How the driver says that an address was not shown: it was an attachment.
_SAVED: Final = "Download is starting"

Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Visit:
    """One page in a browser context of its own, and what scripts on it were heard to say."""

    page: "Page"
    said: list[str] = field(default_factory=list[str])

    async def comes_to(self, address: str, happens: Callable[["Visit"], bool]) -> bool:
        """Open ``address``; whether ``happens`` comes true, now or a moment after.

        What the browser saves instead of showing it is not opened, and nothing happens.
        """
        from playwright.async_api import Error  # noqa: PLC0415  # found when the browser started

        try:
            await self.page.goto(address)
        except Error as error:
            if _SAVED in error.message:
                return happens(self)
            raise
        for _ in range(_LOOKS):
            if happens(self):
                return True
            await asyncio.sleep(_BETWEEN_SECONDS)
        return happens(self)

    async def set_cookie(self, address: str, cookie: str) -> None:
        """Have the browser take a ``Set-Cookie`` value, as if ``address`` had answered with it."""

        async def answer(route: "Route") -> None:
            await route.fulfill(status=200, headers={"Set-Cookie": cookie}, body="")

        await self.page.route(f"{address}/**", answer)
        await self.page.goto(f"{address}/")
        await self.page.unroute(f"{address}/**", answer)

    async def carry(self, address: str, *headers: tuple[str, str]) -> None:
        """Add ``headers`` to what the page asks of ``address``, as a browser adds cookies.

        The page knows nothing of them, and asks for no leave to send them (a CORS preflight).
        """

        async def add(route: "Route") -> None:
            await route.continue_(headers={**route.request.headers, **dict(headers)})

        await self.page.route(f"{address}/**", add)


class Chromium:
    """The machine's Chromium. Pages that send the same headers share a context, and its cache."""

    def __init__(self) -> None:
        self._lock: Final = asyncio.Lock()
        self._pages: Final = asyncio.Semaphore(_PAGES)
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._contexts: Final[dict[Headers, BrowserContext]] = {}

    @contextlib.asynccontextmanager
    async def visit(self, *headers: tuple[str, str]) -> AsyncGenerator[Visit]:
        """A fresh page; ``headers`` go with each of its requests to any server.

        Raises:
            UnavailableError: There is no Chromium here, or nothing to drive it.
            UnprovenError: The browser failed.
        """
        context = await self._context(headers)
        from playwright.async_api import Error  # noqa: PLC0415  # found by _context

        try:
            async with self._pages:
                page = await context.new_page()
                try:
                    yield _listening(page)
                finally:
                    await _close(page)
        except Error as error:
            raise UnprovenError(f"the browser: {error.message.splitlines()[0]}") from error

    async def close(self) -> None:
        """End the browser, if there is one."""
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()

    async def _context(self, headers: Headers) -> "BrowserContext":
        async with self._lock:
            if self._browser is None:
                self._browser = await self._start()
            if headers not in self._contexts:
                context = await self._browser.new_context(extra_http_headers=dict(headers))
                context.set_default_timeout(_PATIENCE_MS)
                self._contexts[headers] = context
            return self._contexts[headers]

    async def _start(self) -> "Browser":
        program = next(filter(None, map(shutil.which, _NAMES)), None)
        if program is None:
            raise UnavailableError(f"there is no Chromium here: {_INSTALL}")
        try:
            from playwright.async_api import Error, async_playwright  # noqa: PLC0415  # not needed else
        except ImportError:
            raise UnavailableError(
                "playwright, which drives Chromium, is missing: pip install 'ringfence[attack]'"
            ) from None
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()
        try:
            self._playwright = await async_playwright().start()
            return await self._playwright.chromium.launch(
                executable_path=program, args=[*_FLAGS, *root]
            )
        except (Error, OSError) as error:
            said = str(error).splitlines()[0]
            raise UnavailableError(f"Chromium does not start ({said}): {_INSTALL}") from error


async def _close(page: "Page") -> None:
    """Close a page. One that does not close is left to the end of the browser: nobody waits."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_MS / 1000):
            await page.close()


def _listening(page: "Page") -> Visit:
    visit = Visit(page)

    async def hear(dialog: "Dialog") -> None:
        visit.said.append(dialog.message)
        await dialog.dismiss()

    page.on("dialog", hear)
    return visit
