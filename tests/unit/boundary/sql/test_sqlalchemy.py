"""The SQL guard in front of a real database: each way to it that SQLAlchemy has."""

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.sql.elements import quoted_name

from ringfence.boundary.sql.sqlalchemy import install, remove
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange
from ringfence.core.settings import SqlGuard
from tests.unit.boundary.exchanges import during, exchange

ATTACK = "x' OR 1=1 OR '"


class Model(orm.DeclarativeBase):
    pass


class Product(Model):
    __tablename__ = "products"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]
    secret: orm.Mapped[str] = orm.mapped_column(default="canary")


@pytest.fixture(scope="module", autouse=True)
def guarded() -> Iterator[None]:
    install()
    install()
    yield
    remove()
    remove()


@pytest.fixture
def engine() -> sa.Engine:
    made = sa.create_engine(
        "sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False}
    )
    Model.metadata.create_all(made)
    return made


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[orm.Session]:
    with orm.Session(engine) as made:
        made.add_all([Product(name="mug"), Product(name="jar")])
        made.flush()
        yield made


def asking(*values: str, off: tuple[Layer, ...] = ()) -> Exchange:
    pairs = "&".join(f"p{n}={quote(value)}" for n, value in enumerate(values))
    return exchange(query=pairs.encode(), off=off)


CARELESS: dict[str, Callable[[orm.Session, str], object]] = {
    "text": lambda s, q: s.execute(sa.text(f"SELECT secret FROM products WHERE name = '{q}'")),
    "exec_driver_sql": lambda s, q: s.connection().exec_driver_sql(
        f"SELECT secret FROM products WHERE name = '{q}'"
    ),
    "a condition": lambda s, q: s.scalars(sa.select(Product).where(sa.text(f"name = '{q}'"))),
    "from_statement": lambda s, q: s.scalars(
        sa.select(Product).from_statement(sa.text(f"SELECT * FROM products WHERE name = '{q}'"))
    ),
    "textual columns": lambda s, q: s.execute(
        sa.text(f"SELECT id FROM products WHERE name = '{q}'").columns(Product.id)
    ),
    "literal_column": lambda s, q: s.scalars(
        sa.select(Product).where(sa.literal_column(f"name = '{q}'", sa.Boolean))
    ),
    "an order": lambda s, q: s.scalars(sa.select(Product).order_by(sa.text(f"name = '{q}'"))),
    "a prefix": lambda s, q: s.execute(sa.select(Product).prefix_with(f"DISTINCT name = '{q}',")),
    "a suffix": lambda s, q: s.execute(sa.select(Product).suffix_with(f"WHERE name = '{q}'")),
    "a hint": lambda s, q: s.execute(sa.select(Product).with_statement_hint(f"WHERE name = '{q}'")),
    "an operator": lambda s, q: s.execute(
        sa.select(Product).where(Product.name.op(f"= '{q}' OR 1 =")(1))
    ),
    "a loader's criterion": lambda s, q: s.execute(
        sa.select(Product).options(
            orm.with_loader_criteria(Product, sa.literal_column(f"name = '{q}'", sa.Boolean))
        )
    ),
    "a bulk update": lambda s, q: s.execute(
        sa.update(Product).where(sa.text(f"name = '{q}'")).values(name="x")
    ),
    "executemany": lambda s, q: s.connection().exec_driver_sql(
        f"UPDATE products SET name = ? WHERE name = '{q}'", [("a",), ("b",)]
    ),
    "an insert of many": lambda s, q: s.execute(
        sa.insert(Product).prefix_with(f"OR '{q}'"), [{"name": "a"}, {"name": "b"}]
    ),
    "a legacy query": lambda s, q: s.query(Product).filter(sa.text(f"name = '{q}'")).all(),
}


@pytest.mark.parametrize("act", CARELESS.values(), ids=CARELESS)
def test_joined_text_is_refused_and_the_refusal_comes_out_as_it_is(
    session: orm.Session, act: Callable[[orm.Session, str], object]
) -> None:
    """ATTACKS I02."""
    with during(asking(ATTACK)), pytest.raises(Refused, match="sql.injected"):
        act(session, ATTACK)


