"""The hosted pages and their files, read once at the start.

What is served is a closed dictionary of names, so no path can leave the folder (ATTACKS I07).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Final

from starlette.responses import Response

from ringfence.core.errors import Refused
from ringfence.core.policy import allow, public
from ringfence.output.page import csp
from ringfence.service.call import Call, Handler

_HERE: Final = Path(__file__).parent

#: Derives keys in a thread of its own: it may compile WebAssembly, and the pages may not. It is
#: judged by the header of its own answer, and reaches nothing (DESIGN section 6).
_WORKER: Final = "derive.js"

#: The hosted pages, by path; each is a static document that talks to the API.
PAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/auth/sign-in": "sign-in.html",
        "/auth/sign-up": "sign-up.html",
        "/auth/verify-email": "verify-email.html",
        "/auth/forgot": "forgot.html",
        "/auth/reset": "reset.html",
        "/auth/account": "account.html",
    }
)

_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".map": "application/json",
        ".png": "image/png",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".woff2": "font/woff2",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file in memory."""

    body: bytes
    content_type: str
    etag: str

    @classmethod
    def read(cls, path: Path) -> "Document":
        """Read ``path``; raises OSError or KeyError for what cannot be served."""
        body = path.read_bytes()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return cls(body=body, content_type=_TYPES[path.suffix], etag=etag)


class Static:
    """Serves the pages and the files that they load."""

    def __init__(self) -> None:
        self._files: Final = {
            path.name: Document.read(path)
            for path in sorted((_HERE / "static").iterdir())
            if path.suffix in _TYPES
        }

    @allow(public)
    async def file(self, call: Call) -> Response:
        """A file of the pages. The names do not change with the content: a cache asks each time."""
        name = call.parameter("name")
        document = self._files.get(name)
        if document is None:
            raise Refused("resource.missing")
        if name == _WORKER:
            csp(script_src="'self' 'wasm-unsafe-eval'")
        headers = {"etag": document.etag, "cache-control": "public, no-cache"}
        known = call.request.headers.get("if-none-match", "")
        if document.etag in known:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(document.body, headers=headers, media_type=document.content_type)

    @staticmethod
    def page(name: str) -> Handler:
        """A handler that serves one page."""
        document = Document.read(_HERE / "pages" / name)

        @allow(public)
        async def page(_call: Call) -> Response:
            return Response(document.body, media_type=document.content_type)

        return page
