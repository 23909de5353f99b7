"""Running as ``nobody``, where the starter is root: what shops without layers do.

Whoever became nobody can read nothing of a checkout that belongs to root alone, so what will be
read or imported later is copied or imported before.
"""

import encodings
import os
import pkgutil
import pwd
import shutil
from importlib import import_module
from pathlib import Path
from typing import Final

from ringfence_demo.shop import PAGES, STATIC

#: What libraries import at the first request, when ``nobody`` may not enter their folder any more.
_LATER: Final = (
    "anyio._backends._asyncio",
    "anyio._core._fileio",
    "anyio.streams.tls",
    "cryptography.hazmat.backends.openssl.backend",
    "h11",
    "httpcore2",
    "httpcore2._backends.anyio",
    "idna.uts46data",
    "python_multipart.multipart",
    "truststore",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
_OF_WINDOWS: Final = frozenset({"mbcs", "oem"})


def copies(folder: Path) -> tuple[Path, Path]:
    """The shop's pages and static files, where its user can read them."""
    pages, static = folder / "pages", folder / "static"
    shutil.copytree(PAGES, pages)
    shutil.copytree(STATIC, static)
    return pages, static


def become(folder: Path) -> None:
    """Live in ``folder``, and give up root; whoever is not root stays who they are."""
    for name in (*_LATER, *_codecs()):
        import_module(name)
    os.chdir(folder)
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    os.environ.update(HOME=str(folder), USER="nobody", LOGNAME="nobody")


def _codecs() -> list[str]:
    """All of Python's: a request names the charset that it is in."""
    found = (module.name for module in pkgutil.iter_modules(encodings.__path__))
    return [f"encodings.{name}" for name in found if name not in _OF_WINDOWS]
