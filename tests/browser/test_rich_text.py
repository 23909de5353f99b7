"""ATTACKS O02 in Chromium: what the sanitiser leaves of the payloads runs nothing."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser

from ringfence.core.codes import Layer
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from ringfence.output.html import rich_text
from tests.careless import seams

LINES = (Path(__file__).parents[1] / "attack/output/xss.jsonl").read_text().splitlines()
PAYLOADS: list[str] = [json.loads(line) for line in LINES]

#: Each document in a frame of its own, without any policy; what runs calls one of these.
SHOW = """
async (documents) => {
  const ran = new Set();
  await Promise.all(documents.map((html, number) => new Promise((loaded) => {
    const frame = document.createElement("iframe");
    frame.addEventListener("load", loaded);
    window[`ran${number}`] = () => ran.add(number);
    const trap = ["alert", "confirm", "prompt", "print"]
      .map((name) => `window.${name} = () => parent.ran${number}();`).join("");
    frame.srcdoc = `<!doctype html><script>${trap}</` + `script><body>${html}`;
    document.body.append(frame);
  })));
  return [...ran];
}
"""


class Nowhere:
    def emit(self, event: Event) -> None: ...


def sanitised(*off: Layer) -> list[str]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    token = current.set(Exchange({}, request_id="r", now=now, seams=seams(*off), sink=Nowhere()))
    try:
        return [rich_text(payload) for payload in PAYLOADS]
    finally:
        current.reset(token)


def what_ran(chromium: Browser, documents: Sequence[str]) -> list[str]:
    page = chromium.new_page()
    page.route("**", lambda route: route.abort())
    ran: list[int] = page.evaluate(SHOW, documents)
    page.close()
    return [PAYLOADS[number] for number in ran]


def test_no_payload_runs_in_a_browser(chromium: Browser) -> None:
    assert what_ran(chromium, sanitised()) == []


def test_with_the_layer_off_payloads_run(chromium: Browser) -> None:
    assert len(what_ran(chromium, sanitised(Layer.OUTPUT))) >= 0.2 * len(PAYLOADS)
