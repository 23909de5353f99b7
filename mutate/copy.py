"""Copies of the tree in which one control after the other is deleted."""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mutate.source import PACKAGE, ROOT, Mutant, applied

#: What a copy shares with the tree: it is installed, and nothing changes it.
_SHARED: Final = (".venv", "web/node_modules")

#: What a copy does without.
_LEFT_OUT: Final = {".git", ".venv", "node_modules", "__pycache__", ".mutate"}


class Copy:
    """A copy of the tree, and one change at a time in it."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self._changes = 0
        self._original: tuple[Path, bytes] | None = None
        folder.mkdir(mode=0o711, parents=True)
        for file in files(ROOT):
            target = folder / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target, follow_symlinks=False)
        for shared in _SHARED:
            if (ROOT / shared).exists():
                (folder / shared).symlink_to(ROOT / shared)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which the copy's code is imported, not the installed one."""
        own = (self.folder / "src", self.folder / "demo/src", self.folder)
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("RINGFENCE_", "MUTATE_"))}
        return {**plain, "PYTHONPATH": os.pathsep.join(map(str, own))}

    def change(self, mutant: Mutant) -> None:
        """Delete one control, and no other; ``restore`` brings it back."""
        self.restore()
        file = self.folder / PACKAGE / mutant.module
        text = file.read_bytes()
        self._original = (file, text)
        self._write(file, applied(mutant, text))

    def restore(self) -> None:
        """Bring back what was deleted."""
        if self._original is not None:
            self._write(*self._original)
            self._original = None

    def _write(self, file: Path, text: bytes) -> None:
        """With a time of its own: compiled files are told apart by time and size alone."""
        self._changes += 1
        file.write_bytes(text)
        when = 1_000_000_000 + 2 * self._changes
        os.utime(file, (when, when))


def files(root: Path) -> Iterator[Path]:
    """Every file of the tree but what tools have made."""
    ignored = {line.strip("/") for line in (root / ".gitignore").read_text().splitlines() if line}
    for folder, folders, names in os.walk(root):
        place = Path(folder)
        folders[:] = [
            name
            for name in folders
            if not {name, str((place / name).relative_to(root))} & (_LEFT_OUT | ignored)
        ]
        yield from (place / name for name in names)


def digest(root: Path = ROOT) -> str:
    """Changes with the library, the demo and the tests."""
    made = hashlib.sha256(sys.version.encode())
    for folder in ("src", "demo/src", "tests"):
        for file in sorted((root / folder).rglob("*.py")):
            made.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return made.hexdigest()[:16]
