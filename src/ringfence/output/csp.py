"""Content-Security-Policy: one policy for pages, one for everything else.

Everything that is not named is denied. A page gets scripts, styles, images and connections of its
own origin, no inline code, no plug-ins, no frame around it, and Trusted Types. Anything else (JSON,
a download, an image) is not a document and gets nothing, so that it is harmless even if a browser
renders it.

Sources: CSP Level 3; OWASP ASVS 5.0 requirements 3.4.3 and 3.4.6; OWASP CSP Cheat Sheet; MUSTS C02.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Answers that are no pages.
API: Final[Mapping[str, str]] = MappingProxyType(
    {"default-src": "'none'", "frame-ancestors": "'none'"}
)

#: Attachments: if a browser shows one although it should not, it has no origin and runs nothing.
ATTACHMENT: Final[Mapping[str, str]] = MappingProxyType({**API, "sandbox": ""})

#: Pages. ``data:`` images are inert; ``connect-src 'self'`` lets a page speak to its own backend.
HTML: Final[Mapping[str, str]] = MappingProxyType(
    {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "object-src": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "ringfence",
    }
)

#: What a handler may declare for one response. ``base-uri``, ``object-src`` and Trusted Types are
#: not among them: there is no good reason to weaken them.
DECLARABLE: Final = frozenset(
    {
        "script-src",
        "style-src",
        "img-src",
        "font-src",
        "connect-src",
        "media-src",
        "frame-src",
        "worker-src",
        "manifest-src",
        "form-action",
        "frame-ancestors",
    }
)

#: One source expression: no white space, and nothing that ends a directive or a header.
_SOURCE: Final = re.compile(r"[!-+\-.-:<-~]+\Z")

#: With any of them, injected text could run.
_REFUSED_FOR_SCRIPTS: Final = frozenset({"'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'"})
_SCHEMES: Final = frozenset({"*", "data:", "blob:", "http:", "https:"})


def declaration(name: str, sources: str) -> tuple[str, str]:
    """Check one directive that a handler declares.

    Args:
        name: As a Python name, ``img_src``.
        sources: Source expressions separated by spaces, ``"'self' https://images.example"``.

    Returns:
        The directive's name and its sources as the header holds them.

    Raises:
        ValueError: The directive cannot be declared, or a source would undo the policy.
    """
    directive = name.replace("_", "-")
    if directive not in DECLARABLE:
        raise ValueError(f"{directive} cannot be declared")
    expressions = sources.split()
    if not expressions or not all(_SOURCE.match(expression) for expression in expressions):
        raise ValueError(f"the sources of {directive} are malformed")
    if directive in ("script-src", "worker-src"):
        refused = (_REFUSED_FOR_SCRIPTS | _SCHEMES) & {e.lower() for e in expressions}
        if refused:
            raise ValueError(f"{directive} must not hold {' '.join(sorted(refused))}")
    return directive, " ".join(expressions)


def policy(
    base: Mapping[str, str], declared: Mapping[str, str] | None = None, nonce: str | None = None
) -> bytes:
    """The header's value: ``base`` with the directives that a handler declared in their place.

    With a nonce, the scripts and styles that carry it run, and scripts that those load
    (``'strict-dynamic'``: a browser then passes over ``'self'``, so every script needs the nonce).
    """
    directives = {**base, **(declared or {})}
    if nonce is not None:
        scripts = directives.get("script-src", "")
        styles = directives.get("style-src", "")
        directives["script-src"] = f"{scripts} 'nonce-{nonce}' 'strict-dynamic'".lstrip()
        directives["style-src"] = f"{styles} 'nonce-{nonce}'".lstrip()
    return "; ".join(f"{n} {sources}".rstrip() for n, sources in directives.items()).encode()
