"""The kinds of places that attacks are tried in. A target names its own; it need not have all.

An attack speaks of places and of no route: where free text reaches SQL, where a file's name comes
from outside. What a request to that place looks like is the target's to know. An attack whose place
a target does not have is ``unavailable`` there, with the reason.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ringfence.attack.answer import Answer
from ringfence.attack.client import Headers
from ringfence.attack.ground import Ground
from ringfence.attack.people import Person
from ringfence.attack.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """An object that somebody has made: where it is read, and what was said when it was made."""

    path: str
    shown: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Owned(Place):
    """A kind of object that belongs to whoever made it, and that nobody else may read."""

    what = "a kind of object that belongs to somebody"

    @abstractmethod
    async def create(self, ground: Ground, person: Person, canary: str) -> Thing:
        """Make one that holds ``canary``. Raises ``UnprovenError`` if it cannot be made."""

    @abstractmethod
    def nobodys(self) -> Thing:
        """One that does not exist."""

    @abstractmethod
    def readings(self, thing: Thing) -> Mapping[str, str]:
        """Each path that shows it or a part of it, by a name."""


class Shown(Place):
    """A kind of object of which its readers are shown a part, and that says where to write to."""

    what = "a kind of object with columns that are for nobody"
    #: The names of the columns that no answer holds.
    undeclared: ClassVar[Sequence[str]]

    @abstractmethod
    async def create(self, ground: Ground, person: Person, canary: str) -> Thing:
        """Make one that shows ``canary``. Raises ``UnprovenError`` if it cannot be made."""

    @abstractmethod
    def readings(self, thing: Thing) -> Mapping[str, str]:
        """Each path that shows it to whoever asks, by a name."""


class Record(Owned):
    """The kind of object that holds free text: it is listed, read, changed and deleted.

    ``GET`` and ``DELETE`` of its path read and delete it.
    """

    what = "a record that its owner can list, change and delete"
    #: What one of them is called, with its article.
    name: ClassVar[str]
    #: Where a GET lists the caller's own.
    listing: ClassVar[str]

    @abstractmethod
    async def send(
        self, ground: Ground, person: Person | None, canary: str, *, headers: Headers = ()
    ) -> Answer:
        """Ask for one that holds ``canary``; the answer may be a refusal."""

    @abstractmethod
    async def change(
        self, ground: Ground, person: Person, thing: Thing, canary: str, *, headers: Headers = ()
    ) -> Answer:
        """Put ``canary`` in the place of the text that it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Where in the database the text of a ``Record`` is kept."""

    table: str
    name: str


class SearchText(Place):
    """Free text that a statement looks for."""

    what = "free text that reaches SQL"
    path: ClassVar[str]
    parameter: ClassVar[str]
    #: What is searched, and a text that stands in the answer then.
    known: ClassVar[Mapping[str, str]]
    #: Honest words that look like SQL, and find nothing.
    unknown: ClassVar[str]
    #: What ends the text that the words stand in, after words that find nothing.
    end: ClassVar[str]
    #: A SELECT that has as many columns as the application's own, and shows every ``secret``.
    select: ClassVar[str]
    secret: ClassVar[Column]

    @abstractmethod
    def found(self, answer: Answer) -> int:
        """How many results there are in an answer."""


class SortColumn(Place):
    """The name of a column by which a list is sorted."""

    what = "a list that is sorted by a column of the caller's choice"
    path: ClassVar[str]
    parameter: ClassVar[str]
    #: What it may honestly be sorted by.
    honest: ClassVar[Sequence[str]]
    #: A column of numbers that differ.
    number: ClassVar[str]
    secret: ClassVar[Column]


class CommandArgument(Place):
    """An argument of a program that the application starts."""

    what = "an argument of a program"
    #: An argument, and what stands in the answer then.
    honest: ClassVar[tuple[str, str]]
    #: A file that the program must not read, and what stands in the answer once it has.
    outside: ClassVar[tuple[str, str]]
    #: An option of the program, and what stands in the answer if it was taken for one.
    option: ClassVar[tuple[str, str]]

    @abstractmethod
    async def run(self, ground: Ground, person: Person, argument: str) -> Answer:
        """Have the program run."""


class FileName(Place):
    """The name of a file in a folder; the folder belongs to a ``Thing``."""

    what = "the name of a file"
    #: A file that each folder has.
    name: ClassVar[str]
    #: A file outside: how many folders up, its name, and a text in it.
    up: ClassVar[int]
    secret_name: ClassVar[str]
    secret: ClassVar[str]

    @abstractmethod
    async def folder(self, ground: Ground, person: Person, canary: str) -> Thing:
        """Make a folder of ``person``'s, with a file that holds ``canary``."""

    @abstractmethod
    async def read(self, ground: Ground, person: Person, folder: Thing, name: str) -> Answer:
        """Ask for a file of a folder."""

    @abstractmethod
    def path(self, folder: Thing) -> str | None:
        """What a file's name follows in a path, if it can stand in one."""

    @abstractmethod
    def beside(self, folder: Thing) -> str:
        """The way from another folder to the file in this one."""

    @abstractmethod
    async def overwrite(self, ground: Ground, person: Person, folder: Thing, content: str) -> None:
        """Keep ``content`` under a name that leads to the file in ``folder``."""


