"""How much longer a piece of work takes where its input is ``MORE`` times as long.

A limit in seconds fails on a busy machine and passes on a fast one. A ratio of two runs of the same
process does neither: work that is linear takes about ``MORE`` times as long, and work that is
quadratic ``MORE`` times ``MORE`` times.
"""

import math
import time
from collections.abc import Callable
from typing import Final

MORE: Final = 16

#: Half-way between linear and quadratic, in powers: 16, 64, 256.
BEYOND_LINEAR: Final = math.sqrt(MORE * MORE**2)

#: So much of the processor's time is measured at least, so that its clock is no part of the result.
_LEAST_SECONDS: Final = 0.001


def growth(work: Callable[[int], object], size: int) -> float:
    """The time of ``work(MORE * size)`` in times of ``work(size)``, in seconds of the processor.

    The smaller one is repeated until there is something to measure; both are the best of some.
    """
    repeated = 1
    while (small := _seconds(work, size, repeated)) < _LEAST_SECONDS:
        repeated *= 2
    small = min(small, _seconds(work, size, repeated)) / repeated
    large = min(_seconds(work, MORE * size, 1) for _ in range(2))
    return large / small


def _seconds(work: Callable[[int], object], size: int, repeated: int) -> float:
    started = time.process_time()
    for _ in range(repeated):
        work(size)
    return time.process_time() - started
