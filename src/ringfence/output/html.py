"""Rich text: HTML that users write, reduced to a fixed list of harmless elements.

No style, no class, no id, no image and no form. Links lead to the web or to a mailbox. The page
behind a link cannot reach the page that opened it, and a link does not recommend it.

Sources: ATTACKS O02; OWASP ASVS 5.0 requirement 1.3.1; OWASP XSS Prevention Cheat Sheet.
"""

from collections.abc import Callable
from typing import Final

import nh3

from ringfence.core.codes import Layer
from ringfence.core.exchange import trace
from ringfence.core.seam import Seam

_NAMES: Final = (
    "a abbr b blockquote br caption cite code dd del dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li "
    "mark ol p pre q s samp small strong sub sup table tbody td tfoot th thead tr u ul"
)
TAGS: Final = frozenset(_NAMES.split())
ATTRIBUTES: Final = {
    "*": {"lang", "title"},
    "a": {"href"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
SCHEMES: Final = frozenset({"http", "https", "mailto"})

_CLEANER: Final = nh3.Cleaner(
    tags=set(TAGS),
    attributes=ATTRIBUTES,
    url_schemes=set(SCHEMES),
    link_rel="noopener nofollow",
    strip_comments=True,
)


class Markup(str):
    """HTML that a template engine may insert as it is (the ``__html__`` protocol)."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def rich_text(html: str) -> Markup:
    """What of ``html`` may be shown to others."""
    return Markup(SANITISER.current()(html))


def _clean(html: str) -> str:
    trace("html.sanitised")
    return _CLEANER.clean(html)


#: What turns the text of a user into harmless HTML.
SANITISER: Final = Seam[Callable[[str], str]](Layer.OUTPUT, _clean)
