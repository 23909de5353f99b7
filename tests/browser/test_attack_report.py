"""The report of ``ringfence attack`` in Chromium: each field opens its exchange, by no script."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from ringfence.attack.page import page
from tests.unit.attack.test_reports import ABOUT, MATRIX


def test_a_field_opens_what_was_sent_and_what_came_back(chromium: Browser, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text(page(MATRIX, ABOUT))
    shown = chromium.new_page()
    shown.goto(report.as_uri())
    exchange = shown.locator('[id="Z01-authz"]')
    expect(exchange).to_be_hidden()
    shown.locator('.matrix a[href="#Z01-authz"]').click()
    expect(exchange).to_be_visible()
    expect(exchange).to_contain_text("a <b>payload</b>")
    expect(shown.locator('[id="O07-authz"]')).to_be_hidden()
    shown.close()
