"""Recovery codes: ten of them, to be printed, each good once where every other factor is lost.

A code has 128 random bits, so a plain hash of it is enough to store (ASVS 6.5.2, MUSTS O06, O07).
It is written in base32, which has no digit that looks like a letter.
"""

import re
import unicodedata
from base64 import b32encode
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from ringfence.core.errors import Refused

COUNT: Final = 10
CODE_BYTES: Final = 16

_GROUP: Final = 5
_LONGEST: Final = 100
_CODE: Final = re.compile("[A-Z2-7]{26}")


def new(random: Callable[[int], bytes]) -> tuple[str, ...]:
    """A set of codes as people read them: ``ABCDE-FGHIJ-KLMNO-PQRST-UVWXYZ``."""
    return tuple(_shown(random(CODE_BYTES)) for _ in range(COUNT))


def digest(text: str) -> bytes:
    """What is stored of a code, in however many groups and in whatever case it was typed.

    Raises:
        Refused: ``factor.invalid``: it has not the shape of one.
    """
    code = unicodedata.normalize("NFKC", text[:_LONGEST]).upper()
    code = "".join(each for each in code if each.isalnum())
    if not _CODE.fullmatch(code):
        raise Refused("factor.invalid", facts={"reason": "no code"})
    return sha256(code.encode()).digest()


def _shown(code: bytes) -> str:
    text = b32encode(code).rstrip(b"=").decode()
    cuts = [text[at : at + _GROUP] for at in range(0, 4 * _GROUP, _GROUP)]
    return "-".join([*cuts, text[4 * _GROUP :]])
