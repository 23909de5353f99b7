"""ATTACKS O02: HTML that others will see runs nothing, loads nothing and looks like nothing else.

``xss.jsonl`` holds one payload a line. What survives is parsed by another parser than the
sanitiser's, and judged by a list of its own.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.core.codes import Layer
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from ringfence.output.html import rich_text
from tests.careless import seams

LINES = Path(__file__).with_name("xss.jsonl").read_text().splitlines()
PAYLOADS: list[str] = [json.loads(line) for line in LINES]

NAMES = (
    "animate applet area audio base body button dialog embed fencedframe foreignobject form "
    "frame frameset handler head html iframe image img input isindex keygen link listing map "
    "marquee math meta noembed noframes noscript object option picture plaintext portal script "
    "select slot source style svg template textarea title video xmp"
)
ACTIVE = frozenset(NAMES.split())

#: WHATWG URL: what a browser trims from a link, and what it drops anywhere in it.
TRIMMED = "".join(map(chr, range(0x21)))
SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
DROPPED = {ord(character): None for character in "\t\n\r"}
HARMLESS_SCHEMES = {"http", "https", "mailto"}
HARMLESS_ATTRIBUTES = {"href", "title", "lang", "rel", "start", "colspan", "rowspan"}


class Seen(HTMLParser):
    """What a browser would meet in the result."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "href":
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_decl(self, decl: str) -> None:
        self.tags.add(f"!{decl}")

    def handle_pi(self, data: str) -> None:
        self.tags.add(f"?{data}")

    def handle_comment(self, data: str) -> None:
        self.tags.add(f"!--{data}")


class Nowhere:
    def emit(self, event: Event) -> None: ...


def exchange(*off: Layer) -> Exchange:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Exchange({}, request_id="r", now=now, seams=seams(*off), sink=Nowhere())


@pytest.fixture
def guarded() -> Iterator[Exchange]:
    made = exchange()
    token = current.set(made)
    yield made
    current.reset(token)


@pytest.fixture
def output_off() -> Iterator[Exchange]:
    made = exchange(Layer.OUTPUT)
    token = current.set(made)
    yield made
    current.reset(token)


def acts(html: str) -> bool:
    """Whether anything of it runs, loads, or leads away from the web."""
    seen = Seen(html)
    schemes = [SCHEME.match(link.strip(TRIMMED).translate(DROPPED)) for link in seen.links]
    return bool(
        seen.tags & ACTIVE
        or any(not tag.isalnum() for tag in seen.tags)
        or seen.attributes - HARMLESS_ATTRIBUTES
        or any(scheme and scheme[1].lower() not in HARMLESS_SCHEMES for scheme in schemes)
    )


def test_no_payload_leaves_anything_that_acts(guarded: Exchange) -> None:
    """And nothing wakes up in a second parser (mutation XSS)."""
    assert not [payload for payload in PAYLOADS if acts(rich_text(payload))]
    assert not [payload for payload in PAYLOADS if acts(rich_text(rich_text(payload)))]


def test_with_the_layer_off_the_payloads_are_shown_as_they_came_and_act(
    output_off: Exchange,
) -> None:
    assert [rich_text(payload) for payload in PAYLOADS] == PAYLOADS
    assert not output_off.traces
    assert len(PAYLOADS) >= 200
    assert sum(map(acts, PAYLOADS)) >= 0.95 * len(PAYLOADS)


@given(st.lists(st.sampled_from(PAYLOADS), min_size=2, max_size=4), st.integers(1, 40))
def test_payloads_cut_and_joined_leave_nothing_that_acts(parts: list[str], cut: int) -> None:
    assert not acts(rich_text("".join(part[:cut] for part in parts) + parts[-1]))


def test_the_sanitiser_leaves_its_trace(guarded: Exchange) -> None:
    rich_text("<p>x</p>")
    assert [code.name for code in guarded.traces] == ["html.sanitised"]
