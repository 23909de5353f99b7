"""Uploads: recognised by content, whole, and kept under a name of ours (ATTACKS O03; ASVS 5.2.2).

Neither the name nor the type that a client states is believed. The structure of a file decides: it
must be one image of an allowed kind from its first byte to its last. So a signature alone
is not enough, and nothing can be appended (an archive after a GIF). A file that holds the opening
of an HTML, SVG or PHP document anywhere is refused even so, metadata included.

This is **not** promised: pixels are not decoded, so an image can still attack a flaw of a decoder.
An image can also be a valid program or document in another format. Therefore the output layer sends
uploads as attachments. To be sure of images, encode them again.
"""

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Final

from ringfence.boundary.files import images
from ringfence.boundary.files.root import FileRoot
from ringfence.core.codes import Layer
from ringfence.core.exchange import refusal, trace
from ringfence.core.seam import Seam

#: How active documents begin; chance does not write this into an image (2^-40 for a megabyte).
_ACTIVE: Final = re.compile(
    rb"<(?:!doctype|html|head|body|script|svg|iframe|object|embed|meta|\?php|\?xml-stylesheet)[\s>/]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that was taken in: the name under which its root has it, and what it is."""

    name: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class File:
    """A file as a client sends it."""

    content: bytes
    _: KW_ONLY
    stated_name: str
    stated_type: str


class Uploads:
    """Takes files into a root.

    Args:
        root: Where they are kept; nothing else should be there, and no server should serve it. The
            folder is made when the first one comes.
        limit_bytes: The largest file. The limit on request bodies comes first.
    """

    def __init__(self, root: FileRoot, *, limit_bytes: int = 5_242_880) -> None:
        self.root: Final = root
        self.limit_bytes: Final = limit_bytes

    async def store(self, content: bytes, *, stated_name: str, stated_type: str) -> Upload:
        """Keep ``content``.

        Args:
            content: The whole file.
            stated_name: The client's name for it; not used.
            stated_type: The client's type for it; not used.

        Raises:
            Refused: ``upload.refused``.
        """
        file = File(content, stated_name=stated_name, stated_type=stated_type)
        taken = VETTER.current()(file, self.limit_bytes)
        await asyncio.to_thread(self._keep, taken.name, content)
        return taken

    def _keep(self, name: str, content: bytes) -> None:
        self.root.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.write(name, content)


def _vet(file: File, limit_bytes: int) -> Upload:
    trace("upload.vetted")
    size_bytes = len(file.content)
    if size_bytes > limit_bytes:
        raise refusal("upload.refused", reason="size")
    media_type = recognise(file.content)
    name = f"{secrets.token_hex(16)}.{media_type.partition('/')[2]}"
    return Upload(name=name, media_type=media_type, size_bytes=size_bytes)


#: Who judges a file, against the limit in bytes, and says under which name and type it is kept.
#: Raises as ``Uploads.store``.
VETTER: Final = Seam[Callable[[File, int], Upload]](Layer.BOUNDARY, _vet)


def recognise(content: bytes) -> str:
    """The media type of ``content``, by its structure. Raises ``upload.refused``."""
    if _ACTIVE.search(content):
        raise refusal("upload.refused", reason="active content")
    media_type = images.recognise(content)
    if media_type is None:
        raise refusal("upload.refused", reason="not one whole image")
    return media_type
