"""Every way that SQLAlchemy has to a row, tried on those of somebody else.

Each path asks for all that it can get, or writes where it may not, as careless code would. Without
Ringfence each of them gets at Bob's rows.
"""

# pyright: reportUnknownMemberType=none, reportUnknownArgumentType=none, reportUnknownVariableType=none

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    MetaData,
    Table,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    inspect,
    lateral,
    literal_column,
    select,
    table,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import (
    Session,
    aliased,
    contains_eager,
    defaultload,
    joinedload,
    load_only,
    make_transient_to_detached,
    selectinload,
    subqueryload,
    undefer,
    with_polymorphic,
)

from tests.attack.ownership.world import Gift, Label, Line, Order, Remark

ORDERS: Any = Order.__table__
LINES: Any = Line.__table__
BOBS = 2

Run = Callable[[Session], Any]


@dataclass(frozen=True)
class Path:
    name: str
    run: Run
    text: bool = False  # SQL that SQLAlchemy does not make
    only: str = ""  # the dialect that has it
    writes: bool = False


PATHS: list[Path] = []
_writing = False


def path(name: str, *, text: bool = False, only: str = "") -> Callable[[Run], Run]:
    def note(run: Run) -> Run:
        PATHS.append(Path(name, run, text, only, _writing))
        return run

    return note


def read(name: str, **options: Any) -> Callable[[Callable[[], Any]], Any]:
    """A path that is one statement."""

    def note(statement: Callable[[], Any]) -> Any:
        path(name, **options)(lambda session: session.execute(statement()).unique().all())
        return statement

    return note


def notes(found: Iterable[Any]) -> list[str]:
    return [each.note for each in found]


def _self_join() -> Any:
    other = aliased(Order)
    return select(other.note).join(Order, Order.id != other.id)


def _correlated() -> Any:
    inner = select(Order.note).where(Order.id == Line.order_id).scalar_subquery()
    return select(Line.id, inner)


def _recursive() -> Any:
    first = select(Order.id, Order.note).where(Order.id == 1).cte("r", recursive=True)
    following = aliased(Order)
    rest = select(following.id, following.note).where(following.id == first.c.id + 1)
    return select(first.union_all(rest).c.note)


def _union() -> Any:
    return union_all(select(Order), select(Order)).subquery()


def _copy() -> Any:
    return Table("orders", MetaData(), *(each._copy() for each in ORDERS.c))


# --------------------------------------------------------------------------------------- reading

read("select(Order.note)")(lambda: select(Order.note))
read("select(*columns)")(lambda: select(Order.id, Order.user_id, Order.note))
read("OR 1=1")(lambda: select(Order.note).where((Order.user_id == "alice") | literal_column("1=1")))
read("aliased")(lambda: select(aliased(Order).note))
read("aliased, named")(lambda: select(aliased(Order, name="o").note))
read("join")(lambda: select(Line.note, Order.note).join(Line.order))
read("join, from the other side")(lambda: select(Order.note, Line.note).join(Order.lines))
read("outer join")(lambda: select(Line.note, Order.note).outerjoin(Line.order))
read("join on true")(lambda: select(aliased(Order).note).join(Line, literal_column("1=1")))
read("self join")(_self_join)
read("scalar subquery")(lambda: select(select(func.max(Order.note)).scalar_subquery()))
read("correlated subquery")(_correlated)
read("IN subquery")(lambda: select(Line.note).where(Line.order_id.in_(select(Order.id))))
read("subquery in FROM")(lambda: select(select(Order.note).subquery()))
read("aliased subquery")(lambda: select(aliased(Order, select(Order).subquery()).note))
read("CTE")(lambda: select(select(Order.note).cte("c")))
read("recursive CTE")(_recursive)
read("UNION ALL")(lambda: union_all(select(Order.note), select(Line.note)))
read("UNION into entities")(lambda: select(aliased(Order, _union()).note))
read("lateral", only="postgresql")(lambda: select(lateral(select(Order.note)).c.note))
read("TABLESAMPLE", only="postgresql")(lambda: select(ORDERS.tablesample(100).c.note))
read("window function")(lambda: select(func.first_value(Order.note).over(order_by=Order.id.desc())))
read("GROUP BY")(lambda: select(func.max(Order.note)).group_by(Order.user_id))
read("aggregate of strings", only="sqlite")(lambda: select(func.group_concat(Order.note)))
read("DISTINCT")(lambda: select(Order.note).distinct())
read("with_for_update")(lambda: select(Order.note).with_for_update())
read("LIMIT and OFFSET")(lambda: select(Order.note).order_by(Order.id).limit(5).offset(1))
read("with_only_columns")(lambda: select(Order.id).with_only_columns(Order.note))
read("select_from")(lambda: select(literal_column("note")).select_from(Order))
read("a subclass")(lambda: select(Gift.note, Gift.card))
read("a subclass's own table")(lambda: select(Gift.__table__.c.card))
read("with_polymorphic")(lambda: select(with_polymorphic(Order, [Gift]).note))
read("Core: select(table)")(lambda: select(ORDERS))
read("Core: alias")(lambda: select(ORDERS.alias("x").c.note))
read("Core: join")(lambda: select(LINES.c.note, ORDERS.c.note).join(ORDERS))
read("Core: another Table of the name")(lambda: select(_copy().c.note))
read("Core: table() and column()")(lambda: select(table("orders", column("note"))))
read("Core: column() of a table")(lambda: select(column("note")).select_from(ORDERS))
read("Core: the name in capitals", only="sqlite")(lambda: select(table("ORDERS", column("note"))))
read("Core: a schema named", only="sqlite")(
    lambda: select(table("orders", column("note"), schema="main"))
)


