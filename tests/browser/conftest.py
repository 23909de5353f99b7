"""The real demo shop in a process of its own, and visitors with real browsers."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.shop import Shop, running_shop
from tests.browser.visitor import Visitor

#: TRAPS: as root Chromium has no sandbox; the rest keeps it from talking to the network.
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Two busy cores are no reason to fail.
expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium.

    It is started for each module, not once: while Playwright runs, its event loop is this
    thread's, and the coroutine tests of other modules could not run.
    """
    with sync_playwright() as playwright:
        program = shutil.which("chromium-headless-shell")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A demo shop, fresh for each module, so that no module spends another's limits."""
    with running_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
def visitor(chromium: Browser, shop: Shop) -> Iterator[Callable[..., Visitor]]:
    """Make visitors. No page of theirs may have had anything to complain about at the end."""
    visitors: list[Visitor] = []

    def make(**options: object) -> Visitor:
        context = chromium.new_context(**{"base_url": shop.address, **options})  # pyright: ignore[reportArgumentType]  # options of a context, by name
        visitors.append(Visitor(context))
        return visitors[-1]

    yield make
    for each in visitors:
        each.context.close()
    assert [complaint for each in visitors for complaint in each.complaints] == []
