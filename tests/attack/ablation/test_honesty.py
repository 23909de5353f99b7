"""The proof notices a control that is gone, a weaker policy, and a payload that does not work."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ringfence.attack import runner
from ringfence.attack.ablation import Matrix
from ringfence.attack.attacks.z01_bola_read import BolaRead
from ringfence.attack.configuration import NONE, SHORT, Configuration
from ringfence.attack.plan import Payload
from ringfence_demo.target import TARGET
from tests.attack.ablation.sabotage import SABOTAGES, WEAKER_POLICY, cut

pytestmark = pytest.mark.proof(70)

SHOP = "ringfence_demo.guarded:app"
LOCK = Path(__file__).parents[3] / "demo/boundaries.lock"


async def attack(attack_id: str, configurations: Sequence[Configuration]) -> Matrix:
    return await runner.run(
        runner.Order(
            target=TARGET, attacks=[attack_id], configurations=configurations, honest=False
        )
    )


@pytest.mark.parametrize("layer", SABOTAGES)
async def test_a_control_that_is_deleted_lets_its_attack_through_with_nothing_off(
    layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack_id, code = SABOTAGES[layer]
    cut(code, tmp_path / "cut", monkeypatch)
    matrix = await attack(attack_id, [NONE])
    run = matrix.runs[attack_id][NONE.name]
    assert run.outcome == "succeeded", run.reason or run.duds
    assert matrix.summary.succeeded == 1
    assert not matrix.summary.good


async def test_a_weaker_policy_is_noticed_by_the_attacker_who_reads_no_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(WEAKER_POLICY, tmp_path / "cut", monkeypatch)
    matrix = await attack("Z03", [NONE])
    assert matrix.runs["Z03"][NONE.name].outcome == "succeeded"
    assert not matrix.summary.good


def test_a_weaker_policy_is_noticed_by_the_lock_without_any_attack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(WEAKER_POLICY, tmp_path / "cut", monkeypatch)
    program = "import sys; from ringfence.cli import main; sys.exit(main())"
    words = ["boundaries", SHOP, "--lock", str(LOCK)]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "FAIL: DELETE /users/{user_id}" in done.stderr


class Broken(BolaRead):
    """Asks for what nobody has, and so is refused by every shop."""

    def payloads(self) -> Sequence[Payload]:
        return [Payload("a typing error", self._misses)]

    async def _misses(self) -> bool:
        return (await self.ground.send("GET", "/oders/1", person=self.attacker)).ok


async def test_a_payload_that_is_broken_is_noticed_where_every_layer_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "ATTACKS", {"Z01": Broken})
    matrix = await attack("Z01", SHORT)
    assert matrix.runs["Z01"][NONE.name].outcome == "stopped"
    assert matrix.summary.naked_failed == 1
    assert not matrix.summary.good