def on(dialect: str) -> list[Path]:
    """The paths that a database has."""
    return [each for each in PATHS if each.only in ("", dialect)]


@path("select(Order)")
def _entities(session: Session) -> Any:
    return notes(session.scalars(select(Order)))


@path("get")
def _get(session: Session) -> Any:
    return notes([session.get(Order, BOBS)] if session.get(Order, BOBS) else [])


@path("get, with a populated identity map")
def _get_again(session: Session) -> Any:
    session.scalars(select(Order)).all()
    found = session.get(Order, BOBS)
    return found and found.note


@path("Query")
def _query(session: Session) -> Any:
    return notes(session.query(Order).all())


@path("Query.count")
def _count(session: Session) -> Any:
    return _counted(session.query(Order).count())


@path("count(*)")
def _count_star(session: Session) -> Any:
    return _counted(session.scalar(select(func.count()).select_from(Order)))


@path("EXISTS")
def _exists(session: Session) -> Any:
    return session.scalar(select(exists().where(Order.id == BOBS))) and "canary-bob"


@path("EXISTS of a relationship")
def _any(session: Session) -> Any:
    found = session.scalars(select(Label).where(exists().where(Order.note.like("canary-bob%"))))
    return found.all() and "canary-bob"


def _counted(number: Any) -> str:
    return "canary-bob" if number > 2 else ""


@path("stream, yield_per")
def _stream(session: Session) -> Any:
    return notes(session.scalars(select(Order).execution_options(yield_per=1)))


@path("order_by with a subquery")
def _ordered(session: Session) -> Any:
    return notes(
        session.scalars(select(Order).order_by(select(func.count(Line.id)).scalar_subquery()))
    )


@path("lazy load, one to many")
def _lazy_many(session: Session) -> Any:
    order = Order(id=BOBS)
    make_transient_to_detached(order)
    session.add(order)
    return notes(order.lines)


@path("lazy load, many to one")
def _lazy_one(session: Session) -> Any:
    line = Line(id=9, order_id=BOBS)
    make_transient_to_detached(line)
    session.add(line)
    return notes([line.order] if line.order else [])


@path("lazy load, secondary")
def _lazy_secondary(session: Session) -> Any:
    order = Order(id=BOBS)
    make_transient_to_detached(order)
    session.add(order)
    return order.labels and order.note


@path("deferred column")
def _deferred(session: Session) -> Any:
    order = Order(id=BOBS)
    make_transient_to_detached(order)
    session.add(order)
    return order.note


@path("refresh")
def _refresh(session: Session) -> Any:
    order = Order(id=BOBS)
    make_transient_to_detached(order)
    session.add(order)
    session.refresh(order)
    return order.note


@path("expire, and the next attribute")
def _expired(session: Session) -> Any:
    order = Order(id=BOBS, note="")
    make_transient_to_detached(order)
    session.add(order)
    session.expire(order)
    return order.note


@path("merge")
def _merge(session: Session) -> Any:
    return session.merge(Order(id=BOBS)).note


for _option in (joinedload, selectinload, subqueryload):

    @path(f"{_option.__name__}, one to many")
    def _eager_many(session: Session, option: Any = _option) -> Any:
        found = session.scalars(select(Order).options(option(Order.lines))).unique()
        return [(each.note, notes(each.lines)) for each in found]

    @path(f"{_option.__name__}, many to one")
    def _eager_one(session: Session, option: Any = _option) -> Any:
        found = session.scalars(select(Line).options(option(Line.order))).unique()
        return [each.order and each.order.note for each in found]


@path("contains_eager")
def _contains_eager(session: Session) -> Any:
    statement = select(Line).join(Line.order).options(contains_eager(Line.order))
    return [each.order and each.order.note for each in session.scalars(statement)]


