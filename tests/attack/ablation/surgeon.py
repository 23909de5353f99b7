"""Takes controls out of a shop that runs, and puts them back.

The shop's process imports a ``sitecustomize`` that listens on a socket and runs the code that it is
sent. One shop serves every control: to start one for each would take minutes.

The code finds these names: ``put(owner, name, value)`` replaces an attribute until the next code
comes; ``check(name, function)`` one of the pipeline's checks; ``layers`` are the running ones; and
``seam(seam, acts)`` puts an implementation in the place of the guarded one.
"""

import asyncio
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

_PROGRAM: Final = """
import os, socket, sys, threading, traceback
PLACE, EARLY = {place!r}, {early!r}

def serve(listening):
    undo = []

    def put(owner, name, value):
        missing = object()
        held = vars(owner) if hasattr(owner, "__dict__") else {{}}
        before = held.get(name, missing) if held else getattr(owner, name)
        undo.append((owner, name, before, missing))
        (type.__setattr__ if isinstance(owner, type) else object.__setattr__)(owner, name, value)

    def restore():
        while undo:
            owner, name, before, missing = undo.pop()
            if before is missing:
                delattr(owner, name) if isinstance(owner, type) else object.__delattr__(owner, name)
            elif isinstance(owner, type):
                type.__setattr__(owner, name, before)
            else:
                object.__setattr__(owner, name, before)

    def running():
        import gc
        from ringfence.stack.ringfence import Ringfence
        (found,) = [each for each in gc.get_objects() if isinstance(each, Ringfence)]
        return found

    def names():
        from functools import partial
        guard = running()

        def check(name, function):
            checks = guard._checks
            put(guard, "_checks", tuple(
                partial(function, each.__self__) if getattr(each, "__name__", "") == name else each
                for each in checks
            ))
            for each in checks:
                if getattr(each, "__name__", "") == name:
                    put(type(each.__self__), name, function)

        return {{"put": put, "check": check, "layers": guard._layers,
                 "seam": lambda seam, acts: put(seam, "guarded", acts)}}

    while True:
        conversation, _ = listening.accept()
        with conversation:
            code = conversation.makefile("rb").read().decode()
            try:
                restore()
                if code:
                    exec(code, names())
                answer = "done"
            except BaseException:
                answer = traceback.format_exc()
            conversation.sendall(answer.encode())

if "ringfence_demo.attacked" in sys.orig_argv:
    exec(EARLY)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(PLACE)
    listening.listen()
    threading.Thread(target=serve, args=(listening,), daemon=True).start()
elif os.path.exists(PLACE + ".starts"):
    exec(open(PLACE + ".starts").read())
"""


class Surgeon:
    """The test's side."""

    def __init__(self, folder: Path, early: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have each shop that is started from here on listen, once ``early`` has run there."""
        self._place: Final = folder / "socket"
        self._starts: Final = folder / "socket.starts"
        program = _PROGRAM.format(place=str(self._place), early=early)
        (folder / "sitecustomize.py").write_text(program)
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))

    async def delete(self, code: str) -> None:
        """Put back what is out, and run ``code``, which takes another control out."""
        reader, writer = await asyncio.open_unix_connection(self._place)
        writer.write(code.encode())
        writer.write_eof()
        answer = (await reader.read()).decode()
        writer.close()
        assert answer == "done", answer

    async def restore(self) -> None:
        """Put everything back."""
        await self.delete("")

    @contextmanager
    def at_the_start(self, code: str) -> Generator[None]:
        """Have processes that are no shop, such as tries to start one, run ``code`` first."""
        self._starts.write_text(code)
        try:
            yield
        finally:
            self._starts.unlink()
