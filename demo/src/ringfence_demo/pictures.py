"""Pictures of the products, drawn here so that the demo ships none: one shape on one colour."""

import zlib
from struct import pack
from typing import Final

SIDE: Final = 64  # pixels


def draw(hue: tuple[int, int, int]) -> bytes:
    """A disc in the colour ``hue``, on a lighter ground, as PNG."""
    rows = bytearray()
    for y in range(SIDE):
        rows.append(0)  # no filter
        for x in range(SIDE):
            inside = (x - SIDE / 2) ** 2 + (y - SIDE / 2) ** 2 < (SIDE / 3) ** 2
            rows += bytes(part if inside else 255 - (255 - part) // 5 for part in hue)
    header = pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(rows), 9)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))
