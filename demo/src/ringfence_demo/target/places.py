"""Where in the shop each kind of attack applies. Every lesson of ``app`` and ``hurried`` is one."""

import base64
from collections.abc import Mapping
from typing import ClassVar, Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import Headers, file_form, query
from ringfence.attack.ground import Ground, yes_or_no
from ringfence.attack.people import Person
from ringfence.attack.picture import picture
from ringfence.attack.place import Place
from ringfence.attack.places import (
    ActingPage,
    AdminAction,
    Column,
    CommandArgument,
    Failure,
    Failures,
    Fields,
    FileName,
    Handover,
    JsonBody,
    OutboundUrl,
    Owned,
    Privilege,
    Record,
    Redirect,
    RichText,
    SearchText,
    Shown,
    SortColumn,
    Thing,
    Upload,
)
from ringfence.attack.unproven import require
from ringfence_demo.target.around import AROUND, CONTRACT

_NOBODYS: Final = 2_000_000_000  # an id that nothing has
_NOTE: Final = Column(table="orders", name="note")


class Orders(Record):
    """What somebody bought."""

    name = "an order"
    listing = "/orders"

    async def send(
        self, ground: Ground, person: Person | None, canary: str, *, headers: Headers = ()
    ) -> Answer:
        wanted = {"item": "Walnut tray", "quantity": 2, "note": canary}
        return await ground.send("POST", "/orders", person=person, headers=headers, json=wanted)

    async def create(self, ground: Ground, person: Person, canary: str) -> Thing:
        answer = await self.send(ground, person, canary)
        require(answer.ok, f"an order cannot be made: {answer.status}")
        return Thing(path=f"/orders/{answer.json()['id']}", shown=answer.json())

    def nobodys(self) -> Thing:
        return Thing(path=f"/orders/{_NOBODYS}")

    def readings(self, thing: Thing) -> Mapping[str, str]:
        return {"order": thing.path, "invoice": f"{thing.path}/invoice"}

    async def change(
        self, ground: Ground, person: Person, thing: Thing, canary: str, *, headers: Headers = ()
    ) -> Answer:
        note = {"note": canary}
        return await ground.send("PUT", thing.path, person=person, headers=headers, json=note)


class Uploads(Owned, Upload):
    """A picture that somebody keeps."""

    what = "an upload"

    async def create(self, ground: Ground, person: Person, canary: str) -> Thing:
        kept = await self.keep(ground, person, f"{canary}.png", picture(), "image/png")
        require(kept.ok, f"an upload cannot be made: {kept.status}")
        return Thing(path=self.path(kept), shown=kept.json())

    def nobodys(self) -> Thing:
        return Thing(path=f"/uploads/{_NOBODYS}")

    def readings(self, thing: Thing) -> Mapping[str, str]:
        return {"file": thing.path}

    async def keep(
        self, ground: Ground, person: Person, name: str, content: bytes, kind: str
    ) -> Answer:
        headers, body = file_form("file", name, content, kind)
        return await ground.send("POST", "/uploads", person=person, headers=headers, body=body)

    def path(self, answer: Answer) -> str:
        return f"/uploads/{answer.json()['id']}"


class Accounts(AdminAction):
    """Anybody's account, which ``root`` may close."""

    def path(self, victim: Person) -> str:
        return f"/users/{victim.subject}"

    async def highest(self, ground: Ground) -> Person:
        return await ground.of_the_target("root@example.com")

    async def lesser(self, ground: Ground) -> Person:
        return await ground.of_the_target("admin@example.com")


class Search(SearchText):
    """The search for products."""

    path, parameter = "/products", "q"
    known: ClassVar = {"Violet": "Violet teapot", "B flat": "Copper kettle"}
    unknown = "select tea or union"
    end = "zz'"
    select = "SELECT id, item, note, total FROM orders"
    secret = _NOTE

    def found(self, answer: Answer) -> int:
        return len(answer.json()["items"])


class Sort(SortColumn):
    """The order of the products."""

    path, parameter = "/products", "sort"
    honest = ("name", "price", "price DESC")
    number = "price"
    secret = _NOTE


class Thumbnail(CommandArgument):
    """The picture of a product, made by a program."""

    honest = ("copper-kettle.png", "data:image/png")
    outside: ClassVar = ("../contract.txt", base64.b64encode(CONTRACT.encode())[:24].decode())

    option = ("--help", "Usage: ")

    async def run(self, ground: Ground, person: Person, argument: str) -> Answer:
        wanted = {"filename": argument}
        return await ground.send("POST", "/tools/thumbnail", person=person, json=wanted)


class Invoices(FileName):
    """The files of an order."""

    name = "invoice.txt"
    up, secret_name, secret = 2, "contract.txt", CONTRACT

    async def folder(self, ground: Ground, person: Person, canary: str) -> Thing:
        return await ORDERS.create(ground, person, canary)

    async def read(self, ground: Ground, person: Person, folder: Thing, name: str) -> Answer:
        target = f"{folder.path}/invoice{query(name=name)}"
        return await ground.send("GET", target, person=person)

    def path(self, folder: Thing) -> str | None:
        return f"{folder.path}/files/"

    def beside(self, folder: Thing) -> str:
        return f"../{folder.shown['id']}/{self.name}"

    async def overwrite(self, ground: Ground, person: Person, folder: Thing, content: str) -> None:
        name = f"../invoices/{folder.shown['id']}/{self.name}"
        await UPLOADS.keep(ground, person, name, content.encode(), "text/plain")


