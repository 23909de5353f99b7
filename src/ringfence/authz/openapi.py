"""What clients read and write of a class, said in the OpenAPI schema of FastAPI.

Each operation whose policy names a class, or whose handler lists one, gets ``x-fields``. Roles and
what is theirs alone are not shown: the schema may be public.
"""

from collections.abc import Iterable
from typing import Any, Final

from ringfence.core.ownership import ByRole, Fields, allowed
from ringfence.core.policy import Related, atoms
from ringfence.core.route import Entry

EXTENSION: Final = "x-fields"


def describe(entries: Iterable[Entry], fields: Iterable[Fields]) -> None:
    """Write into the routes what FastAPI puts into its schema."""
    declared = {each.kind: each for each in fields if (each.reads, each.writes) != (None, None)}
    for entry in entries:
        route: Any = entry.handler
        if entry.policy is None or not hasattr(route, "openapi_extra"):
            continue
        named = [atom.kind for atom in atoms(entry.policy) if isinstance(atom, Related)]
        said = {
            kind.__name__: _said(declared[kind])
            for kind in (*named, *entry.lists)
            if kind in declared
        }
        if said:
            route.openapi_extra = {**(route.openapi_extra or {}), EXTENSION: said}


def _said(fields: Fields) -> dict[str, list[str]]:
    verbs: dict[str, ByRole | None] = {"reads": fields.reads, "writes": fields.writes}
    return {verb: sorted(allowed(names, ())) for verb, names in verbs.items() if names is not None}
