"""The diary as a target: how it is started, and where attacks apply."""

import contextlib
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from ringfence.attack.answer import Answer
from ringfence.attack.client import Client, Headers
from ringfence.attack.ground import Ground
from ringfence.attack.honest import Read
from ringfence.attack.mailbox import Mailbox
from ringfence.attack.people import People, Person
from ringfence.attack.places import Column, Record, Redirect, SearchText, Thing
from ringfence.attack.process import process
from ringfence.attack.site import Site
from ringfence.attack.target import Check, Start
from ringfence.attack.unproven import require

ROOT = Path(__file__).parents[3]
FORM = ("Content-Type", "application/x-www-form-urlencoded")


class Entries(Record):
    name = "an entry"
    listing = "/diary"

    async def send(
        self, ground: Ground, person: Person | None, canary: str, *, headers: Headers = ()
    ) -> Answer:
        return await self._post(ground, person, "/diary", canary, headers)

    async def create(self, ground: Ground, person: Person, canary: str) -> Thing:
        answer = await self.send(ground, person, canary)
        require(answer.ok, f"nothing can be written: {answer.status}")
        return Thing(path=answer.json()["entry"])

    def nobodys(self) -> Thing:
        return Thing(path="/diary/" + "0" * 16)

    def readings(self, thing: Thing) -> Mapping[str, str]:
        return {"entry": thing.path}

    async def change(
        self, ground: Ground, person: Person, thing: Thing, canary: str, *, headers: Headers = ()
    ) -> Answer:
        return await self._post(ground, person, thing.path, canary, headers)

    async def _post(
        self, ground: Ground, person: Person | None, path: str, words: str, headers: Headers
    ) -> Answer:
        body = f"words={quote(words)}".encode()
        sent = [FORM, *headers]
        return await ground.send("POST", path, person=person, headers=sent, body=body)


class Find(SearchText):
    path, parameter = "/find", "words"
    known: ClassVar = {"Welcome": "Welcome to the diary"}
    unknown = "select a diary or union"
    end = "zz'"
    select = "SELECT words FROM entries"
    secret = Column(table="entries", name="words")

    def found(self, answer: Answer) -> int:
        return len(answer.body.splitlines())


class Leave(Redirect):
    path, parameter = "/leave", "to"
    honest = ("/find", "/diary?from=here")


class Paper:
    """The target."""

    title = "the diary"
    databases = ("sqlite",)

    def checks(self, ground: Ground, person: Person) -> Sequence[Check]:
        reads = (
            Read(target="/find?words=Welcome", word="Welcome to the diary"),
            Read(target="/diary", status=401),
            Read(target="/diary", signed_in=True),
            Read(target="/leave?to=/find", status=307),
        )
        return [read.check(ground, person) for read in reads]

    @contextlib.asynccontextmanager
    async def running(self, start: Start) -> AsyncGenerator[Site]:
        folder = start.place / start.configuration.name
        folder.mkdir()
        key = secrets.token_hex(16)
        settings = {
            "PYTHONPATH": str(ROOT),
            "RINGFENCE_ENV": "test",
            "RINGFENCE_DATABASE": f"sqlite:///{folder / 'accounts.sqlite'}",
            "RINGFENCE_KEYS": str(folder / "keys"),
            "RINGFENCE_MAIL": f"file:{folder / 'mail'}",
            "RINGFENCE_LOG": str(folder / "events.jsonl"),
        }
        words = [str(folder), *sorted(start.configuration.off)]
        async with process("tests.attack.target.diary", words, settings, key=key) as origin:
            client = Client(origin, key)
            yield Site(
                configuration=start.configuration,
                origin=origin,
                folder=folder,
                log=folder / "events.jsonl",
                traces=folder / "traces.jsonl",
                database=start.database,
                places=(Entries(), Find(), Leave()),
                client=client,
                people=People(client, Mailbox(folder / "mail"), origin),
                around=start.around,
            )
            await client.close()
