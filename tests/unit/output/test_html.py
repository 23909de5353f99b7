"""Rich text: ATTACKS O02, ASVS 1.3.1. The broad list of payloads is in ``tests/attack``."""

import pytest

from ringfence.output.html import rich_text


@pytest.mark.parametrize(
    "harmless",
    [
        "<p>Good <strong>bread</strong>, <em>really</em>.</p>",
        "<h2>List</h2><ul><li>one</li><li>two</li></ul>",
        "<blockquote>said <cite>they</cite></blockquote>",
        '<table><tbody><tr><td colspan="2">x</td></tr></tbody></table>',
        "1 &lt; 2 &amp; 3",
    ],
)
def test_what_is_harmless_stays_as_it_is(harmless: str) -> None:
    assert rich_text(harmless) == harmless


def test_a_link_gives_the_page_behind_it_no_handle_and_no_recommendation() -> None:
    assert rich_text('<a href="https://x.example" target="_blank">x</a>') == (
        '<a href="https://x.example" rel="noopener nofollow">x</a>'
    )


@pytest.mark.parametrize("scheme", ["javascript", "data", "vbscript", "file", "ftp", "tel", "blob"])
def test_a_link_leads_to_the_web_or_to_a_mailbox(scheme: str) -> None:
    assert rich_text(f'<a href="{scheme}:x">x</a>') == '<a rel="noopener nofollow">x</a>'


@pytest.mark.parametrize(
    "attribute", ['style="x"', 'class="x"', 'id="x"', 'onclick="x"', 'data-x="y"', 'name="x"']
)
def test_no_style_no_class_no_id_no_handler(attribute: str) -> None:
    assert rich_text(f"<p {attribute}>x</p>") == "<p>x</p>"


def test_an_image_could_tell_who_reads() -> None:
    assert rich_text('<p>x<img src="https://tracker.example/x.gif"></p>') == "<p>x</p>"


def test_a_template_engine_may_insert_the_result() -> None:
    made = rich_text("<p>x</p>")
    assert made.__html__() == "<p>x</p>"
    assert type(made.__html__()) is str


def test_sanitising_twice_changes_nothing() -> None:
    once = rich_text("<p>a<script>b</script><a href='//c'>d</a>")
    assert rich_text(once) == once
