"""Where a page of a list begins: the last key of the page before, as text for the client.

It is no secret and no proof. Whoever makes one up says where to begin in the rows that they may
read anyway. So it is not signed; it has one spelling, and anything else is refused.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec

from ringfence.core.errors import Refused

_DECODER: Final = msgspec.json.Decoder(tuple[str, ...])


def cursor(kind: str, key: tuple[str, ...]) -> str:
    """The cursor of the page after the row of ``kind`` with this key, one string for each part."""
    return urlsafe_b64encode(msgspec.json.encode((kind, *key))).rstrip(b"=").decode()


def place(kind: str, text: str) -> tuple[str, ...]:
    """The key that ``cursor`` made ``text`` of.

    Raises:
        Refused: ``query.invalid``; it is none, or one of another class.
    """
    try:
        named, *key = _DECODER.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError):
        raise Refused("query.invalid", facts={"reason": "cursor"}) from None
    if named != kind or cursor(kind, tuple(key)) != text:
        raise Refused("query.invalid", facts={"reason": "cursor"})
    return tuple(key)