class Preview(OutboundUrl):
    """The preview of a page somewhere else."""

    async def fetch(self, ground: Ground, person: Person, url: str) -> Answer:
        return await ground.send("POST", "/tools/fetch", person=person, json={"url": url})


class Posts(RichText):
    """What somebody wrote, on a page of its own."""

    selector = ".rich"

    async def write(
        self, ground: Ground, person: Person, html: str, *, title: str = "Hello"
    ) -> str:
        post = {"title": title, "body": html}
        answer = await ground.send("POST", "/posts", person=person, json=post)
        require(answer.ok, f"a post cannot be written: {answer.status}")
        path = f"/posts/{answer.json()['id']}/view"
        page = await ground.send("GET", path)
        require(page.ok, f"a post cannot be read: {page.status}")
        return path


class PostRows(Shown):
    """What somebody wrote, as JSON: a careless handler shows the whole row."""

    undeclared = ("email", "edit_hash")

    async def create(self, ground: Ground, person: Person, canary: str) -> Thing:
        post = {"title": canary, "body": "<p>Hello</p>"}
        answer = await ground.send("POST", "/posts", person=person, json=post)
        require(answer.ok, f"a post cannot be written: {answer.status}")
        return Thing(path=f"/posts/{answer.json()['id']}", shown=answer.json())

    def readings(self, thing: Thing) -> Mapping[str, str]:
        return {"post": thing.path, "list of posts": "/posts"}


class Go(Redirect):
    """The way to another page."""

    path, parameter = "/go", "next"
    honest = ("/", "/orders?page=2")


class NewOrder(JsonBody):
    """What a customer says about an order."""

    path = listing = "/orders"
    text = "item"
    number, most, unpacks = "quantity", 999, True


class OrderFields(Fields):
    """The fields of an order's row, all of which a careless handler copies."""

    honest: ClassVar = {"quantity": 3, "note": "ring twice"}
    protected: ClassVar = {"total": 1, "price": 0, "status": "shipped", "created_at": "1999-01-01"}
    computed = ("total", 0)
    owner = "user_id"

    async def create(
        self, ground: Ground, person: Person, canary: str, fields: Mapping[str, object]
    ) -> Answer:
        wanted = {"item": canary, **fields}
        return await ground.send("POST", "/orders", person=person, json=wanted)

    async def change(
        self, ground: Ground, person: Person, thing: Thing, fields: Mapping[str, object]
    ) -> Answer:
        return await ground.send("PUT", thing.path, person=person, json=dict(fields))


class Boom(Failure):
    """A handler that cannot connect to its database."""

    path, secret = "/boom", "canary-database-password"


class Errors(Failures):
    """A handler that raises, a statement that fails, parameters that are refused."""

    targets: ClassVar = {
        "an exception with a secret": "/boom",
        "an error of the database": "/boom" + query(where="database"),
        "a query that fails": "/products" + query(sort="nonsense"),
        "a parameter of another type": "/posts/first",
        "a parameter out of range": "/posts?limit=100000",
    }
    honest = ("/products", "/posts")
    words = ("canary-database-password", "canary_table")


class Front(ActingPage):
    """The shop's page, on which people order."""

    path = "/"


class ChangeOfRoles(Privilege):
    """The right to change roles, which the highest administrators have."""

    async def give(self, ground: Ground, person: Person) -> Person:
        await self._set(ground, person, "superadmin")
        return await ground.again(person)

    async def take(self, ground: Ground, person: Person) -> None:
        await self._set(ground, person, "user")

    async def may(self, ground: Ground, person: Person, other: Person) -> bool:
        """The other one's roles are changed to what they are."""
        answer = await self._change(ground, person, other, "user")
        return yes_or_no(answer, no=(401, 404))

    async def _set(self, ground: Ground, person: Person, role: str) -> None:
        answer = await self._change(ground, await ACCOUNTS.highest(ground), person, role)
        require(answer.ok, f"roles cannot be changed: {answer.status}")

    async def _change(self, ground: Ground, by: Person, of: Person, role: str) -> Answer:
        path, roles = f"/users/{of.subject}/roles", {"roles": [role]}
        return await ground.send("PUT", path, person=by, json=roles)


class GivenAway(Handover):
    """An order that becomes somebody else's."""

    async def give(self, ground: Ground, owner: Person, thing: Thing, heir: Person) -> None:
        path, wanted = f"{thing.path}/owner", {"user_id": heir.subject}
        answer = await ground.send("PUT", path, person=owner, json=wanted)
        require(answer.ok, f"an order cannot be given away: {answer.status}")


ORDERS: Final = Orders()
UPLOADS: Final = Uploads()
ACCOUNTS: Final = Accounts()
ROLES: Final = ChangeOfRoles()
HANDOVER: Final = GivenAway()

PLACES: Final[tuple[Place, ...]] = (
    *AROUND,
    ORDERS,
    UPLOADS,
    ACCOUNTS,
    Search(),
    Sort(),
    Thumbnail(),
    Invoices(),
    Preview(),
    Posts(),
    PostRows(),
    Go(),
    NewOrder(),
    OrderFields(),
    Boom(),
    Errors(),
    Front(),
    ROLES,
    HANDOVER,
)
