"""The places of handlers that call none of Ringfence's functions (``ringfence_demo.plain``)."""

from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import file_form, query
from ringfence.attack.ground import Ground
from ringfence.attack.people import Person
from ringfence.attack.place import Place
from ringfence.attack.places import Thing
from ringfence_demo.target.places import Go, Invoices, Posts, Preview, Uploads


class PlainUploads(Uploads):
    """A file that is kept under its own name."""

    async def keep(
        self, ground: Ground, person: Person, name: str, content: bytes, kind: str
    ) -> Answer:
        headers, body = file_form("file", name, content, kind)
        return await ground.send(
            "POST", "/plain/uploads", person=person, headers=headers, body=body
        )

    def path(self, answer: Answer) -> str:
        return "/plain" + super().path(answer)


class PlainInvoices(Invoices):
    """The files of an order, opened by their names."""

    async def read(self, ground: Ground, person: Person, folder: Thing, name: str) -> Answer:
        target = f"/plain{folder.path}/invoice{query(name=name)}"
        return await ground.send("GET", target, person=person)

    def path(self, folder: Thing) -> None:
        """No file's name stands in a path here."""

    async def overwrite(self, ground: Ground, person: Person, folder: Thing, content: str) -> None:
        name = f"../invoices/{folder.shown['id']}/{self.name}"
        await PLAIN_UPLOADS.keep(ground, person, name, content.encode(), "text/plain")


class PlainPreview(Preview):
    """A page somewhere else, fetched with an HTTP client."""

    async def fetch(self, ground: Ground, person: Person, url: str) -> Answer:
        return await ground.send("POST", "/plain/fetch", person=person, json={"url": url})


class PlainPosts(Posts):
    """What somebody wrote, as they wrote it."""

    async def write(
        self, ground: Ground, person: Person, html: str, *, title: str = "Hello"
    ) -> str:
        return "/plain" + await super().write(ground, person, html, title=title)


class PlainGo(Go):
    """The way to another page, as it was asked for."""

    path = "/plain/go"


PLAIN_UPLOADS: Final = PlainUploads()
PLAIN: Final[tuple[Place, ...]] = (
    PLAIN_UPLOADS,
    PlainInvoices(),
    PlainPreview(),
    PlainPosts(),
    PlainGo(),
)
