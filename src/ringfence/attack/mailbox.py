"""The mail that the application sends, read from the folder in which it ends."""

import asyncio
import re
import time
from collections import defaultdict
from email import message_from_bytes, policy
from pathlib import Path
from typing import Final

from ringfence.attack.unproven import UnprovenError

_LINK: Final = re.compile(r"(https?://\S+)#token=(\S+)")
_PATIENCE_SECONDS: Final = 30.0
_LOOK_EVERY_SECONDS: Final = 0.03


class Mailbox:
    """A folder of ``.eml`` files."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._read: Final[set[str]] = set()
        self._links: Final[defaultdict[str, list[tuple[str, str]]]] = defaultdict(list)

    async def link(self, login: str) -> tuple[str, str]:
        """Address and token of the next link that was mailed to ``login``, once it is there."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            self._look()
            if self._links[login]:
                return self._links[login].pop(0)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        raise UnprovenError(f"no link was mailed to {login}")

    def _look(self) -> None:
        for file in sorted(self._folder.glob("*.eml")):
            if file.name in self._read:
                continue
            self._read.add(file.name)
            message = message_from_bytes(file.read_bytes(), policy=policy.default)
            text = message.get_body(("plain",))
            found = _LINK.search(text.get_content()) if text is not None else None
            if found is not None:
                self._links[str(message["To"])].append((found[1], found[2]))