@pytest.mark.parametrize("name", ["text", "exec_driver_sql", "a condition", "from_statement"])
def test_with_the_layer_off_the_attack_reads_every_row(session: orm.Session, name: str) -> None:
    with during(asking(ATTACK, off=(Layer.BOUNDARY,))):
        result: sa.Result[tuple[object]] = CARELESS[name](session, ATTACK)  # pyright: ignore[reportAssignmentType]  # each gives rows
        assert len(list(result)) == 2


def test_a_session_goes_on_after_a_refusal(session: orm.Session) -> None:
    with during(asking(ATTACK)):
        with pytest.raises(Refused):
            CARELESS["text"](session, ATTACK)
        assert session.scalar(sa.select(sa.func.count()).select_from(Product)) == 2


CAREFUL: dict[str, Callable[[orm.Session, str], object]] = {
    "the ORM": lambda s, q: s.scalars(sa.select(Product).where(Product.name == q)).all(),
    "a bound parameter": lambda s, q: s.execute(
        sa.text("SELECT * FROM products WHERE name = :q"), {"q": q}
    ).all(),
    "a driver's parameter": lambda s, q: (
        s.connection().exec_driver_sql("SELECT * FROM products WHERE name = ?", (q,)).all()
    ),
    "an insert": lambda s, q: s.execute(sa.insert(Product), [{"name": q}, {"name": q}]),
    "the unit of work": lambda s, q: (s.add(Product(name=q)), s.flush()),
    "a literal": lambda s, q: s.scalars(
        sa.select(Product).where(Product.name == sa.literal(q, literal_execute=True))
    ).all(),
    "IN": lambda s, q: s.scalars(sa.select(Product).where(Product.name.in_([q, "mug"]))).all(),
}


@pytest.mark.parametrize("act", CAREFUL.values(), ids=CAREFUL)
@pytest.mark.parametrize("q", [ATTACK, "'", "name", "products", "SELECT", "o'brien", "1=1--"])
def test_a_bound_parameter_may_hold_anything(
    session: orm.Session, act: Callable[[orm.Session, str], object], q: str
) -> None:
    with during(asking(q)):
        act(session, q)


@pytest.mark.parametrize("column", ["name", "id", "name desc"])
def test_an_order_may_name_a_column_that_is_selected(session: orm.Session, column: str) -> None:
    with during(asking(column)):
        assert len(session.scalars(sa.select(Product).order_by(sa.text(column))).all()) == 2


def test_an_order_may_not_name_one_that_is_not(session: orm.Session) -> None:
    """ATTACKS I01."""
    column = "terces"[::-1]
    for order in (sa.text(column), sa.column(column), sa.literal_column(column), column):
        with during(asking(column)), pytest.raises(Refused, match="sql.injected"):
            session.execute(sa.select(Product.id).order_by(order))
        with during(asking(column, off=(Layer.BOUNDARY,))):
            session.execute(sa.select(Product.id).order_by(order))


ORDERS = {"cheap": "name DESC, id", "hidden": "secret"}


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_may_be_a_constant_of_a_container_nearby(session: orm.Session, order: str) -> None:
    with during(asking(order, *ORDERS.values())):
        session.execute(sa.select(Product.id).order_by(sa.text(ORDERS[order])))


AS_A_CONSTANT = sa.text("SELECT name, secret FROM products WHERE id = 1")
AS_A_STRING = "SELECT name, secret FROM products WHERE id = 2"


def test_a_statement_that_stands_in_the_source_is_the_applications_own(
    session: orm.Session,
) -> None:
    """``secret`` is what the client sent, and by chance what the application reads."""
    number = 4
    with during(asking("secret", "name, secret", "'", "(", AS_A_STRING)):
        session.execute(sa.text("SELECT name, secret FROM products WHERE id = 3 AND '(' <> ''"))
        session.execute(AS_A_CONSTANT)
        session.connection().exec_driver_sql(AS_A_STRING)
        session.execute(sa.text(f"SELECT name, secret FROM products WHERE id = {number}"))


def elsewhere() -> str:
    return "id = 1 OR secret <> ''"


def test_a_part_of_a_statement_proves_nothing_by_standing_in_the_source_elsewhere(
    session: orm.Session,
) -> None:
    condition = globals()["else" + "where"]()
    with during(asking()), pytest.raises(Refused, match="sql.injected"):
        session.execute(sa.select(Product.id).where(sa.text(condition)))