@path("load_only, undefer, defaultload")
def _load_only(session: Session) -> Any:
    options = [load_only(Order.id), undefer(Order.note), defaultload(Order.lines)]
    return notes(session.scalars(select(Order).options(*options)))


@path("Core on the session's connection")
def _core(session: Session) -> Any:
    return session.connection().execute(select(ORDERS.c.note)).all()


@path("Core on the engine")
def _engine(session: Session) -> Any:
    with Session(session.get_bind()) as other:
        return notes(other.scalars(select(Order)))


@path("a Table that is reflected")
def _reflected(session: Session) -> Any:
    found = Table("orders", MetaData(), autoload_with=session.connection())
    return session.execute(select(found.c.note)).all()


@path("a statement compiled for another dialect object", text=True)
def _compiled_elsewhere(session: Session) -> Any:
    dialect: Any = {"sqlite": sqlite, "postgresql": postgresql}[session.get_bind().dialect.name]
    compiled = select(ORDERS.c.note).compile(dialect=dialect.dialect(paramstyle="named"))
    return session.execute(text(str(compiled))).all()


read("text()", text=True)(lambda: text("SELECT note FROM orders"))
read("text() as a column", text=True)(lambda: select(text("(SELECT max(note) FROM orders)")))
read("literal_column()", text=True)(
    lambda: select(literal_column("(SELECT max(note) FROM orders)"))
)
read("text() in FROM", text=True)(lambda: select(column("note")).select_from(text("orders")))


@path("from_statement(text())", text=True)
def _from_statement(session: Session) -> Any:
    return notes(session.scalars(select(Order).from_statement(text("SELECT * FROM orders"))))


@path("the driver's own SQL", text=True)
def _driver(session: Session) -> Any:
    return session.connection().exec_driver_sql("SELECT note FROM orders").all()


# --------------------------------------------------------------------------------------- writing

_writing = True


def write(name: str, **options: Any) -> Callable[[Callable[[], Any]], Any]:
    """A path that is one statement, and its commit."""

    def note(statement: Callable[[], Any]) -> Any:
        def run(session: Session) -> None:
            session.execute(statement())
            session.commit()

        path(name, **options)(run)
        return statement

    return note


def added(name: str) -> Callable[[Callable[[], Any]], Any]:
    """A path that adds an object."""

    def note(make: Callable[[], Any]) -> Any:
        def run(session: Session) -> None:
            session.add(make())
            session.commit()

        path(name)(run)
        return make

    return note


def detached(kind: Any, **values: Any) -> Any:
    found = kind(**values)
    make_transient_to_detached(found)
    return found


write("update(Order)")(lambda: update(Order).values(note="taken"))
write("update(Order) of one")(lambda: update(Order).where(Order.id == BOBS).values(note="taken"))
write("update, taking")(lambda: update(Order).where(Order.id == BOBS).values(user_id="alice"))
write("update, giving away")(lambda: update(Order).where(Order.id == 1).values(user_id="bob"))
LIGHT = table("orders", column("id"), column("USER_ID"), column("note"), column("kind"))
write("update, giving away, in capitals", only="sqlite")(
    lambda: update(LIGHT).where(LIGHT.c.id == 1).values(USER_ID="bob")
)
write("insert in another's name, in capitals", only="sqlite")(
    lambda: insert(LIGHT).values(id=9, USER_ID="bob", note="", kind="order")
)
write("update, an expression as the owner")(
    lambda: update(Order).where(Order.id == 1).values(user_id=func.lower("BOB"))
)
write("update, hanging on a foreign row")(
    lambda: update(Line).where(Line.id == 1).values(order_id=BOBS)
)
write("update from another table")(
    lambda: update(Line).where(Line.order_id == Order.id).values(note=Order.note + "taken")
)
write("update with a subquery")(
    lambda: (
        update(Line).where(Line.id == 1).values(note=select(func.max(Order.note)).scalar_subquery())
    )
)
write("delete(Order)")(lambda: delete(Line))
write("delete of one")(lambda: delete(Line).where(Line.id == BOBS))
write("Core: update")(lambda: ORDERS.update().values(note="taken"))
write("Core: delete")(LINES.delete)
write("Core: insert")(lambda: ORDERS.insert().values(id=9, user_id="bob", note="", kind="order"))
write("insert in another's name")(lambda: insert(Order).values(id=9, user_id="bob"))
write("insert of several rows")(
    lambda: insert(Order).values([{"id": 8, "user_id": "alice"}, {"id": 9, "user_id": "bob"}])
)
write("insert from a SELECT")(
    lambda: insert(Line).from_select(["id", "note"], select(Order.id + 10, Order.note))
)
write("insert on a foreign row")(lambda: insert(Line).values(id=9, order_id=BOBS))
write("insert, an expression as the key")(
    lambda: insert(Line).values(id=9, order_id=select(func.max(Order.id)).scalar_subquery())
)
write("insert of a tie to a foreign row")(
    lambda: insert(Remark).values(id=9, order_id=BOBS, text="")
)
write("INSERT OR REPLACE", only="sqlite")(
    lambda: insert(Order).values(id=BOBS, user_id="alice", note="taken").prefix_with("OR REPLACE")
)


