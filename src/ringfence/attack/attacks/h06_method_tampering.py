"""H06: one method on the wire, another one in a header, so that a link deletes something."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.client import Headers, query
from ringfence.attack.places import AdminAction, MethodOverride, Record, Thing
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

METHODS: Final = "a path has its own methods, and a handler runs for the method that was judged"


class MethodTampering(Attack):
    """Stopped: the record is still there, and so is the account."""

    id = "H06"
    control = "a handler runs for the method that was judged"

    async def prepare(self) -> None:
        ground = self.ground
        self.records, self.override = ground.place(Record), ground.place(MethodOverride)
        self.accounts = ground.offered(AdminAction)
        self.owner, self.victim = await ground.person(), await ground.person()

    async def twin(self) -> None:
        thing = await self._record()
        gone = await self.ground.send("DELETE", thing.path, person=self.owner)
        require(gone.ok, f"a record cannot be deleted: {gone.status}")

    def payloads(self) -> Sequence[Payload]:
        payloads = [
            Payload("GET with a header", self._by_header),
            Payload("GET with a parameter", self._by_parameter),
            Payload("a change with a header", self._by_change),
        ]
        if self.accounts is not None:
            payloads.append(
                Payload("GET of an account", partial(self._closes, self.accounts), METHODS)
            )
        return payloads

    async def _by_header(self) -> bool:
        thing = await self._record()
        await self.ground.send("GET", thing.path, person=self.owner, headers=self._delete)
        return await self._is_gone(thing)

    async def _by_parameter(self) -> bool:
        thing = await self._record()
        target = thing.path + query(**{self.override.parameter: "DELETE"})
        await self.ground.send("GET", target, person=self.owner)
        return await self._is_gone(thing)

    async def _by_change(self) -> bool:
        thing = await self._record()
        await self.records.change(self.ground, self.owner, thing, "changed", headers=self._delete)
        return await self._is_gone(thing)

    async def _closes(self, accounts: AdminAction) -> bool:
        path = accounts.path(self.victim)
        await self.ground.send("GET", path, person=self.owner, headers=self._delete)
        return not await self.ground.can_sign_in(self.victim)

    async def _record(self) -> Thing:
        return await self.records.create(self.ground, self.owner, self.ground.canary("mine"))

    async def _is_gone(self, thing: Thing) -> bool:
        return not await self.ground.is_there(thing.path, self.owner)

    @property
    def _delete(self) -> Headers:
        return [(self.override.header, "DELETE")]
