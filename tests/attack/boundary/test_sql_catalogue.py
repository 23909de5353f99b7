"""What real applications do with SQL works under the guard, and what a client wrote does not run.

``catalogue_app`` is an application of its own, with allow-lists, builders, helpers and files. Each
attack on a careless handler is refused with the boundary layer on and runs with it off.
"""

import base64
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from ringfence import sql_files
from ringfence.core.codes import Layer
from tests.attack.authz.guarded import Site, guarded
from tests.attack.boundary.catalogue_app import QUERIES, Catalogue

SCHEMA: Final = """
    CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, price INT, category TEXT, rank INT,
        created INT, user_id INT, secret TEXT);
    INSERT INTO products VALUES (1, 'red mug', 30, 'tea', 3, 1, 7, 'b'),
        (2, 'honey jar', 20, 'food', 1, 3, 8, 'c'), (3, 'order by mail', 10, 'tea', 2, 2, 9, 'a');
    CREATE TABLE orders (id INTEGER PRIMARY KEY, owner TEXT, note TEXT);
    INSERT INTO orders VALUES (1, 'bob', 'canary-of-bob');
"""


@asynccontextmanager
async def catalogue(folder: Path, *, off: bool) -> AsyncGenerator[Site]:
    with closing(sqlite3.connect(folder / "shop.sqlite")) as database:
        database.executescript(SCHEMA)
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'shop.sqlite'}")
    sql_files(QUERIES)
    layers = [Layer.BOUNDARY] if off else []
    async with guarded(Catalogue(engine).app(), folder, off=layers) as site:
        yield site
    await engine.dispose()


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Site]:
    async with catalogue(tmp_path_factory.mktemp("shop"), off=False) as site:
        yield site


@pytest.fixture
async def naked(tmp_path: Path) -> AsyncGenerator[Site]:
    async with catalogue(tmp_path, off=True) as site:
        yield site


WORKING: Final = {
    # sorted and grouped
    "selected?sort=price": [3, 2, 1],
    "selected?sort=name desc": [1, 3, 2],
    "unselected?sort=price&way=down": [1, 2, 3],
    "unselected?sort=secret-less": [2, 3, 1],
    "unselected?sort=new": [2, 3, 1],
    "grouped?by=1": [1, 1, 1],
    "checked?sort=rank": [1, 3, 2],
    "checked?sort=nonsense": [1, 3, 2],
    "literal?sort=price": [3, 2, 1],
    "quoted?sort=price": [3, 2, 1],
    "identified?sort=rank": [2, 3, 1],
    "several?sort=rank,name": [2, 3, 1],
    "core?sort=secret-less&way=down": [1, 3, 2],
    "core_text?sort=secret-less": [2, 3, 1],
    # compared
    "searched?q=mug": [1],
    "searched?q=tea&field=category": [1, 3],
    "looked_up?q=red mug&field=name": [1],
    "bound?q=like": [],
    "bound?q=,": [],
    "bound?q=*": [],
    "bound?q=a": [],
    "bound?q=order by": [],
    "in_a_string?q=O'Brien": [],
    "in_a_string?q=like": [],
    "in_a_string?q=,": [],
    "in_a_string?q=*": [],
    "in_a_string?q=a": [2, 3],
    "in_a_string?q=order by": [3],
    "in_a_path/like": [],
    "in_a_path/order by": [3],
    "in_a_path/a": [2, 3],
    # numbers and placeholders
    "above?least=-5&limit=2": [1, 2],
    "above?least=1.5": [1, 2, 3],
    "between?low=-5&high=20": [2, 3],
    "listed?ids=1,2,3": [1, 2, 3],
    "listed?ids=-5": [],
    "with_placeholders?ids=1,2": [1, 2],
    # built of several literals
    "conditions": [1, 2, 3],
    "conditions?q=mug": [1],
    "conditions?q=order by&least=5": [3],
    "conditions_named?name=mug": [1],
    "conditions_named?name=order by&least=5": [3],
    "conditions_named?name=name LIKE :name": [],
    "columns?limit=2": [1, 2],
    "read_at_import?least=15": [1, 2],
    "looked_up?q=where name = :q": [],
    "counted": [1, 2, 3],
    "counted?category=tea": [1, 3],
    "counted?name=red mug&category=tea": [1],
    "helped": [2, 3, 1],
    "helped?q=mug&sort=rank": [1],
    "imported?kind=dear": [1, 2],
    "imported?kind=cheap": [3],
    "depending": [1, 3],
    "formatted?sort=secret-less": [1, 3, 2],
    "implicit?limit=2": [3, 2],
    "nested": ["red mug", "order by mail"],
    "from_a_file?least=15": [1, 2],
    "sorted_from_a_file?sort=secret-less": [2, 3, 1],
}


