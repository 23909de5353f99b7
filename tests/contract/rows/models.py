"""An application with every kind of declaration, names that need quotes among them."""

from sqlalchemy import ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from ringfence.core.ownership import Common, Members, Resource, Shares
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
    user_id: Mapped[str] = mapped_column("user", index=True)
    text: Mapped[str] = mapped_column('Text of "it"', server_default="")


class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]


class Plan(Base):
    __tablename__ = "plans"
    team_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)


class Stage(Base):
    __tablename__ = "stages"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[str]
    number: Mapped[int]
    plan: Mapped[Plan] = relationship()
    __table_args__ = (
        ForeignKeyConstraint(["team_id", "number"], ["plans.team_id", "plans.number"]),
    )


class Step(Base):
    __tablename__ = "order"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"))
    note: Mapped[Note] = relationship()


class Detail(Base):
    __tablename__ = "details"
    id: Mapped[int] = mapped_column(primary_key=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("order.id"))


class Country(Base):
    __tablename__ = "countries"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


RESOURCES = (
    Resource(Note, owner=Note.user_id, shares=Shares(Share.note_id, Share.user_id, Share.level)),
    Resource(Post, owner=Post.user_id, read="public"),
    Resource(Plan, tenant=Plan.team_id, members=Members(Member.team_id, Member.user_id)),
    Resource(Stage, via=Stage.plan),
    Resource(Step, via=Step.note),
    Resource(Detail, via=Detail.step_id),
)
COMMON = (Common(Country),)
DECLARED = Declarations(RESOURCES)
#: One row in each table for Alice (1) and Bob (2); Alice's note is shared with Carol and Dave.
ROWS = (
    "INSERT INTO notes (id, \"user\") VALUES (1, 'alice'), (2, 'bob')",
    "INSERT INTO shares VALUES (1, 1, 'carol', 'viewer'), (2, 1, 'dave', 'editor')",
    "INSERT INTO posts VALUES (1, 'alice'), (2, 'bob')",
    "INSERT INTO members VALUES ('red', 'alice'), ('blue', 'bob')",
    "INSERT INTO plans VALUES ('red', 1), ('blue', 2)",
    "INSERT INTO stages VALUES (1, 'red', 1), (2, 'blue', 2)",
    'INSERT INTO "order" VALUES (1, 1), (2, 2)',
    "INSERT INTO details VALUES (1, 1), (2, 2)",
    "INSERT INTO countries VALUES (1, 'Sweden')",
)
