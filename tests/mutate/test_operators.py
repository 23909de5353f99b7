"""What ``dev.py mutate`` deletes: the right thing, by a name that stays, and nothing else."""

import ast
from pathlib import Path

import pytest

from mutate.controls import CHANGES, EQUIVALENTS, NAMED, area, problems
from mutate.operators import mutants
from mutate.source import PACKAGE, ROOT, Mutant, Source, applied, modules


def found(folder: Path, code: str, module: str = "output/x.py") -> dict[str, str]:
    """What each mutant of ``code`` says, and the code that it leaves."""
    file = folder / PACKAGE / module
    file.parent.mkdir(parents=True)
    file.write_text(code)
    source = Source(module, folder)
    return {mutant.what: applied(mutant, source.text).decode() for mutant in mutants(source)}


def test_a_refusal_is_not_raised(tmp_path: Path) -> None:
    code = 'def f(x):\n    if x:\n        raise Refused(\n            "a.b"\n        )\n'
    assert found(tmp_path, code) == {
        "no raise Refused('a.b')": "def f(x):\n    if x:\n        pass\n"
    }


def test_an_error_that_is_handed_on_stays(tmp_path: Path) -> None:
    assert not found(tmp_path, "def f():\n    try:\n        g = 1\n    except E:\n        raise\n")


def test_a_guard_does_not_leave_and_each_part_of_it_is_left_out(tmp_path: Path) -> None:
    left = found(tmp_path, "def f(a, b):\n    if a or not b:\n        return None\n    return 1\n")
    head, tail = "def f(a, b):\n    if ", ":\n        return None\n    return 1\n"
    assert left == {
        "not left with return None if a or not b": f"{head}False{tail}",
        "a is not asked in a or not b": f"{head}False or not b{tail}",
        "not b is not asked in a or not b": f"{head}a or False{tail}",
    }


def test_a_condition_of_a_yes_is_left_out_and_of_a_no_it_is_not(tmp_path: Path) -> None:
    """What refuses more is no control that is gone."""
    code = "def f(a, b):\n    if a and b:\n        raise E(1)\n    return a and b\n"
    assert set(found(tmp_path, code)) == {
        "no raise E(1)",
        "a is not asked in a and b",
        "b is not asked in a and b",
    }


def test_a_guard_that_gives_something_is_none(tmp_path: Path) -> None:
    assert not found(tmp_path, "def f(a):\n    if a:\n        return 2\n    return 1\n")


def test_each_case_is_left_out(tmp_path: Path) -> None:
    code = "def f(a):\n    if a in (1, 2):\n        a = 3\n"
    assert found(tmp_path, code) == {
        "1 is no case in a in (1, 2)": "def f(a):\n    if a in (2,):\n        a = 3\n",
        "2 is no case in a in (1, 2)": "def f(a):\n    if a in (1,):\n        a = 3\n",
    }


def test_a_table_of_what_is_allowed_keeps_its_elements(tmp_path: Path) -> None:
    assert not found(tmp_path, "_SAFE = (1, 2)\n")


def test_a_step_is_left_out_and_what_only_builds_a_value_is_none(tmp_path: Path) -> None:
    code = (
        "async def f(kept, problems):\n"
        "    check(kept)\n    await judge(kept)\n"
        "    kept.append(1)\n    problems.append(2)\n"
    )
    assert set(found(tmp_path, code)) == {
        "no check(kept)",
        "no await judge(kept)",
        "no problems.append(2)",
    }


@pytest.mark.parametrize(
    ("table", "left"),
    [
        ("T = (1, 2)", {"1": "T = (2,)", "2": "T = (1,)"}),
        ("T = frozenset({1, 2})", {"1": "T = frozenset({2})", "2": "T = frozenset({1})"}),
        ("T = {'a': 1, 'b': 2,}", {"'a'": "T = {'b': 2}", "'b'": "T = {'a': 1}"}),
        ("T = {1} | {2}", {"1": "T = set() | {2}", "2": "T = {1} | set()"}),
    ],
)
def test_a_table_loses_each_of_its_elements(
    tmp_path: Path, table: str, left: dict[str, str]
) -> None:
    made = {what: ast.unparse(ast.parse(code)) for what, code in found(tmp_path, table).items()}
    assert made == {f"T without {element}": code for element, code in left.items()}


def test_a_cookie_loses_each_of_its_attributes(tmp_path: Path) -> None:
    left = found(tmp_path, 'A = "; Path=/; HttpOnly; Secure; SameSite=Strict"\n')
    assert left["a cookie without HttpOnly"] == 'A = "; Path=/; Secure; SameSite=Strict"\n'
    assert set(left) == {
        f"a cookie without {each}" for each in ("Path=/", "HttpOnly", "Secure", "SameSite=Strict")
    }


def test_a_limit_is_lifted_a_floor_sinks_and_another_number_stays(tmp_path: Path) -> None:
    code = "MOST: Final = 2 * 1024\nSHORTEST = 5\nLIFETIME = timedelta(minutes=5)\nSTATUS = 404\n"
    assert set(found(tmp_path, code)) == {
        "MOST = 1_000_000 * (2 * 1024) for 2 * 1024",
        "SHORTEST = 0 for 5",
        "LIFETIME = timedelta(days=36_500) for timedelta(minutes=5)",
    }


def test_a_setting_does_not_arrive(tmp_path: Path) -> None:
    code = "def f(settings):\n    return Limits(idle=settings.idle, other=1)\n"
    left = found(tmp_path, code, "stack/x.py")
    assert left == {
        "Limits without idle=settings.idle": "def f(settings):\n    return Limits( other=1)\n"
    }


def test_two_of_one_kind_have_two_names(tmp_path: Path) -> None:
    code = "def f():\n    check()\n    check()\n"
    assert found(tmp_path, code) == {
        "no check()": "def f():\n    pass\n    check()\n",
        "no check() (2)": "def f():\n    check()\n    pass\n",
    }


# ------------------------------------------------------------------------------------ the library


@pytest.fixture(scope="module")
def every() -> list[Mutant]:
    return [mutant for module in modules() for mutant in mutants(Source(module))]


def test_every_mutant_of_the_library_is_python_and_another_one(every: list[Mutant]) -> None:
    names = [mutant.name for mutant in every]
    assert len(names) == len(set(names)) >= 150
    texts = {module: Source(module).text for module in modules()}
    for mutant in every:
        text = texts[mutant.module]
        changed = applied(mutant, text)
        assert changed != text, mutant.name
        ast.parse(changed)


def test_every_layer_has_controls_and_each_is_of_an_area(every: list[Mutant]) -> None:
    layers = {mutant.module.partition("/")[0] for mutant in every}
    assert layers >= {"authn", "authz", "boundary", "monitoring", "network", "output", "stack"}
    assert all(area(mutant.module) for mutant in every)


def test_a_list_that_does_not_fit_the_source_is_a_problem(every: list[Mutant]) -> None:
    """What is named by hand cannot rot: without the module, its control is missed."""
    without = [mutant for mutant in every if not mutant.module.startswith("output/csp")]
    assert any("worker-src" in problem for problem in problems(without))
    assert {named.module for named in NAMED} >= {"stack/", "output/csp.py"}


def test_every_equivalent_has_a_reason() -> None:
    assert all(len(each.reason.split()) >= 4 for each in EQUIVALENTS)
    assert all((ROOT / PACKAGE / change.module).exists() for change in CHANGES)
