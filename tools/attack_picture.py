"""Takes the picture for the README of the report of a real run: its head, and the whole table.

python3 dev.py attack --ablate --html report.html
.venv/bin/python tools/attack_picture.py report.html
"""  # noqa: INP001  # a script, and no package

import shutil
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

PICTURE: Final = Path(__file__).parents[1] / "docs/images/attack.png"
_WIDTH: Final = 1560
_BELOW: Final = 48  # of the table, in pixels


def main(report: Path) -> None:
    """Write ``PICTURE``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": _WIDTH, "height": 900})
        page.goto(report.absolute().as_uri())
        box = page.locator(".matrix").bounding_box()
        if box is None:
            raise SystemExit(f"{report} holds no table")
        height = box["y"] + box["height"] + _BELOW
        page.screenshot(
            path=PICTURE,
            full_page=True,
            clip={"x": 0, "y": 0, "width": _WIDTH, "height": height},
        )
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
