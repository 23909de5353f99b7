"""The engine knows a protocol and no shop: it attacks a diary, in another framework."""

import re
from pathlib import Path

import pytest

import ringfence.attack
from ringfence.attack import runner
from ringfence.attack.ablation import Matrix
from ringfence.attack.configuration import ALL, NONE, Configuration
from ringfence.attack.target import Target, find, installed
from ringfence.core.codes import Layer
from tests.attack.target.paper import ROOT, Paper

ATTACKS = ("I02", "I03", "H04", "U08", "Z01", "Z02", "O03", "O07", "S01")
#: What a diary has no place for.
WITHOUT = {
    "I03": "the target has no such place: an argument of a program",
    "O03": "the target has no such place: an upload",
    "S01": "the target has no such place: an address that the application fetches from",
}
NO_AUTHZ = Configuration(name="authz", off=frozenset({Layer.AUTHZ}))

pytestmark = pytest.mark.proof(20)


@pytest.fixture(scope="module")
async def found() -> Matrix:
    order = runner.Order(target=Paper(), attacks=ATTACKS, configurations=(NONE, NO_AUTHZ, ALL))
    return await runner.run(order)


async def test_each_attack_on_the_diary_is_stopped_with_nothing_off(found: Matrix) -> None:
    stopped = {each: runs["none"].by for each, runs in found.runs.items() if runs["none"].held}
    assert stopped == {
        "I02": "boundary",
        "H04": "authn",
        "U08": "authn",
        "Z01": "authz",
        "Z02": "authz",
        "O07": "boundary",
    }


async def test_each_attack_on_the_diary_gets_through_with_every_layer_off(found: Matrix) -> None:
    for attack in set(ATTACKS) - set(WITHOUT):
        run = found.runs[attack]["all"]
        assert run.outcome == "succeeded", (attack, run.reason)
        assert not run.duds, attack


async def test_with_one_layer_off_its_own_attacks_get_through(found: Matrix) -> None:
    through = {each for each, runs in found.runs.items() if runs["authz"].outcome == "succeeded"}
    assert through == {"Z01", "Z02"}


async def test_honest_use_of_the_diary_and_of_its_accounts_works_in_each(found: Matrix) -> None:
    for name, benign in found.benign.items():
        assert benign.failures == (), name
        assert benign.passed > 20


async def test_a_place_that_a_target_does_not_have_is_a_reason_and_no_stop(found: Matrix) -> None:
    for attack, reason in WITHOUT.items():
        run = found.runs[attack]["none"]
        assert (run.outcome, run.broken, run.reason) == ("unavailable", False, reason)


def test_the_shop_is_found_by_its_name_and_is_a_target() -> None:
    assert "demo" in installed()
    assert isinstance(find("demo"), Target)
    assert find("no such target") is None


def test_the_engine_names_no_shop_and_no_route_of_one() -> None:
    lines = (ROOT / "demo/boundaries.lock").read_text().splitlines()[1:]
    first = {line.split()[1].split("/")[1] for line in lines if "/" in line.split()[1]}
    routes = first - {"", "auth", "healthz", "readyz", ".well-known"}
    assert {"orders", "products"} <= routes
    own = re.compile('"/(' + "|".join(routes) + r")\b")
    for file in Path(ringfence.attack.__file__).parent.rglob("*.py"):
        text = file.read_text()
        assert "ringfence_demo" not in text, file
        assert not own.search(text), (file, own.search(text))
