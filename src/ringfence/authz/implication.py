"""Whether one policy lets in somebody whom another one keeps out.

A policy is a monotone formula over few atoms, so the question is decided exactly, by trying every
combination of truth values that can occur (a role without a sign-in cannot). ``boundaries.lock``
holds policies as text; two atoms are the same if their text is the same.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import product
from typing import Final, TypeAlias

from ringfence.authz.decide import AAL_LASTS
from ringfence.core.policy import Relation, aal

Truth: TypeAlias = Mapping[str, bool]
Formula: TypeAlias = Callable[[Truth], bool]

_MOST_ATOMS: Final = 16
_AAL: Final = re.compile(r"aal\(([123])(?:, max_age='([^']*)')?\)")


def weaker(new: str, old: str) -> bool:
    """Whether ``new`` allows anything that ``old`` refused.

    Raises:
        ValueError: One of the texts is not a policy, or has more than 16 atoms.
    """
    atoms: set[str] = set()
    new_formula, old_formula = parse(new, atoms), parse(old, atoms)
    return any(new_formula(truth) and not old_formula(truth) for truth in _worlds(sorted(atoms)))


def parse(text: str, atoms: set[str]) -> Formula:
    """Read a policy's text; its atoms are added to ``atoms``."""
    try:
        return _formula(ast.parse(text, mode="eval").body, atoms)
    except SyntaxError as error:
        raise ValueError(f"not a policy: {text}") from error


def _formula(node: ast.expr, atoms: set[str]) -> Formula:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
        left, right = _formula(node.left, atoms), _formula(node.right, atoms)
        if isinstance(node.op, ast.BitAnd):
            return lambda truth: left(truth) and right(truth)
        return lambda truth: left(truth) or right(truth)
    if isinstance(node, ast.Name | ast.Call):
        atom = ast.unparse(node)
        atoms.add(atom)
        return lambda truth: truth[atom]
    raise ValueError(f"not a policy: {ast.unparse(node)}")


def _worlds(atoms: list[str]) -> Iterator[Truth]:
    """Every combination of truth values that can occur."""
    if len(atoms) > _MOST_ATOMS:
        raise ValueError("a policy of more than 16 atoms is not compared")
    for values in product((False, True), repeat=len(atoms)):
        truth = dict(zip(atoms, values, strict=True))
        if _possible(truth):
            yield truth


def _possible(truth: Truth) -> bool:
    """``public`` always holds; any other atom needs a sign-in; what implies what is in order."""
    if not truth.get("public", True):
        return False
    someone = any(value for atom, value in truth.items() if atom not in ("public", "signed_in"))
    if someone and not truth.get("signed_in", True):
        return False
    return all(_in_order(truth, chain) for chain in _chains(truth)) and _levels_in_order(truth)


def _levels_in_order(truth: Truth) -> bool:
    """A level that was proven lately proves a lower one, and a longer time ago."""
    levels = {atom: found for atom in truth if (found := _level(atom)) is not None}
    return all(
        truth[other] or not truth[atom]
        for (atom, (level, age)), (other, (lower, longer)) in product(levels.items(), repeat=2)
        if level >= lower and age <= longer
    )


def _level(atom: str) -> tuple[int, timedelta] | None:
    """The level of an ``aal(…)`` and how long it lasts; None for every other atom."""
    found = _AAL.fullmatch(atom)
    if found is None:
        return None
    level = aal(int(found[1]), max_age=found[2] or "")
    lasts = AAL_LASTS[level.level]
    return level.level, lasts if level.max_age is None else min(lasts, level.max_age)


def _chains(truth: Truth) -> Iterator[list[str]]:
    """Atoms of which each implies those before it: an owner is an editor."""
    for about in {atom.partition("(")[2] for atom in truth}:
        yield [f"{relation}({about}" for relation in _RELATIONS]


def _in_order(truth: Truth, chain: list[str]) -> bool:
    values = [truth[atom] for atom in chain if atom in truth]
    return values == sorted(values, reverse=True)


_RELATIONS: Final = [relation.name.lower() for relation in Relation if relation]
