"""ATTACKS O03: active content does not come in as a picture."""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.boundary.files import images
from ringfence.boundary.files.root import FileRoot
from ringfence.boundary.files.uploads import Uploads, recognise
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from tests.careless import seams


def chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))


def png(*extra: bytes) -> bytes:
    header = chunk(b"IHDR", pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\1\2\3"))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + pixels + chunk(b"IEND", b"")


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + pack(">H", len(data) + 2) + data


PNG = png()
JPEG = (
    b"\xff\xd8"
    + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    + segment(0xDA, b"\1\1\0\0\x3f\0")
    + b"coded\xff\x00more\xff\xd0rest"
    + b"\xff\xd9"
)
GIF = (
    b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff"
    b"\x21\xf9\4\1\0\0\0\0"
    b"\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0\x3b"
)
WEBP_BODY = b"WEBPVP8L" + pack("<I", 5) + b"\x2f\0\0\0\0\0"
WEBP = b"RIFF" + pack("<I", len(WEBP_BODY)) + WEBP_BODY
IMAGES = {"image/png": PNG, "image/jpeg": JPEG, "image/gif": GIF, "image/webp": WEBP}

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


class Nowhere:
    def emit(self, event: Event) -> None: ...


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(FileRoot(tmp_path), limit_bytes=4096)


@pytest.fixture
def boundary_off() -> Iterator[None]:
    exchange = Exchange(
        {},
        request_id="r",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        seams=seams(Layer.BOUNDARY),
        sink=Nowhere(),
    )
    token = current.set(exchange)
    yield
    current.reset(token)


@pytest.mark.parametrize("media_type", IMAGES)
def test_an_image_is_known_by_its_content(media_type: str) -> None:
    assert recognise(IMAGES[media_type]) == media_type


@pytest.mark.parametrize("media_type", IMAGES)
def test_an_image_with_anything_appended_is_refused(media_type: str) -> None:
    """GIFAR and the like: an archive is read from its end."""
    with pytest.raises(Refused, match="upload.refused"):
        recognise(IMAGES[media_type] + b"PK\5\6" + bytes(18))


@pytest.mark.parametrize("media_type", IMAGES)
@pytest.mark.parametrize("cut", [1, 4, 9])
def test_an_image_that_is_cut_off_is_refused(media_type: str, cut: int) -> None:
    with pytest.raises(Refused):
        recognise(IMAGES[media_type][:-cut])


@pytest.mark.parametrize(
    "content",
    [
        SVG,
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"GIF89a<script>alert(1)</script>",
        b"GIF89a/*" + GIF[8:] + b"*/=1;alert(1)",
        png(chunk(b"tEXt", b"Comment\0<script src=//evil></script>")),
        png(chunk(b"tEXt", b"Comment\0<SVG\nonload=alert(1)>")),
        JPEG[:2] + segment(0xFE, b"<?php system($_GET[0]) ?>") + JPEG[2:],
        b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>",
        b"PK\3\4",
        b"#!/bin/sh\n",
        b"",
        b"\x89PNG\r\n\x1a\n",
        PNG.replace(b"\1\2\3", b"\1\2\4") + b"\0",
    ],
)
def test_active_content_and_polyglots_are_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="upload.refused"):
        recognise(content)


#: Each differs from a whole image in one thing.
NOT_WHOLE = {
    "PNG: its header is not the first chunk": PNG[:8] + chunk(b"tEXt", b"a\0b") + PNG[8:],
    "PNG: no end chunk": PNG[:-12],
    "PNG: no pixels": PNG[:33] + PNG[-12:],
    "JPEG: nothing but its two ends": b"\xff\xd8\xff\xd9",
    "JPEG: cut off behind a marker": b"\xff\xd8\xff\xe0",
    "JPEG: a reserved marker": JPEG[:2] + segment(0x02, b"x") + JPEG[2:],
    "JPEG: a second start": JPEG[:2] + segment(0xD8, b"x") + JPEG[2:],
    "GIF: shorter than its header": b"GIF89a;",
    "GIF: no image": GIF[:19] + b";",
    "WebP: shorter than its header": b"RIFF",
    "WebP: another size than the file's": b"RIFF" + pack("<I", len(WEBP_BODY) + 1) + WEBP_BODY,
    "WebP: another kind of RIFF": WEBP.replace(b"WEBP", b"WAVE"),
    "WebP: half a chunk behind it": b"RIFF" + pack("<I", len(WEBP_BODY) + 3) + WEBP_BODY + b"abc",
    "WebP: no image": b"RIFF" + pack("<I", 16) + b"WEBPXMP " + pack("<I", 4) + b"abcd",
}


@pytest.mark.parametrize("content", NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_what_is_no_whole_image_is_none(content: bytes) -> None:
    assert images.recognise(content) is None


def test_a_png_whose_checksum_is_wrong_is_refused() -> None:
    assert images.recognise(PNG[:-13] + b"\0" + PNG[-12:]) is None


async def test_neither_the_stated_name_nor_the_stated_type_counts(
    uploads: Uploads, tmp_path: Path
) -> None:
    kept = await uploads.store(PNG, stated_name="../../evil.html", stated_type="text/html")
    assert kept.media_type == "image/png"
    assert kept.name.endswith(".png")
    assert len(kept.name) == 36
    assert (tmp_path / kept.name).read_bytes() == PNG


async def test_a_folder_that_is_not_there_yet_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "uploads"
    kept = await Uploads(FileRoot(folder), limit_bytes=4096).store(
        PNG, stated_name="a", stated_type="image/png"
    )
    assert (folder / kept.name).read_bytes() == PNG
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_an_svg_that_says_it_is_a_png_is_refused(uploads: Uploads) -> None:
    with pytest.raises(Refused):
        await uploads.store(SVG, stated_name="cat.png", stated_type="image/png")
    with pytest.raises(Refused):
        uploads.root.read("cat.png")


async def test_the_size_limit_is_the_last_size_that_passes(uploads: Uploads) -> None:
    fitting = png(chunk(b"tEXt", b"a" * (4096 - len(PNG) - 12)))
    assert len(fitting) == 4096
    await uploads.store(fitting, stated_name="a", stated_type="")
    with pytest.raises(Refused):
        await uploads.store(
            png(chunk(b"tEXt", b"a" * (4097 - len(PNG) - 12))), stated_name="a", stated_type=""
        )


async def test_with_the_layer_off_an_svg_is_kept_and_typed_as_the_client_says(
    uploads: Uploads, tmp_path: Path, boundary_off: None
) -> None:
    kept = await uploads.store(SVG, stated_name="cat.svg", stated_type="image/svg+xml")
    assert (kept.name, kept.media_type) == ("cat.svg", "image/svg+xml")
    assert (tmp_path / "cat.svg").read_bytes() == SVG


@given(st.sampled_from(sorted(IMAGES)), st.integers(0, 200), st.binary(max_size=8))
def test_no_damage_makes_the_walk_fail_in_another_way(kind: str, at: int, patch: bytes) -> None:
    """It answers with a type or with None, whatever the bytes are, and it ends."""
    image = IMAGES[kind]
    images.recognise(image[:at] + patch + image[at + len(patch) :])
