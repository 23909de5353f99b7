"""A person with a browser of their own: cookies, tabs, and what the pages complain of."""

import re
from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

PASSWORD: Final = "violet kettle orbits quietly"
ADMIN: Final = "admin@example.com"
ALICE: Final = "alice@example.com"
BOB: Final = "bob@example.com"

#: What Chromium says of every answer below 500; whether one was expected is up to each test.
_REFUSED: Final = re.compile(r"the server responded with a status of 4\d\d")


@dataclass
class Visitor:
    """One browser profile."""

    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    forgiven: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def tab(self, path: str = "/") -> Page:
        """Open a tab."""
        page = self.context.new_page()
        page.goto(path)
        return page

    def sign_in(self, login: str, password: str = PASSWORD, *, then: str = "/") -> Page:
        """Sign in on the hosted page and arrive at ``then``."""
        page = self.tab(f"/auth/sign-in?next={then}")
        fill_in_sign_in(page, login, password)
        expect(page).to_have_url(re.compile(re.escape(then) + "$"))
        expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
        return page

    def expect_refusal(self, path: str) -> None:
        """The answer 4xx of ``path`` belongs to the test; every other one is a complaint."""
        self.forgiven.add(path)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        path = re.sub(r"^\w+://[^/]+", "", message.location["url"])
        if _REFUSED.search(message.text) and path in self.forgiven:
            return
        self.complaints.append(f"{message.text} ({path})")


def fill_in_sign_in(page: Page, login: str, password: str) -> None:
    """Fill in and send the form of the sign-in page."""
    page.get_by_label("E-mail address").fill(login)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
