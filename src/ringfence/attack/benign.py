"""Honest use of every route of the shop. It must work whatever is switched off.

An attack that is stopped where nothing works is no achievement, so all of this runs in every
configuration, and what fails there counts as a failure of the whole.
"""

from dataclasses import dataclass
from typing import Final

from ringfence.attack.ablation import Benign
from ringfence.attack.client import query
from ringfence.attack.ground import Ground
from ringfence.attack.people import Person
from ringfence.attack.unproven import UnprovenError, require
from ringfence.attack.visitor import Visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A GET, what it answers, and a word that stands in the answer."""

    target: str
    word: str = ""
    status: int = 200
    signed_in: bool = False


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
    Read(target="/auth/me", word="aal", signed_in=True),
    Read(target="/auth/sessions", word="current", signed_in=True),
    Read(target="/auth/config", word="argon2id"),
    Read(target="/.well-known/jwks.json", word="P-256"),
    Read(target="/healthz"),
    Read(target="/readyz"),
    Read(target="/auth/sign-in", word="<form"),
    Read(target="/auth/sign-up", word="<form"),
    Read(target="/auth/forgot", word="<form"),
    Read(target="/auth/verify-email", word="<form"),
    Read(target="/auth/reset", word="<form"),
    Read(target="/auth/account", word="<html"),
    Read(target="/auth/static/auth.js"),
    Read(target="/auth/static/ringfence.css"),
)


async def check_all(ground: Ground) -> Benign:
    """Run every check on one shop."""
    person = await ground.person()
    visitor = Visitor(ground, person)
    passed, failures = 0, list[str]()
    for wanted in READS:
        try:
            await _read(ground, person, wanted)
            passed += 1
        except UnprovenError as error:
            failures.append(f"GET {wanted.target}: {error}")
    for flow in visitor.flows():
        try:
            await flow()
            passed += 1
        except UnprovenError as error:
            failures.append(f"{flow.__name__.replace('_', ' ')}: {error}")
    return Benign(passed=passed, failures=tuple(failures))


async def _read(ground: Ground, person: Person, wanted: Read) -> None:
    answer = await ground.send("GET", wanted.target, person=person if wanted.signed_in else None)
    require(answer.status == wanted.status, f"{answer.status}, not {wanted.status}")
    require(answer.holds(wanted.word), f"{wanted.word} is not there")
    require(bool(answer.request_id), "no request id")
