"""Seams: where the rest of the program uses a control that is safe by construction.

Such a control (an argument list, a bound address, a sanitiser) refuses little. It protects because
it does the work in a safe way. A handler calls a public function (``commands.run``), and the
function asks its seam who does the work. That is the guarded implementation, unless the layer
object that the current request passes through provides another one for the seam (DESIGN section 2).

    RUNNER: Final = Seam[Runner](Layer.BOUNDARY, Guarded())

    async def run(command, **values):
        return await RUNNER.current().run(command, values)
"""

from collections.abc import Callable
from typing import Final, TypeVar

from ringfence.core.codes import Layer
from ringfence.core.exchange import Seams, Slot, current

T = TypeVar("T")

#: What the layers of each started application in this process provide.
_composed: Final[list[Seams]] = []


class Seam(Slot[T]):
    """One place where a layer object may put an implementation of its own.

    Args:
        layer: The layer that the control belongs to; only its object may provide for the seam.
        guarded: The implementation that acts if no layer provides one.
    """

    __slots__ = ("guarded", "layer")

    def __init__(self, layer: Layer, guarded: T) -> None:
        super().__init__(f"{layer}: {guarded!r}")
        self.layer: Final = layer
        self.guarded: Final = guarded

    def current(self) -> T:
        """Who acts here and now.

        In a request: what its layers provide. Outside of one (at the start, in a thread that has
        no context): what the application of this process provides. The guarded implementation acts
        if there is no application, or if several applications disagree.
        """
        exchange = current.get()
        if exchange is not None:
            return self._of(exchange.seams)
        found = [self._of(seams) for seams in _composed]
        first = found[0] if found else self.guarded
        return first if all(each is first for each in found) else self.guarded

    def _of(self, seams: Seams) -> T:
        provided: T = seams.get(self, self.guarded)
        return provided


def compose(seams: Seams) -> Callable[[], None]:
    """Let ``seams`` act outside of requests from here on; returns what ends that.

    For the composition root, once for each application that has started.
    """
    _composed.append(seams)

    def end() -> None:
        _composed.remove(seams)

    return end
