"""The policy of a route, as data.

A policy is a small formula: atoms (``public``, ``signed_in``, ``role("admin")``, ``owner(Order)``,
``self_only``, ``aal(2)``) joined with ``&`` and ``|``. The check in the process, the boundary map,
``boundaries.lock`` and everything that is compiled from it later use the same value. Therefore it
has no behaviour of its own: ``authz`` judges.

    >>> role("admin") & (role("superadmin") | self_only)
    role("admin") & (role("superadmin") | self_only)
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Final, TypeAlias, TypeVar

from ringfence.core.errors import ConfigurationError

HandlerT = TypeVar("HandlerT", bound=Callable[..., object])

#: The attribute of a handler that holds its policy.
POLICY_ATTRIBUTE: Final = "__ringfence_policy__"

_AGE: Final = re.compile("([1-9][0-9]{0,5})([smhd])")
_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}

#: Names of path parameters: one, or several.
By: TypeAlias = str | tuple[str, ...]

#: Marks a dependency that hands over what ``owner()`` loads.
RESOURCE_ATTRIBUTE: Final = "__ringfence_resource__"

#: Of a dependency that hands over a page of rows, the class of the rows.
LISTED_ATTRIBUTE: Final = "__ringfence_listed__"


class Joinable:
    """What every policy can do: be joined with another one."""

    __slots__ = ()

    def __and__(self, other: "Policy") -> "Every":
        return Every(_parts(Every, self) + _parts(Every, other))

    def __or__(self, other: "Policy") -> "Either":
        return Either(_parts(Either, self) + _parts(Either, other))


@dataclass(frozen=True, slots=True, repr=False)
class Public(Joinable):
    """Anybody, signed in or not."""

    def __repr__(self) -> str:
        return "public"


@dataclass(frozen=True, slots=True, repr=False)
class SignedIn(Joinable):
    """Any verified subject."""

    def __repr__(self) -> str:
        return "signed_in"


@dataclass(frozen=True, slots=True, repr=False)
class Role(Joinable):
    """A subject who holds the role ``name``."""

    name: str

    def __repr__(self) -> str:
        return f'role("{self.name}")'


class Relation(IntEnum):
    """How a subject stands to a resource; each relation holds those before it."""

    STRANGER = 0
    VIEWER = 1  # may read it
    EDITOR = 2  # may change it
    OWNER = 3  # it is theirs


@dataclass(frozen=True, slots=True, repr=False)
class Related(Joinable):
    """A subject who stands in ``relation``, or a closer one, to the resource of type ``kind``.

    ``by`` are the path parameters that name the resource, in the order of its key; empty means
    the route's own.
    """

    kind: type
    by: tuple[str, ...] = ()
    relation: Relation = Relation.OWNER

    def __repr__(self) -> str:
        named = "".join(f'"{by}", ' for by in self.by).removesuffix(", ")
        by = f", by={f'({named})' if len(self.by) > 1 else named}" if self.by else ""
        return f"{self.relation.name.lower()}({self.kind.__name__}{by})"


@dataclass(frozen=True, slots=True, repr=False)
class SelfOnly(Joinable):
    """The subject whom the path parameter ``by`` names; empty means the route's only one."""

    by: str = ""

    def __call__(self, *, by: str) -> "SelfOnly":
        """``self_only(by="user_id")`` names the parameter."""
        return SelfOnly(by)

    def __repr__(self) -> str:
        return f'self_only(by="{self.by}")' if self.by else "self_only"


@dataclass(frozen=True, slots=True, repr=False)
class Aal(Joinable):
    """A subject signed in at this authenticator assurance level or a higher one.

    ``max_age`` is how long ago that may have been, where the level's own time is too long.
    """

    level: int
    max_age: timedelta | None = None

    def __repr__(self) -> str:
        if self.max_age is None:
            return f"aal({self.level})"
        return f'aal({self.level}, max_age="{_written(self.max_age)}")'


@dataclass(frozen=True, slots=True, repr=False)
class Every(Joinable):
    """All the parts must hold."""

    parts: tuple["Policy", ...]

    def __repr__(self) -> str:
        return " & ".join(f"({p!r})" if isinstance(p, Either) else repr(p) for p in self.parts)


@dataclass(frozen=True, slots=True, repr=False)
class Either(Joinable):
    """One of the parts must hold."""

    parts: tuple["Policy", ...]

    def __repr__(self) -> str:
        return " | ".join(f"({p!r})" if isinstance(p, Every) else repr(p) for p in self.parts)