@path("ON CONFLICT DO UPDATE")
def _upsert(session: Session) -> None:
    dialect: Any = {"sqlite": sqlite, "postgresql": postgresql}[session.get_bind().dialect.name]
    values = {"id": BOBS, "user_id": "alice", "note": "", "kind": "order"}
    taken = {"note": "taken", "user_id": "alice"}
    made = dialect.insert(Order).values(values)
    session.execute(made.on_conflict_do_update(index_elements=["id"], set_=taken))
    session.commit()


@path("bulk UPDATE by key")
def _bulk_by_key(session: Session) -> None:
    session.execute(update(Order), [{"id": BOBS, "note": "taken"}])
    session.commit()


@path("bulk INSERT")
def _bulk_insert(session: Session) -> None:
    session.execute(insert(Order), [{"id": 8, "user_id": "alice"}, {"id": 9, "user_id": "bob"}])
    session.commit()


@path("bulk_save_objects")
def _bulk_save(session: Session) -> None:
    session.bulk_save_objects([Order(id=9, user_id="bob")])
    session.commit()


@path("bulk_insert_mappings")
def _bulk_mappings(session: Session) -> None:
    session.bulk_insert_mappings(inspect(Line), [{"id": 9, "order_id": BOBS}])
    session.commit()


@path("bulk_update_mappings")
def _bulk_updates(session: Session) -> None:
    session.bulk_update_mappings(inspect(Order), [{"id": BOBS, "note": "taken"}])
    session.commit()


@path("executemany on the connection")
def _executemany(session: Session) -> None:
    rows = [{"b_id": number, "b_note": "taken"} for number in (1, BOBS)]
    statement = update(ORDERS).where(ORDERS.c.id == bindparam("b_id"))
    session.connection().execute(statement.values(note=bindparam("b_note")), rows)
    session.commit()


added("flush in another's name")(lambda: Order(id=9, user_id="bob"))
added("flush, hung on a foreign row")(lambda: Line(id=9, order_id=BOBS))
added("flush, hung on a foreign object")(lambda: Line(id=9, order=detached(Order, id=BOBS)))
added("flush, a foreign object in a collection")(
    lambda: Order(id=9, user_id="alice", lines=[detached(Line, id=BOBS, order_id=BOBS)])
)
added("flush of a subclass")(lambda: Gift(id=9, user_id="bob"))


@path("flush of a detached object")
def _detached(session: Session) -> None:
    order = detached(Order, id=BOBS)
    session.add(order)
    order.note = "taken"
    session.commit()


@path("delete of a detached object")
def _delete_detached(session: Session) -> None:
    session.delete(session.merge(detached(Line, id=BOBS, order_id=BOBS, note=""), load=False))
    session.commit()


@path("flush, giving away")
def _give(session: Session) -> None:
    order = session.get_one(Order, 1)
    order.user_id = "bob"
    session.commit()


@path("flush, an expression as the owner")
def _give_expression(session: Session) -> None:
    order: Any = session.get_one(Order, 1)
    order.user_id = func.lower("BOB")
    session.commit()


@path("merge onto a foreign row")
def _merge_over(session: Session) -> None:
    session.merge(Order(id=BOBS, user_id="alice", note="taken"))
    session.commit()


@path("append to one's own collection")
def _append(session: Session) -> None:
    line = detached(Line, id=BOBS, order_id=BOBS)
    session.add(line)
    own = session.get_one(Order, 1)
    own.lines.append(line)
    session.commit()


@path("append to a foreign collection")
def _append_foreign(session: Session) -> None:
    order = detached(Order, id=BOBS, lines=[])
    session.add(order)
    order.lines.append(session.get_one(Line, 1))
    session.commit()


@path("append by a secondary table")
def _append_secondary(session: Session) -> None:
    order = detached(Order, id=BOBS, labels=[])
    session.add(order)
    order.labels.append(Label(id=7, name="blue"))
    session.commit()


write("text() UPDATE", text=True)(lambda: text("UPDATE orders SET note = 'taken'"))
write("text() DELETE", text=True)(lambda: text("DELETE FROM lines"))
write("text() INSERT", text=True)(
    lambda: text("INSERT INTO orders (id, user_id, note, kind) VALUES (9, 'bob', '', 'order')")
)
