"""Whose a row is, asked of SQLite: each declaration, each relation, each person."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import ForeignKey, Table, bindparam, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from ringfence.core.errors import ConfigurationError
from ringfence.core.ownership import Members, Resource, Shares
from ringfence.core.policy import Relation
from ringfence.storage.application.ownership import Declarations


class Base(DeclarativeBase):
    """Models of a guarded application."""


class Member(Base):
    __tablename__ = "members"
    team_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)


class Share(Base):
    __tablename__ = "shares"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"))
    user_id: Mapped[str]
    level: Mapped[str]


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    kind: Mapped[str] = mapped_column(default="note")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "note"}  # noqa: RUF012  # SQLAlchemy's


class Drawing(Note):
    __tablename__ = "drawings"
    id: Mapped[int] = mapped_column(ForeignKey("notes.id"), primary_key=True)
    width: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "drawing"}  # noqa: RUF012  # SQLAlchemy's


class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]


class Plan(Base):
    __tablename__ = "plans"
    team_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]


class Step(Base):
    __tablename__ = "steps"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"))
    note: Mapped[Note] = relationship()


class Detail(Base):
    __tablename__ = "details"
    id: Mapped[int] = mapped_column(primary_key=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("steps.id"))


MEMBERS = Members(Member.team_id, Member.user_id)
SHARES = Shares(Share.note_id, Share.user_id, Share.level)
DECLARED = Declarations(
    [
        Resource(Note, owner=Note.user_id, shares=SHARES),
        Resource(Post, owner=Post.user_id, read="public"),
        Resource(Plan, owner=Plan.user_id, tenant=Plan.team_id, members=MEMBERS, read="members"),
        Resource(Detail, via=Detail.step_id),
        Resource(Step, via=Step.note),
    ]
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """Alice's rows have the number 1; she lets Bob read the note, and Carol change it."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Drawing(id=1, user_id="alice", width=3), Note(id=2, user_id="bob")])
        session.add_all([Post(id=1, user_id="alice"), Post(id=2, user_id="bob")])
        session.add_all(Member(team_id="red", user_id=name) for name in ("alice", "bob"))
        session.add_all([Plan(team_id="red", number=1, user_id="alice")])
        session.add_all([Plan(team_id="red", number=2, user_id="carol")])  # who has left the team
        session.flush()
        session.add(Share(note_id=1, user_id="bob", level="viewer"))
        session.add(Share(note_id=1, user_id="carol", level="editor"))
        session.add(Step(id=1, note_id=1))
        session.flush()
        session.add(Detail(id=1, step_id=1))
        session.flush()
        yield session
    engine.dispose()


def seen(session: Session, table: Table, relation: Relation, subject: str | None) -> set[int]:
    rows = DECLARED.tables[table]
    condition = rows.related(relation, bindparam("subject", subject))
    number: Any = table.c.number if "number" in table.c else table.c.id
    return set(session.scalars(select(number).select_from(table).where(condition)))


VIEWER, EDITOR, OWNER = Relation.VIEWER, Relation.EDITOR, Relation.OWNER


@pytest.mark.parametrize(
    ("model", "relation", "alice", "bob", "carol", "nobody"),
    [
        (Note, VIEWER, {1}, {1, 2}, {1}, set()),
        (Note, EDITOR, {1}, {2}, {1}, set()),
        (Note, OWNER, {1}, {2}, set(), set()),
        (Drawing, VIEWER, {1}, {1}, {1}, set()),
        (Drawing, OWNER, {1}, set(), set(), set()),
        (Post, VIEWER, {1, 2}, {1, 2}, {1, 2}, {1, 2}),
        (Post, EDITOR, {1}, {2}, set(), set()),
        (Plan, VIEWER, {1, 2}, {1, 2}, set(), set()),
        (Plan, EDITOR, {1}, set(), set(), set()),
        (Plan, OWNER, {1}, set(), set(), set()),
        (Step, VIEWER, {1}, {1}, {1}, set()),
        (Step, EDITOR, {1}, set(), {1}, set()),
        (Detail, VIEWER, {1}, {1}, {1}, set()),
        (Detail, EDITOR, {1}, set(), {1}, set()),
        (Detail, OWNER, {1}, set(), set(), set()),
    ],
)
def test_who_has_which_relation_to_which_rows(
    session: Session,
    model: Any,
    relation: Relation,
    alice: set[int],
    bob: set[int],
    carol: set[int],
    nobody: set[int],
) -> None:
    """Issue 10, 1. Whoever leaves a tenant has no part in its rows, her own too (Ledger 36)."""
    people = {"alice": alice, "bob": bob, "carol": carol, None: nobody}
    for subject, expected in people.items():
        assert seen(session, model.__table__, relation, subject) == expected, subject


@pytest.mark.parametrize("model", [Note, Plan, Detail])
def test_a_stranger_is_anybody(session: Session, model: Any) -> None:
    assert 1 in seen(session, model.__table__, Relation.STRANGER, None)


class Loop(Base):
    __tablename__ = "loops"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("loops.id"))


class Plain:
    """No model."""

    user_id = Post.user_id


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ([Resource(Post, owner=Post.user_id)] * 2, "declared twice"),
        ([Resource(Loop, via=Loop.parent_id)], "its own parent"),
        ([Resource(Step, via=Step.note)], "parent is not declared"),
        ([Resource(Step, via=Step.id)], "neither leads to a parent"),
        ([Resource(Post, owner=Note.user_id)], "of another table"),
        ([Resource(Drawing, owner=Drawing.user_id)], "of another table"),
        ([Resource(Post, owner=Post.id)], "holds no text"),
        ([Resource(Plain, owner=Post.user_id)], "maps it to no table"),
        (
            [Resource(Post, owner=Post.user_id, shares=Shares(Share.note_id, Share.user_id))],
            "does not lead to the key of posts",
        ),
    ],
)
def test_what_does_not_fit_the_models_is_a_configuration_error(
    resources: list[Resource], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Declarations(resources)
