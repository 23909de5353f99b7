"""I11: input that two parsers read in two ways, or that is not of the kind that was asked for."""

from collections.abc import Sequence
from functools import partial

from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class AmbiguousInput(Attack):
    """Stopped: nothing is ordered by a body that has two readings or breaks the shop's rules."""

    id = "I11"

    async def prepare(self) -> None:
        self.buyer = await self.ground.attacker()

    async def twin(self) -> None:
        order = await self.ground.order(self.buyer)
        require(order["quantity"] == 2, "the order is another one")  # noqa: PLR2004  # as ordered
        found = await self.ground.send("GET", "/products?q=tea&sort=price")
        require(found.ok, f"no products: {found.status}")

    def payloads(self) -> Sequence[Payload]:
        item = '"item": "Honey jar"'
        bodies = {
            "one key twice": f'{{{item}, "quantity": 1, "quantity": 500}}',
            "one key twice, escaped": f'{{{item}, "quantity": 1, "quan\\u0074ity": 500}}',
            "a negative number": f'{{{item}, "quantity": -5}}',
            "a number beyond the rule": f'{{{item}, "quantity": 100000}}',
            "true for a number": f'{{{item}, "quantity": true}}',
        }
        return [
            *(Payload(name, partial(self._orders, body)) for name, body in bodies.items()),
            Payload("one parameter twice", self._pollutes),
            Payload("another type of content", self._mislabels),
        ]

    async def _orders(self, body: str, kind: str = "application/json") -> bool:
        answer = await self.ground.send(
            "POST",
            "/orders",
            person=self.buyer,
            headers=[("Content-Type", kind)],
            body=body.encode(),
        )
        if not answer.ok:
            return False
        path = f"/orders/{answer.json()['id']}"
        return (await self.ground.send("GET", path, person=self.buyer)).ok

    async def _pollutes(self) -> bool:
        answer = await self.ground.send("GET", "/products?q=kettle&q=tea")
        return answer.ok

    async def _mislabels(self) -> bool:
        return await self._orders('{"item": "Honey jar", "quantity": 1}', "text/plain")