Atom: TypeAlias = Public | SignedIn | Role | Related | SelfOnly | Aal
Policy: TypeAlias = Atom | Every | Either

public: Final = Public()
signed_in: Final = SignedIn()
self_only: Final = SelfOnly()


def role(name: str) -> Role:
    """A subject who holds the role ``name``."""
    return Role(name)


def owner(kind: type, *, by: By = ()) -> Related:
    """The subject to whom the ``kind`` named by the path belongs.

    Args:
        kind: The class of the resource.
        by: The path parameter that names it, or several in the order of its key. Empty where the
            route has no other parameters, or those of its key have the names of its attributes.
    """
    return Related(kind, _named(by), Relation.OWNER)


def editor(kind: type, *, by: By = ()) -> Related:
    """Whoever may change the ``kind`` named by the path, as it is declared; ``by`` as for owner."""
    return Related(kind, _named(by), Relation.EDITOR)


def viewer(kind: type, *, by: By = ()) -> Related:
    """Whoever may read the ``kind`` named by the path, as it is declared; ``by`` as for owner."""
    return Related(kind, _named(by), Relation.VIEWER)


def aal(level: int, *, max_age: str = "") -> Aal:
    """A subject signed in at assurance level ``level`` (1 to 3, NIST SP 800-63B) or higher.

    Args:
        level: 2 asks for a second factor.
        max_age: How long ago they may have shown who they are: ``"10m"``, in s, m, h or d. After
            that they are asked to show it again, in place.

    Raises:
        ValueError: This is no level, or no age.
    """
    if level not in (1, 2, 3):
        raise ValueError("an assurance level is 1, 2 or 3")
    return Aal(level, _age(max_age) if max_age else None)


def level_needed(policy: Policy) -> int:
    """The assurance level without which nobody fulfils ``policy``; 0 if it asks for none."""
    match policy:
        case Aal(level=level):
            return level
        case Every(parts):
            return max(map(level_needed, parts))
        case Either(parts):
            return min(map(level_needed, parts))
        case _:
            return 0


def allow(policy: Policy) -> Callable[[HandlerT], HandlerT]:
    """Declare the policy of a handler. Order among decorators does not matter to FastAPI.

    Raises:
        TypeError: This is no policy, as in ``@allow`` without parentheses.
        ConfigurationError: The handler has another policy already. Two routes that share one
            handler would share the policy declared last, however open (ATTACKS Z04).
    """
    if not isinstance(policy, Policy):  # pyright: ignore[reportUnnecessaryIsInstance]  # whoever runs no type checker
        raise TypeError(f"allow() takes a policy such as signed_in or owner(Order), not {policy!r}")

    def declare(handler: HandlerT) -> HandlerT:
        if declared(handler) not in (None, policy):
            name = getattr(handler, "__qualname__", type(handler).__qualname__)
            raise ConfigurationError(f"{name}: a second policy; give each its own handler")
        setattr(handler, POLICY_ATTRIBUTE, policy)
        return handler

    return declare


def declared(handler: object) -> Policy | None:
    """The policy declared on ``handler`` itself, if any.

    A policy that a class inherits does not count: otherwise a subclass whose policy was forgotten
    would be open to everybody to whom its parent is open.
    """
    found = getattr(handler, POLICY_ATTRIBUTE, None)
    kind = handler if isinstance(handler, type) else type(handler)
    if POLICY_ATTRIBUTE not in vars(kind) and hasattr(kind, POLICY_ATTRIBUTE):
        found = getattr(handler, "__dict__", {}).get(POLICY_ATTRIBUTE)
    return found if isinstance(found, Policy) else None


def atoms(policy: Policy) -> Iterator[Atom]:
    """Every atom of the formula, left to right."""
    if isinstance(policy, Every | Either):
        for part in policy.parts:
            yield from atoms(part)
    else:
        yield policy


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError(f'an age is a number and s, m, h or d, such as "10m", not "{text}"')
    return int(found[1]) * _UNITS[found[2]]


def _written(age: timedelta) -> str:
    """As ``aal`` takes it, in the largest unit that fits."""
    unit = next(name for name, length in reversed(_UNITS.items()) if not age % length)
    return f"{age // _UNITS[unit]}{unit}"


def _named(by: By) -> tuple[str, ...]:
    return (by,) if isinstance(by, str) else by


def _parts(kind: type[Every] | type[Either], policy: object) -> tuple[Policy, ...]:
    if isinstance(policy, kind):
        return policy.parts
    if isinstance(policy, Policy):
        return (policy,)
    raise TypeError(f"{policy!r} is not a policy")
