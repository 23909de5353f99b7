"""Honest use of the shop: every route of it that is not Ringfence's own."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import browser, query
from ringfence.attack.ground import Ground
from ringfence.attack.honest import Read
from ringfence.attack.people import Person
from ringfence.attack.picture import picture
from ringfence.attack.unproven import require
from ringfence_demo.target.places import ACCOUNTS, HANDOVER, ORDERS, ROLES, UPLOADS

READS: Final = (
    Read(target="/", word="Ringfence shop"),
    Read(target="/products", word="Copper kettle"),
    Read(target="/products" + query(q="Violet"), word="Violet teapot"),
    Read(target="/products" + query(q="First harvest, a hundred"), word="Green tea"),
    Read(target="/products" + query(q="select a tray or union"), word='"items":[]'),
    Read(target="/products" + query(sort="price"), word="Honey jar"),
    Read(target="/products" + query(q="tea", sort="price DESC"), word="Violet teapot"),
    Read(target="/posts", word="Hello from"),
    Read(target="/posts?limit=1", word="items"),
    Read(target="/posts/1", word="Hello from Alice"),
    Read(target="/posts/1/view", word="<em>like</em>"),
    Read(target="/static/shop.css"),
    Read(target="/static/post.js"),
    Read(target="/go" + query(next="/"), status=307),
    Read(target="/go" + query(next="/orders?page=2"), status=307),
    Read(target="/boom", status=500),
    Read(target="/nowhere", status=404),
    Read(target="/orders", status=401),
    Read(target="/orders", word="items", signed_in=True),
    Read(target="/orders?limit=1", word="items", signed_in=True),
    Read(target="/orders/2000000000", status=404, signed_in=True),
)


class Visitor:
    """Somebody who uses the shop as it is meant. A name says what works."""

    def __init__(self, ground: Ground, person: Person) -> None:
        self.ground = ground
        self.person = person

    def flows(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Everything below, each a check of its own; raises ``UnprovenError`` if it fails."""
        return (
            self.an_order_is_made,
            self.an_order_is_made_from_the_page,
            self.an_order_is_read_changed_and_deleted,
            self.a_post_is_written_and_shown,
            self.a_thumbnail_is_made,
            self.a_thumbnail_of_nothing_is_missing,
            self.a_friend_is_fetched,
            self.a_picture_is_kept,
            self.an_account_is_closed_by_root,
            self.roles_are_changed_by_root,
            self.an_order_is_given_away,
        )

    async def an_order_is_made(self) -> None:
        order = await self._order("naïve café\nring twice, please")
        require(order["note"] == "naïve café\nring twice, please", "another note")
        require(order["total"] == 7800, f"total {order['total']}")  # noqa: PLR2004  # two trays

    async def an_order_is_made_from_the_page(self) -> None:
        answer = await self.ground.send(
            "POST",
            "/orders",
            person=self.person,
            headers=browser(self.ground.site.origin),
            json={"item": "Green tea"},
        )
        require(answer.ok, f"{answer.status}")

    async def an_order_is_read_changed_and_deleted(self) -> None:
        order = await self._order()
        path = f"/orders/{order['id']}"
        require((await self._as_me("GET", path)).json() == order, "another order")
        for name in ("invoice", "invoice?name=invoice.txt", "files/invoice.txt"):
            target = f"{path}/{name}"
            require((await self._as_me("GET", target)).holds("Walnut tray"), "no invoice")
        changed = await self._as_me("PUT", path, {"quantity": 3, "note": ""})
        require(changed.json()["total"] == 3 * order["price"], "another total")
        require((await self._as_me("DELETE", path)).ok, "it cannot be deleted")
        require((await self._as_me("GET", path)).status == 404, "it is still there")  # noqa: PLR2004  # RFC 9110

    async def a_post_is_written_and_shown(self) -> None:
        word = self.ground.canary("post")
        post = {"title": "Tea & cake", "body": f"<p>A <strong>good</strong> cup, {word}</p>"}
        made = await self._as_me("POST", "/posts", post)
        page = await self.ground.send("GET", f"/posts/{made.json()['id']}/view")
        require(page.holds(word) and page.holds("<strong>good</strong>"), "it is not shown")

    async def a_thumbnail_is_made(self) -> None:
        answer = await self._as_me("POST", "/tools/thumbnail", {"filename": "green-tea.png"})
        require(answer.holds("data:image/png;base64,iVBOR"), f"{answer.status}")

    async def a_thumbnail_of_nothing_is_missing(self) -> None:
        answer = await self._as_me("POST", "/tools/thumbnail", {"filename": "coffee.png"})
        require(answer.status == 404, f"{answer.status}")  # noqa: PLR2004  # RFC 9110

    async def a_friend_is_fetched(self) -> None:
        friend = self.ground.site.around.friend
        answer = await self._as_me("POST", "/tools/fetch", {"url": f"{friend.address}/feed"})
        require(answer.holds(friend.text), f"{answer.status}")

    async def a_picture_is_kept(self) -> None:
        kept = await UPLOADS.keep(self.ground, self.person, "cup.png", picture(), "image/png")
        require(kept.ok, f"{kept.status}")
        found = await self._as_me("GET", f"/uploads/{kept.json()['id']}")
        require(found.body == picture(), "another picture comes back")
        listed = (await self._as_me("GET", "/uploads")).json()["items"]
        require(kept.json()["id"] in [each["id"] for each in listed], "it is not in the list")

    async def an_account_is_closed_by_root(self) -> None:
        doomed, root = await self.ground.person(), await ACCOUNTS.highest(self.ground)
        answer = await self.ground.send("DELETE", f"/users/{doomed.subject}", person=root)
        require(answer.ok, f"{answer.status}")
        require(not await self.ground.can_sign_in(doomed), "it can still sign in")

    async def roles_are_changed_by_root(self) -> None:
        somebody = await self.ground.person()
        admin = await ROLES.give(self.ground, somebody)
        other = await self.ground.person()
        require(await ROLES.may(self.ground, admin, other), "a new role is worth nothing")

    async def an_order_is_given_away(self) -> None:
        heir, canary = await self.ground.person(), self.ground.canary("present")
        order = await ORDERS.create(self.ground, self.person, canary)
        await HANDOVER.give(self.ground, self.person, order, heir)
        found = await self.ground.send("GET", order.path, person=heir)
        require(found.holds(canary), f"{found.status}")

    async def _order(self, note: str = "") -> dict[str, Any]:
        answer = await ORDERS.send(self.ground, self.person, note)
        require(answer.ok, f"{answer.status}")
        order: dict[str, Any] = answer.json()
        return order

    async def _as_me(self, method: str, target: str, json: object = None) -> Answer:
        return await self.ground.send(method, target, person=self.person, json=json)
