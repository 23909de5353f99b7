"""Two cores: one serves, the other loads; so neither takes time from the other."""

import os
from collections.abc import Generator
from contextlib import contextmanager


def serving() -> int:
    """The core of the servers, and of what is measured in this process."""
    return min(os.sched_getaffinity(0))


def loading() -> int:
    """The core of the load; on a machine with one core only, the same one."""
    return max(os.sched_getaffinity(0))


@contextmanager
def pinned(core: int) -> Generator[None]:
    """Stay on ``core`` inside the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