class OutboundUrl(Place):
    """An address that the application fetches from.

    ``around.ports`` are open for it, so that nothing but its judgement of addresses is in the way,
    and it resolves the names of ``outside``: see ``INSIDE`` and ``MOVING`` there.
    """

    what = "an address that the application fetches from"

    @abstractmethod
    async def fetch(self, ground: Ground, person: Person, url: str) -> Answer:
        """Have ``url`` fetched; what was fetched stands in the answer."""


class RichText(Place):
    """HTML that one person writes, and others read as a part of a page."""

    what = "rich text on a page"
    #: What holds the text on the page, for CSS.
    selector: ClassVar[str]

    @abstractmethod
    async def write(
        self, ground: Ground, person: Person, html: str, *, title: str = "Hello"
    ) -> str:
        """Write it; returns the path of the page, which shows the title and the writer's name too.

        Raises:
            UnprovenError: It cannot be written.
        """


class Upload(Place):
    """A file that is kept, and given out again."""

    what = "an upload"

    @abstractmethod
    async def keep(
        self, ground: Ground, person: Person, name: str, content: bytes, kind: str
    ) -> Answer:
        """Send a file of the stated type ``kind``."""

    @abstractmethod
    def path(self, answer: Answer) -> str:
        """Where a file that was kept is read."""


class Redirect(Place):
    """An address that the browser is sent on to."""

    what = "a redirect"
    path: ClassVar[str]
    parameter: ClassVar[str]
    honest: ClassVar[Sequence[str]]


class AdminAction(Place):
    """Closing an account, which only an administrator of the highest kind may do."""

    what = "an account that an administrator may close"

    @abstractmethod
    def path(self, victim: Person) -> str:
        """What a DELETE closes the account by."""

    @abstractmethod
    async def highest(self, ground: Ground) -> Person:
        """Somebody who may do it."""

    @abstractmethod
    async def lesser(self, ground: Ground) -> Person:
        """An administrator who may not."""


class JsonBody(Place):
    """A body with rules: what is made from it belongs to whoever sent it."""

    what = "a body with a number in it"
    path: ClassVar[str]  # of a POST
    #: Where a GET lists what the caller has made.
    listing: ClassVar[str]
    #: The member that any text may stand in, and one that is a whole number of at least 1.
    text: ClassVar[str]
    number: ClassVar[str]
    most: ClassVar[int]
    #: Whether the application itself unpacks a body that is compressed.
    unpacks: ClassVar[bool] = False


