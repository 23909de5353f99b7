"""U19: an application that starts with a secret that everybody knows."""

from collections.abc import Mapping, Sequence
from functools import partial

from ringfence.attack.places import Starts
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class WeakCredentials(Attack):
    """Stopped: the application does not start, and says which setting is weak, not its value.

    A database's default password and a debugging mode are not among what is tried.
    """

    id = "U19"
    control = "no secret is missing or known to everybody"
    patient = True
    silent = True  # there is no request that could tell of it

    async def prepare(self) -> None:
        """Try every start at once: they share a process."""
        self.starts = self.ground.place(Starts)
        honest, weak = self.starts.honest, self.starts.weak
        tried = [honest, *({**honest, **changed} for changed in weak.values())]
        self.good, *said = await self.starts.said(self.ground, tried)
        self.said = dict(zip(weak, said, strict=True))

    async def twin(self) -> None:
        require(self.good is None, f"it does not start: {self.good}")

    def payloads(self) -> Sequence[Payload]:
        weak = self.starts.weak.items()
        return [Payload(name, partial(self._starts, name, changed)) for name, changed in weak]

    async def _starts(self, name: str, changed: Mapping[str, str]) -> bool:
        said = self.said[name]
        if said is None:
            return True
        require(
            all(each in said for each in changed), f"it does not start, for another reason: {said}"
        )
        return any(value and value in said for value in changed.values())