def test_a_condition_from_a_helper_that_has_returned(session: orm.Session) -> None:
    condition = nearby()
    with during(asking("name")):
        session.execute(sa.select(Product.id).where(sa.text(condition)))


def nearby() -> str:
    return "id = 1 OR name <> ''"


SHOWN = {"kind": "typeof"}


def test_a_function_that_the_source_does_not_name(session: orm.Session) -> None:
    """Whatever the client sent: it may have been encoded."""
    with during(asking()):
        session.execute(sa.select(sa.func.lower(Product.name)))
        session.execute(sa.select(getattr(sa.func, SHOWN["kind"])(Product.name)))
    hidden = sa.select(getattr(sa.func, "edocinu"[::-1])(Product.name))
    with during(asking()), pytest.raises(Refused, match="sql.injected"):
        session.execute(hidden)
    with during(asking(off=(Layer.BOUNDARY,))):
        session.execute(hidden)


@pytest.fixture
def changing(engine: sa.Engine) -> Iterator[list[str]]:
    """A listener of the application appends to every statement what stands here."""
    appended = [""]

    def change(_c: object, _u: object, text: str, values: object, *_: object) -> tuple[str, object]:
        return text + "".join(appended), values

    event.listen(engine, "before_cursor_execute", change, retval=True)
    yield appended
    event.remove(engine, "before_cursor_execute", change)


LATER: dict[str, Callable[[orm.Session], object]] = {
    "compiled": lambda s: s.execute(sa.select(Product.secret).where(Product.id == 1)),
    "a literal": lambda s: s.execute(sa.text("SELECT secret FROM products WHERE id = 1")),
    "no parameters": lambda s: s.execute(
        sa.text("SELECT secret FROM products WHERE id = 1"),
        execution_options={"no_parameters": True},
    ),
    "executemany": lambda s: s.execute(
        sa.update(Product.__table__).where(Product.__table__.c.id == sa.bindparam("i")),  # pyright: ignore[reportArgumentType]  # a Table at run time
        [{"i": 1, "name": "a"}, {"i": 1, "name": "b"}],
    ),
    "rows in batches": lambda s: s.scalars(
        sa.insert(Product).returning(Product.id), [{"name": "a"}, {"name": "b"}]
    ),
}


@pytest.mark.parametrize("act", LATER.values(), ids=LATER)
def test_what_a_listener_made_of_a_statement_is_judged(
    session: orm.Session, changing: list[str], act: Callable[[orm.Session], object]
) -> None:
    """What was judged and what ran were two texts (``before_cursor_execute``, ``retval=True``)."""
    with during(asking()):
        act(session)
    changing[0] = " /* 1=1 RO */"[::-1]
    with during(asking()), pytest.raises(Refused, match="sql.injected"):
        act(session)
    changing[0] = " -- 1"[:4]
    with during(asking(off=(Layer.BOUNDARY,))):
        act(session)


def test_a_schema_that_is_not_to_be_quoted_is_text(session: orm.Session) -> None:
    table = sa.Table("products", sa.MetaData(), sa.Column("name"), schema="tenant")
    for quote_, refused in ((None, False), (False, True)):
        schema = quoted_name("main", quote=quote_)
        options = {"schema_translate_map": {"tenant": schema}}
        with during(asking()):
            if refused:
                with pytest.raises(Refused, match="sql.injected"):
                    session.execute(sa.select(table.c.name), execution_options=options)
            else:
                session.execute(sa.select(table.c.name), execution_options=options)


def test_a_listener_may_append_what_the_source_says(
    session: orm.Session, changing: list[str]
) -> None:
    with during(asking("1")):
        changing[0] = " LIMIT 1"
        assert len(session.execute(sa.text("SELECT id FROM products")).all()) == 1


def test_what_sqlalchemy_asks_itself_may_be_asked_in_a_request(engine: sa.Engine) -> None:
    with during(asking("products")), engine.begin() as connection:
        assert sa.inspect(connection).get_columns("products")
        with connection.begin_nested():
            connection.execute(sa.select(Product.id))


def test_outside_of_a_request_every_text_may_run(session: orm.Session) -> None:
    session.execute(sa.text(f"SELECT * FROM products WHERE name = '{ATTACK}'"))


