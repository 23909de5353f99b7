"""Each payload gets through once the control that it names is deleted, and no other is.

Where every layer is off, any token is believed and anything is let in, so that a payload that is
no good would get through as well. Here everything stands but one control (ATTACKS, rule 5).
"""

import tempfile
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ringfence.attack.attacks import ATTACKS
from ringfence.attack.configuration import NONE
from ringfence.attack.ground import Ground
from ringfence.attack.outside import outside
from ringfence.attack.plan import Payload
from ringfence.attack.site import Site
from ringfence.attack.target import Start
from ringfence_demo.target import TARGET
from tests.attack.ablation.deletions import DELETIONS, UNSEALED
from tests.attack.ablation.surgeon import Surgeon

pytestmark = [pytest.mark.slow, pytest.mark.browser]

#: These attack a start, and not a shop that runs.
AT_THE_START = {"U19"}

#: Those that move the clock come last: tokens grow old.
IN_ORDER = [
    *(each for each in DELETIONS if not ATTACKS[each].alone),
    *(each for each in DELETIONS if ATTACKS[each].alone),
]


@dataclass
class Found:
    """What came of one attack."""

    unnamed: list[str] = field(
        default_factory=list[str]
    )  # payloads whose control is not in the table
    stopped: list[str] = field(default_factory=list[str])  # payloads that did not get through
    through: int = 0

    def of(self, payload: Payload, *, through: bool, answers: Sequence[str] = ()) -> None:
        """Take in one payload."""
        self.through += through
        if not through:
            self.stopped.append(f"{payload.name}: {answers[-1:]}")


async def tried(attack_id: str, site: Site, surgeon: Surgeon) -> Found:
    """Every payload, with its own control deleted; ``site`` is whole before and after."""
    found = Found()
    attack = ATTACKS[attack_id](Ground(site, 20 + list(ATTACKS).index(attack_id)))
    if attack_id in AT_THE_START:
        with surgeon.at_the_start(DELETIONS[attack_id][attack.control]):
            await attack.prepare()
        for payload in attack.payloads():
            found.of(payload, through=await payload.strike())
        return found
    await attack.prepare()
    await attack.twin()
    for payload in attack.payloads():
        control = payload.control or attack.control
        if control not in DELETIONS[attack_id]:
            found.unnamed.append(f"{payload.name}: {control}")
            continue
        await surgeon.delete(DELETIONS[attack_id][control])
        try:
            with attack.ground.noting() as sent:
                through = await payload.strike()
            found.of(payload, through=through, answers=[each.answer.text[:200] for each in sent])
        finally:
            await surgeon.restore()
    return found


@pytest.fixture(scope="module")
async def theatre(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[tuple[Site, Surgeon]]:
    """A shop with nothing off, and who takes controls out of it."""
    with pytest.MonkeyPatch.context() as monkeypatch, tempfile.TemporaryDirectory() as folder:
        surgeon = Surgeon(tmp_path_factory.mktemp("surgeon"), UNSEALED, monkeypatch)
        place = Path(folder)
        place.chmod(0o711)  # noqa: ASYNC240  # shops run as somebody else where we are root
        async with outside() as around:
            start = Start(configuration=NONE, place=place, database="sqlite", around=around)
            async with TARGET.running(start) as site:
                yield site, surgeon


async def test_each_payload_gets_through_once_the_control_that_it_names_is_deleted(
    theatre: tuple[Site, Surgeon],
) -> None:
    """ATTACKS, the rules; Ledger 14, 42, 43. One test, for the order matters."""
    wrong: dict[str, Found | Exception] = {}
    for attack_id in IN_ORDER:
        try:
            found = await tried(attack_id, *theatre)
        except Exception as error:  # noqa: BLE001  # the others are tried all the same
            wrong[attack_id] = error
            continue
        if found.unnamed or found.stopped or not found.through:
            wrong[attack_id] = found
    assert wrong == {}


def test_every_attack_is_in_the_table() -> None:
    assert set(DELETIONS) == set(ATTACKS)
