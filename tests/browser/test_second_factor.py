"""A second factor in the hosted pages: set up, asked for, shown again, and a passkey."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route, expect
from pyotp.totp import TOTP

from tests.browser.visitor import ALICE, BOB, PASSWORD, Visitor, fill_in_sign_in

ROOT = "root@example.com"
HOME = re.compile(r"/auth/account$")


def code(secret: str, steps: int) -> str:
    """A code of an app whose clock is so many steps ahead: each is good once."""
    return TOTP(secret).at(datetime.now(UTC) + steps * timedelta(seconds=30))


def set_up_an_app(page: Page) -> tuple[str, list[str]]:
    """Set up an app on the account page; returns its key and the recovery codes."""
    page.get_by_role("button", name="Set up an authenticator app").click()
    expect(page.get_by_role("img", name="QR code of the key")).to_be_visible()
    secret = page.locator("[data-key]").inner_text().replace(" ", "")
    page.get_by_label("Code that the app shows").fill(code(secret, 0))
    page.get_by_role("button", name="Turn it on").click()
    codes = page.locator("[data-codes] li")
    expect(codes).to_have_count(10)
    expect(page.get_by_text("Authenticator app", exact=True)).to_be_visible()
    return secret, codes.all_inner_texts()


def test_an_app_is_set_up_and_asked_for(visitor: Callable[..., Visitor]) -> None:
    """The password leads to one more step; a code signs in, and so does a recovery code, once."""
    at_home = visitor()
    page = at_home.sign_in(ALICE, then="/auth/account")
    secret, recovery = set_up_an_app(page)

    elsewhere = visitor()
    other = elsewhere.tab("/auth/sign-in?next=account")
    fill_in_sign_in(other, ALICE, PASSWORD)
    expect(other.get_by_role("heading", name="One more step")).to_be_visible()
    elsewhere.expect_refusal("/auth/mfa")
    other.get_by_label("Code", exact=True).fill("000 000")
    other.get_by_role("button", name="Go on").click()
    expect(other.get_by_text("This did not work.")).to_be_visible()
    other.get_by_label("Code", exact=True).fill(code(secret, 1))
    other.get_by_role("button", name="Go on").click()
    expect(other).to_have_url(HOME)
    expect(other.get_by_text("10 left")).to_be_visible()

    third = visitor().tab("/auth/sign-in?next=account")
    fill_in_sign_in(third, ALICE, PASSWORD)
    third.get_by_label("Code", exact=True).fill(recovery[0].lower())
    third.get_by_role("button", name="Go on").click()
    expect(third).to_have_url(HOME)
    expect(third.get_by_text("9 left")).to_be_visible()


def test_who_one_is_is_shown_again_in_place(visitor: Callable[..., Visitor]) -> None:
    """MUSTS O10: a session from before the second factor removes it with a code only."""
    at_home, elsewhere = visitor(), visitor()
    other = elsewhere.sign_in(BOB, then="/auth/account")
    page = at_home.sign_in(BOB, then="/auth/account")
    secret, _ = set_up_an_app(page)
    other.reload()
    elsewhere.expect_refusal("/auth/factors/totp")
    other.get_by_role("button", name="Remove Authenticator app").click()
    expect(other.get_by_text("Show again who you are.")).to_be_visible()
    other.get_by_label("Code of your app, or a recovery code").fill(code(secret, 1))
    other.get_by_role("button", name="Go on").click()
    expect(other.get_by_role("button", name="Remove Authenticator app")).to_have_count(0)


def test_another_devices_session_ends_after_the_password_was_shown_again(
    visitor: Callable[..., Visitor],
) -> None:
    """ASVS 5.0 7.5.2, of a sign-in that is too long ago: the page asks in place, and goes on."""
    at_home, elsewhere = visitor(), visitor()
    elsewhere.sign_in(ROOT)
    page = at_home.sign_in(ROOT, then="/auth/account")
    stale = json.dumps({"code": "aal.stale", "title": "Show again who you are.", "status": 403})

    def refuse(route: Route) -> None:
        route.fulfill(status=403, content_type="application/problem+json", body=stale)

    page.route("**/auth/sessions/*", refuse, times=1)
    page.on("request", lambda request: at_home.expect_refusal(urlsplit(request.url).path))
    devices = page.locator("[data-devices] li")
    expect(devices).to_have_count(2)
    page.get_by_role("button", name="End Chrome on Linux").click()
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(devices).to_have_count(1)