def work_of(engine: sa.Engine, q: str) -> Callable[[], None]:
    def work() -> None:
        with orm.Session(engine) as session:
            CARELESS["text"](session, q)

    return work


def test_a_pools_thread_is_guarded_as_the_request_that_asked_it(engine: sa.Engine) -> None:
    """Ledger 41: context variables do not follow ``run_in_executor``."""
    with ThreadPoolExecutor(max_workers=1) as threads:
        with during(asking(ATTACK)):
            with pytest.raises(Refused, match="sql.injected"):
                threads.submit(work_of(engine, ATTACK)).result()
            threads.submit(work_of(engine, "mug")).result()
        threads.submit(work_of(engine, ATTACK)).result()  # nobody's: the application's own


def test_a_thread_is_guarded_as_the_request_that_started_it(engine: sa.Engine) -> None:
    refused: list[Refused] = []

    def work() -> None:
        try:
            work_of(engine, ATTACK)()
        except Refused as error:
            refused.append(error)

    for made in (asking(ATTACK), asking(ATTACK, off=(Layer.BOUNDARY,))):
        with during(made):
            thread = Thread(target=work)
            thread.start()
            thread.join()
    assert [error.code.name for error in refused] == ["sql.injected"]


def test_other_requests_are_nothing_to_a_thread(engine: sa.Engine) -> None:
    with during(asking("name", "SELECT secret FROM products WHERE name = 'mug'")):
        thread = ThreadPoolExecutor(max_workers=1)
    with thread:
        thread.submit(work_of(engine, "mug")).result()


class TestTainted:
    @pytest.fixture(autouse=True)
    def tainted(self) -> Iterator[None]:
        remove()
        remove()
        install(SqlGuard.TAINTED)
        yield
        remove(SqlGuard.TAINTED)
        install()
        install()

    def test_what_shares_nothing_with_the_request_may_run(self, session: orm.Session) -> None:
        statement = "SELECT secret FROM products ORDER BY " + "di-"[::-1]
        with during(asking("jug")):
            session.execute(sa.text(statement))

    @pytest.mark.parametrize("act", CARELESS.values(), ids=CARELESS)
    def test_what_shares_a_token_is_refused(
        self, session: orm.Session, act: Callable[[orm.Session, str], object]
    ) -> None:
        attack = "x' OR name = 'jar"
        with during(asking(attack)), pytest.raises(Refused, match="sql.injected"):
            act(session, attack)

    def test_one_strict_application_makes_the_process_strict(self, session: orm.Session) -> None:
        install(SqlGuard.STRICT)
        statement = "SELECT secret FROM products ORDER BY " + "di-"[::-1]
        with during(asking("jug")), pytest.raises(Refused):
            session.execute(sa.text(statement))
        remove(SqlGuard.STRICT)


def test_once_it_is_removed_nothing_is_refused(session: orm.Session) -> None:
    remove()
    with during(asking(ATTACK)):
        with pytest.raises(Refused):
            CARELESS["text"](session, ATTACK)
        remove()
        CARELESS["text"](session, ATTACK)
    install()
    install()


class TestAnAsyncEngine:
    @pytest.fixture
    async def database(self) -> AsyncIterator[AsyncEngine]:
        made = create_async_engine("sqlite+aiosqlite://", poolclass=sa.StaticPool)
        async with made.begin() as connection:
            await connection.run_sync(Model.metadata.create_all)
        yield made
        await made.dispose()

    async def test_joined_text_is_refused(self, database: AsyncEngine) -> None:
        async with AsyncSession(database) as session:
            with during(asking(ATTACK)), pytest.raises(Refused, match="sql.injected"):
                await session.execute(sa.text(f"SELECT id FROM products WHERE name = '{ATTACK}'"))

    async def test_a_bound_parameter_may_hold_anything(self, database: AsyncEngine) -> None:
        async with AsyncSession(database) as session:
            with during(asking(ATTACK)):
                await session.scalars(sa.select(Product).where(Product.name == ATTACK))

    async def test_a_statement_that_stands_in_the_source_is_recognised(
        self, database: AsyncEngine
    ) -> None:
        """The stack goes through a greenlet there."""
        async with AsyncSession(database) as session:
            with during(asking("secret")):
                await session.execute(sa.text("SELECT secret FROM products"))
                await session.execute(AS_A_CONSTANT)
