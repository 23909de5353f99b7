"""(b) What the pipeline adds to one authenticated request, in the process, without a server.

Two measurements. The **whole**: the guarded application and the bare one, called in turns with the
same request of twelve headers; the difference is what Ringfence adds. The **parts**: each stage by
itself, on exchanges that have come so far, less an empty call. What the parts leave of the whole is
the frame around them: the exchange, the request's id, the clock, the coroutines.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.cores import pinned, serving
from bench.guard import Guarded, bare, empty_scope, nothing_to_receive
from bench.measure import Effort, Goal, Line, Section, differences, interleaved

NAME: Final = "pipeline"
