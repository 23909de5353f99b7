"""Cross-site requests: recognised by Fetch Metadata, with ``Origin`` as the fallback.

``Sec-Fetch-Site`` is set by the browser; a page cannot change it. ``same-site`` is no proof: a
sibling subdomain and, on one machine, every other port share our cookies (measured). So a foreign
page may only send its user to a page of ours, unless ``allowed_origins`` names it.

* **State-changing requests and WebSockets** must be ``same-origin``, or come from a listed origin.
  Whether they carry a cookie does not matter: signing in needs none, and to sign a victim in to the
  attacker's account is an attack too (login CSRF).
* **Safe requests** may also be top-level navigations, from anywhere. Subresources and frames of
  other sites are refused, because cross-site leaks use them.
* **No metadata** (an old browser, plain HTTP, or no browser): ``Origin`` decides. Without that, a
  request with a cookie could be forged and is refused. A request without a cookie has no authority
  that a victim's browser could have added.
* **A bearer token and no cookie** passes: no page can make a browser add the token.

``Origin: null`` beside ``same-origin`` is what a page under ``Referrer-Policy: no-referrer`` sends
when it posts a form, so it is no contradiction. Any other foreign origin beside it is.

Sources: W3C Fetch Metadata; OWASP CSRF Prevention Cheat Sheet; ASVS 3.5.1, 3.5.3; MUSTS C04.
"""

from collections.abc import Container, Mapping
from typing import Final, Literal, TypeAlias

Verdict: TypeAlias = Literal["", "csrf.cross_site", "csrf.unproven"]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SITES: Final = frozenset({b"same-site", b"cross-site", b"none"})


def verdict(  # one return for each rule above
    method: str, headers: Mapping[bytes, bytes], own: bytes, listed: Container[bytes]
) -> Verdict:
    """Judge one request; empty means that it may pass.

    Args:
        method: The HTTP method, or ``"WEBSOCKET"``.
        headers: By lower-case name.
        own: The origin that this request was sent to, as browsers spell it; empty if it is none
            of ours.
        listed: Further origins that may change state.
    """
    # Browsers always send the origin with a WebSocket, and not all of them the metadata.
    site = headers.get(b"sec-fetch-site") if method != "WEBSOCKET" else None
    origin = headers.get(b"origin")
    if site == b"same-origin":
        trusted = origin is None or origin in (own, b"null") or origin in listed
        return "" if trusted else "csrf.cross_site"
    if _has_bearer_alone(headers) or (origin is not None and origin in listed):
        return ""
    if site is not None:
        return "" if method in _SAFE and _is_navigation(site, headers) else "csrf.cross_site"
    if method in _SAFE or (own and origin == own):
        return ""
    if origin is not None:
        return "csrf.cross_site"
    return "csrf.unproven" if b"cookie" in headers else ""


def _is_navigation(site: bytes, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a person opens the page, in the browser's own window and not in a frame."""
    return (
        site in _SITES
        and headers.get(b"sec-fetch-mode", b"navigate") == b"navigate"
        and headers.get(b"sec-fetch-dest", b"document") == b"document"
    )


def _has_bearer_alone(headers: Mapping[bytes, bytes]) -> bool:
    """A token and no cookie. ``Basic`` does not count: browsers add it by themselves."""
    if b"cookie" in headers:
        return False
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return scheme.lower() == b"bearer" and bool(token.strip())
