"""Whether one policy lets in somebody whom another one keeps out.

A policy is a monotone formula over few atoms, so the question is decided exactly, by trying every
combination of truth values that can occur (a role without a sign-in cannot). ``boundaries.lock``
holds policies as text; two atoms are the same if their text is the same.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Final, TypeAlias

from ringfence.core.policy import Relation

Truth: TypeAlias = Mapping[str, bool]
Formula: TypeAlias = Callable[[Truth], bool]

_MOST_ATOMS: Final = 16


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
    return all(_in_order(truth, chain) for chain in _chains(truth))


def _chains(truth: Truth) -> Iterator[list[str]]:
    """Atoms of which each implies those before it: ``aal(2)`` ``aal(1)``, an owner is an editor."""
    yield [f"aal({level})" for level in (1, 2, 3)]
    for about in {atom.partition("(")[2] for atom in truth}:
        yield [f"{relation}({about}" for relation in _RELATIONS]


def _in_order(truth: Truth, chain: list[str]) -> bool:
    values = [truth[atom] for atom in chain if atom in truth]
    return values == sorted(values, reverse=True)


_RELATIONS: Final = [relation.name.lower() for relation in Relation if relation]
