"""Somebody who uses the shop as it is meant: what takes more than one request, as checks.

A name says what works.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import browser
from ringfence.attack.ground import Ground, picture
from ringfence.attack.people import Person, refresh_token, with_cookie
from ringfence.attack.unproven import require

_TOO_EASY: Final = 422


class Visitor:
    """Somebody who uses the shop as it is meant."""

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
            self.prelogin_is_the_same_each_time,
            self.a_password_signs_in,
            self.a_wrong_password_does_not,
            self.a_session_is_renewed,
            self.a_lost_answer_is_repeated,
            self.somebody_signs_out,
            self.somebody_signs_out_everywhere,
            self.a_session_is_ended_from_the_list,
            self.a_password_is_changed,
            self.a_forgotten_password_is_replaced,
        )

    async def an_order_is_made(self) -> None:
        order = await self.ground.order(self.person, "naïve café\nring twice, please")
        require(order["note"] == "naïve café\nring twice, please", "another note")
        require(order["total"] == 7800, f"total {order['total']}")  # noqa: PLR2004  # two trays

    async def an_order_is_made_from_the_page(self) -> None:
        answer = await self.ground.send(
            "POST",
            "/orders",
            person=self.person,
            headers=browser(self.ground.shop.origin),
            json={"item": "Green tea"},
        )
        require(answer.ok, f"{answer.status}")

    async def an_order_is_read_changed_and_deleted(self) -> None:
        order = await self.ground.order(self.person)
        path = f"/orders/{order['id']}"
        require((await self._as_me("GET", path)).json() == order, "another order")
        for target in (f"{path}/invoice", f"{path}/invoice?name=invoice.txt"):
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
        friend = self.ground.shop.around.friend
        answer = await self._as_me("POST", "/tools/fetch", {"url": f"{friend.address}/feed"})
        require(answer.holds(friend.text), f"{answer.status}")

    async def a_picture_is_kept(self) -> None:
        kept = await self.ground.upload(self.person, "cup.png", picture(), "image/png")
        require(kept.ok, f"{kept.status}")
        found = await self._as_me("GET", f"/uploads/{kept.json()['id']}")
        require(found.body == picture(), "another picture comes back")

    async def an_account_is_closed_by_root(self) -> None:
        doomed, root = await self.ground.person(), await self.ground.seeded("root")
        answer = await self.ground.send("DELETE", f"/users/{doomed.subject}", person=root)
        require(answer.ok, f"{answer.status}")
        require(not await self.ground.can_sign_in(doomed), "it can still sign in")

    async def prelogin_is_the_same_each_time(self) -> None:
        asked = {"login": f"{self.ground.canary('nobody')}@example.net"}
        first, second = [
            await self.ground.send("POST", "/auth/prelogin", json=asked) for _ in range(2)
        ]
        require(first.ok and first.json() == second.json(), f"{first.status}")

    async def a_password_signs_in(self) -> None:
        known = {"login": self.person.login, "password": self.person.password}
        answer = await self.ground.send("POST", "/auth/sign-in", json=known)
        require(answer.ok and answer.json()["expires_in"] > 0, f"{answer.status}")

    async def a_wrong_password_does_not(self) -> None:
        wrong = {"login": "nobody@example.net", "password": "violet kettle orbits"}
        answer = await self.ground.send("POST", "/auth/sign-in", json=wrong)
        require(answer.status == 401, f"{answer.status}")  # noqa: PLR2004  # RFC 9110

    async def a_session_is_renewed(self) -> None:
        session = await self.ground.again(self.person)
        answer = await self._renew(session.refresh)
        again = await self._renew(refresh_token(answer))
        require(answer.ok and again.ok, f"{answer.status} {again.status}")

    async def a_lost_answer_is_repeated(self) -> None:
        session = await self.ground.again(self.person)
        answers = [await self._renew(session.refresh) for _ in range(2)]
        require(all(answer.ok for answer in answers), f"{[a.status for a in answers]}")

    async def somebody_signs_out(self) -> None:
        session = await self.ground.again(self.person)
        headers = with_cookie(self.ground.shop.origin, session.refresh)
        answer = await self.ground.send("POST", "/auth/sign-out", headers=headers)
        require(answer.ok, f"{answer.status}")
        require(not (await self._renew(session.refresh)).ok, "the session lives on")

    async def somebody_signs_out_everywhere(self) -> None:
        somebody = await self.ground.person()
        answer = await self.ground.send("POST", "/auth/sign-out-everywhere", person=somebody)
        require(answer.ok, f"{answer.status}")
        require(await self.ground.can_sign_in(somebody), "nobody can sign in any more")

    async def a_session_is_ended_from_the_list(self) -> None:
        session, other = [await self.ground.again(self.person) for _ in range(2)]
        listed = (await self.ground.send("GET", "/auth/sessions", person=other)).json()["items"]
        (current,) = [each["id"] for each in listed if each["current"]]
        path = f"/auth/sessions/{current}"
        answer = await self.ground.send("DELETE", path, person=session)
        require(answer.ok, f"{answer.status}")
        require(not (await self._renew(other.refresh)).ok, "the session lives on")

    async def a_password_is_changed(self) -> None:
        somebody = await self.ground.person()

        async def change(new: str) -> Answer:
            asked = {"current": somebody.password, "new": new}
            return await self.ground.send(
                "POST", "/auth/password/change", person=somebody, json=asked
            )

        answer, _ = await _until_it_is_good(change, somebody.password)
        require(answer.ok and bool(answer.json()["access_token"]), f"{answer.status}")

    async def a_forgotten_password_is_replaced(self) -> None:
        ground, somebody = self.ground, await self.ground.person()
        asked = await ground.send("POST", "/auth/password/forgot", json={"login": somebody.login})
        require(asked.ok, f"{asked.status}")
        _, token = await ground.shop.people.mailbox.link(somebody.login)

        async def replace(new: str) -> Answer:
            proof = {"token": token, "password": new}
            return await ground.send("POST", "/auth/password/reset", json=proof)

        answer, new = await _until_it_is_good(replace, somebody.password)
        require(answer.ok, f"{answer.status}")
        known = {"login": somebody.login, "password": new}
        require((await ground.send("POST", "/auth/sign-in", json=known)).ok, "it does not fit")

    async def _as_me(self, method: str, target: str, json: object = None) -> Answer:
        return await self.ground.send(method, target, person=self.person, json=json)

    async def _renew(self, refresh: str) -> Answer:
        headers = with_cookie(self.ground.shop.origin, refresh)
        return await self.ground.send("POST", "/auth/refresh", headers=headers)


async def _until_it_is_good(
    choose: Callable[[str], Awaitable[Answer]], old: str
) -> tuple[Answer, str]:
    """Choose another password where the blocklist takes one in a thousand for a known one."""
    new = f"{old} anew"
    answer = await choose(new)
    for word in ("again", "afresh"):
        if answer.status != _TOO_EASY:
            break
        new = f"{old} {word}"
        answer = await choose(new)
    return answer, new