@pytest.mark.parametrize("path", WORKING)
async def test_what_applications_do_works(shop: Site, path: str) -> None:
    answer = await shop.get(f"/{path}")
    assert answer.status_code == 200, answer.text
    assert [row[0] for row in answer.json()] == WORKING[path]


async def test_a_name_that_is_not_among_those_is_refused_in_the_right_way(shop: Site) -> None:
    answer = await shop.get("/identified?sort=secret")
    assert (answer.status_code, answer.json()["code"]) == (422, "query.invalid")


UNION: Final = "x' UNION SELECT note FROM orders --"
BOOLEAN: Final = "x' OR '1'='1"


def encoded(text: str) -> str:
    return quote(base64.b64encode(text.encode()).decode())


ATTACKS: Final = {
    "a column where a value is due": "careless_id?v=user_id",
    "a tautology": "careless_id?v=7 OR 1=1",
    "a subquery": "careless_id?v=(select 7)",
    "a value that calculates": "careless_id?v=7 OR id",
    "a hidden column to sort by": "careless_sort?sort=secret",
    "a column that is not selected to sort by": "careless_sort?sort=price",
    "a subquery to sort by": "careless_sort?sort=(select note from orders)",
    "a negated column to sort by": "careless_sort?sort=-id",
    "two columns to sort by": "careless_sort?sort=id,secret",
    "a hidden field": "careless_field?field=secret",
    "a hidden field beside another": "careless_field?field=id,secret",
    "a hidden column in quotes": "careless_quoted?col=secret",
    "a hidden column of Core": "careless_column?col=secret",
    "a hidden column to compare": "careless_where?field=secret&v=a",
    "a number to compare": "careless_where?field=1&v=1",
    "a sign that is stripped": "careless_stripped?sort=-(select secret from products)",
    "a list that is joined again": "careless_ids?ids=1,2) or (1=1",
    "a column in a list": "careless_ids?ids=id",
    "free text": f"careless_changed?q={UNION}",
    "free text, yes or no": f"careless_changed?q={BOOLEAN}",
    "Base64": f"careless_changed?how=base64&q={encoded(UNION)}",
    "Base64, yes or no": f"careless_changed?how=base64&q={encoded(BOOLEAN)}",
    "Base64 of a number": f"careless_number?how=base64&q={encoded('30 OR 1=1')}",
    "backwards": f"careless_changed?how=reversed&q={UNION[::-1]}",
    "replaced characters": "careless_changed?how=replaced&q=x!_UNION_SELECT_note_FROM_orders_--",
    "cut": f"careless_changed?how=cut&q={UNION}{'x' * 90}",
    "split": f"careless_changed?how=split&q={UNION.replace(' ', '   ')}",
    "the first of several": f"careless_changed?how=first&q={UNION}|x",
    "in upper case": f"careless_changed?how=upper&q={UNION}",
    "hexadecimal": f"careless_changed?how=hexadecimal&q={UNION.encode().hex()}",
    "every second character": (
        f"careless_changed?how=every second&q={''.join(c + 'x' for c in UNION)}"
    ),
    "a column in a number's place": "careless_number?q=price",
    "a type's precision": "careless_precision?n=1)), ((SELECT note FROM orders WHERE id=1",
    "a function": "careless_function?f=unicode",
    "a label": "careless_label?name=x, (SELECT note FROM orders WHERE id=1) AS y",
    "what was vouched for, elsewhere": "careless_beside_identifier?sort=user_id&v=user_id",
    "names of parameters": "careless_parameters?id=1&rank > 0 or price=2",
}


@pytest.mark.parametrize("path", ATTACKS.values(), ids=ATTACKS)
async def test_an_attack(shop: Site, naked: Site, path: str) -> None:
    """ATTACKS I01, I02."""
    answer = await shop.get(f"/{path}")
    assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")
    assert (await naked.get(f"/{path}")).status_code == 200


@pytest.mark.parametrize("name", ["secret", "name"])
async def test_a_member_of_json_as_a_column_to_set(shop: Site, naked: Site, name: str) -> None:
    answer = await shop.client.post("/careless_names", json={name: "x"})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")
    assert (await naked.client.post("/careless_names", json={name: "x"})).status_code == 200


HARMLESS: Final[dict[str, Callable[[str], str]]] = {
    "careless_id": lambda v: f"careless_id?v={v}",
    "careless_changed": lambda v: f"careless_changed?q={v}",
    "careless_precision": lambda v: f"careless_precision?n={v}",
    "careless_label": lambda v: f"careless_label?name=a{v}",
    "careless_beside_identifier": lambda v: f"careless_beside_identifier?sort=user_id&v={v}",
}


@pytest.mark.parametrize("path", HARMLESS.values(), ids=HARMLESS)
async def test_what_is_harmless_works_in_the_careless_ones(
    shop: Site, path: Callable[[str], str]
) -> None:
    assert (await shop.get("/" + path("7"))).status_code == 200