class Fields(Place):
    """Fields of a ``Record`` that only the application may set."""

    what = "fields that only the application may set"
    #: An honest change.
    honest: ClassVar[Mapping[str, object]]
    #: By name, with a value that it does not have.
    protected: ClassVar[Mapping[str, object]]
    #: One that is computed when the record is made, with a value that it never has.
    computed: ClassVar[tuple[str, object]]
    #: The field that says whose it is.
    owner: ClassVar[str]

    @abstractmethod
    async def create(
        self, ground: Ground, person: Person, canary: str, fields: Mapping[str, object]
    ) -> Answer:
        """Make a record with ``fields`` beside what it needs."""

    @abstractmethod
    async def change(
        self, ground: Ground, person: Person, thing: Thing, fields: Mapping[str, object]
    ) -> Answer:
        """Change these fields of a record."""


class Failure(Place):
    """A GET that always fails, whatever its query says. Each failure is logged."""

    what = "a request that always fails"
    path: ClassVar[str]
    #: A secret that the failure itself speaks of.
    secret: ClassVar[str]


class Failures(Place):
    """Requests that fail, each in its own way."""

    what = "requests that fail"
    #: What a GET asks for, by name.
    targets: ClassVar[Mapping[str, str]]
    #: The same paths, asked honestly.
    honest: ClassVar[Sequence[str]]
    #: Words that only the inside knows.
    words: ClassVar[Sequence[str]]


class Artefacts(Place):
    """What a deployment leaves lying about in a folder that is served."""

    what = "a folder of a deployment"
    #: Paths for which no policy was declared, and what stands in the file.
    undeclared: ClassVar[Mapping[str, str]]
    #: Paths in a folder that is public.
    published: ClassVar[Mapping[str, str]]
    #: Paths in it that lead out of it, by a link.
    linked: ClassVar[Mapping[str, str]]
    #: A file that is there for everybody.
    public: ClassVar[str]


class ForgottenRoutes(Place):
    """Routes that list every ``Record``, and that nobody thought of a policy for."""

    what = "a route without a policy"
    paths: ClassVar[Sequence[str]]


class MethodOverride(Place):
    """A helper that lets a request name another method than its own."""

    what = "a helper that changes the method"
    header: ClassVar[str]
    parameter: ClassVar[str]


class EchoedHeader(Place):
    """A parameter of a GET that comes back in a header of the answer, and in a cookie."""

    what = "a parameter that comes back in a header"
    path: ClassVar[str]
    parameter: ClassVar[str]
    header: ClassVar[str]  # in lower case
    honest: ClassVar[str]


class ActingPage(Place):
    """A page of the application on which its users act with a click."""

    what = "a page on which people act"
    path: ClassVar[str]


class Privilege(Place):
    """A right that comes with a role."""

    what = "a right that comes with a role"

    @abstractmethod
    async def give(self, ground: Ground, person: Person) -> Person:
        """Give somebody the role; returns them with a token that says so."""

    @abstractmethod
    async def take(self, ground: Ground, person: Person) -> None:
        """Take it away again."""

    @abstractmethod
    async def may(self, ground: Ground, person: Person, other: Person) -> bool:
        """Whether ``person`` may do to ``other`` what the role is for; it may end their session."""


class Handover(Place):
    """A way to give a ``Record`` to somebody else."""

    what = "a record that changes hands"

    @abstractmethod
    async def give(self, ground: Ground, owner: Person, thing: Thing, heir: Person) -> None:
        """Give it away. Raises ``UnprovenError`` if it cannot be done."""


class SignedElsewhere(Place):
    """Tokens that the application's own keys have signed, and that are not for this use.

    Staging may have the same keys, and so may another service of the house.
    """

    what = "tokens that its keys have signed for another use"

    @abstractmethod
    def signed(
        self, ground: Ground, header: Mapping[str, object], claims: Mapping[str, object]
    ) -> str:
        """A token with these members, in their order, in the compact form of RFC 7515."""


class Starts(Place):
    """The start of the application with other settings."""

    what = "a start with other settings"
    #: What the environment holds of each, good where nothing else is said.
    honest: ClassVar[Mapping[str, str]]
    #: Secrets that are too weak to start with, by a name.
    weak: ClassVar[Mapping[str, Mapping[str, str]]]

    @abstractmethod
    async def said(
        self, ground: Ground, environments: Sequence[Mapping[str, str]]
    ) -> Sequence[str | None]:
        """What the application says when it refuses to start; None for each start that works."""
