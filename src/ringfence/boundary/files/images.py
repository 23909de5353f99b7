"""Whether bytes are one whole image: the structure of four formats, from first byte to last.

No pixel is decoded. The check makes sure that the file is nothing else besides: the blocks follow
one another as the format says, and nothing follows the end marker, so no archive or document is
appended.
"""
# ruff: noqa: PLR2004  # the numbers are the formats' own, and stand beside their specification

import re
import zlib
from collections.abc import Callable, Mapping
from struct import unpack_from
from typing import Final


def recognise(content: bytes) -> str | None:
    """The media type of ``content``; None if it is not one whole image of a known format."""
    for (signature, media_type), is_whole in _KINDS.items():
        if content.startswith(signature) and is_whole(content):
            return media_type
    return None


def _is_png(data: bytes) -> bool:
    """Chunks, each with its checksum, up to an ``IEND`` that is the end (ISO/IEC 15948)."""
    at, kinds = 8, list[bytes]()
    while at + 12 <= len(data):
        (length,) = unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data) or unpack_from(">I", data, end - 4)[0] != zlib.crc32(
            data[at + 4 : end - 4]
        ):
            return False
        kinds.append(kind)
        at = end
        if kind == b"IEND":
            break
    return at == len(data) and kinds[:1] == [b"IHDR"] and b"IDAT" in kinds and kinds[-1] == b"IEND"


def _is_jpeg(data: bytes) -> bool:
    """Segments, then coded data up to an end marker that is the end (ITU T.81, annex B)."""
    at, scans = 2, 0
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xD9:
            return scans > 0 and at + 2 == len(data)
        if at + 4 > len(data) or marker < 0xC0 or 0xD0 <= marker <= 0xD8:
            return False
        at += 2 + max(2, unpack_from(">H", data, at + 2)[0])
        if marker == 0xDA:
            scans += 1
            coded = _JPEG_CODED.match(data, at)
            at = coded.end() if coded else at
    return False


def _is_gif(data: bytes) -> bool:
    """Blocks up to a trailer that is the end (GIF89a specification)."""
    if len(data) < 13:
        return False
    at, images = 13 + _gif_table(data[10]), 0
    while at < len(data):
        if data[at] == 0x3B:
            return images > 0 and at + 1 == len(data)
        if data[at] == 0x21:
            at += 2
        elif data[at] == 0x2C and at + 10 <= len(data):
            images += 1
            at += 11 + _gif_table(data[at + 9])
        else:
            return False
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return False


def _gif_table(packed: int) -> int:
    """The size in bytes of a colour table."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _is_webp(data: bytes) -> bool:
    """Chunks that fill the RIFF container, which is the whole file (RFC 9649)."""
    if len(data) < 20 or unpack_from("<I", data, 4)[0] != len(data) - 8 or data[8:12] != b"WEBP":
        return False
    at, kinds = 12, set[bytes]()
    while at + 8 <= len(data):
        (length,) = unpack_from("<I", data, at + 4)
        kinds.add(data[at : at + 4])
        at += 8 + length + (length & 1)
    return at == len(data) and not kinds.isdisjoint({b"VP8 ", b"VP8L", b"ANMF"})


#: Coded data: anything but a marker; a stuffed 0xFF00 and the restarts are part of it.
_JPEG_CODED: Final = re.compile(rb"(?:[^\xff]|\xff[\x00\xd0-\xd7])*+", re.DOTALL)

_KINDS: Final[Mapping[tuple[bytes, str], Callable[[bytes], bool]]] = {
    (b"\x89PNG\r\n\x1a\n", "image/png"): _is_png,
    (b"\xff\xd8\xff", "image/jpeg"): _is_jpeg,
    (b"GIF87a", "image/gif"): _is_gif,
    (b"GIF89a", "image/gif"): _is_gif,
    (b"RIFF", "image/webp"): _is_webp,
}
