"""docs/watch.md: its rules can be read, and name what there is."""

import re
from typing import Any

import pytest
import yaml

from ringfence.core.codes import CODES
from tests.architecture.tree import ROOT

PAGE = (ROOT / "docs/watch.md").read_text()
BLOCKS: list[Any] = [
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]
DOCUMENTED = set(re.findall(r"^\| `(ringfence_\w+)", PAGE, re.MULTILINE))
RULES = [rule for block in BLOCKS for group in block.get("groups", ()) for rule in group["rules"]]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_names_metrics_and_codes_that_there_are(rule: dict[str, str]) -> None:
    names = set(re.findall(r"ringfence_\w+", rule["expr"]))
    assert names
    assert {name.removesuffix("_bucket") for name in names} <= DOCUMENTED
    assert set(re.findall(r'code="([^"]+)"', rule["expr"])) <= CODES.keys()
    for pattern in re.findall(r'code=~"([^"]+)"', rule["expr"]):
        assert any(re.fullmatch(pattern, code) for code in CODES)


def test_an_alert_stands_for_every_dependency_that_can_be_down() -> None:
    assert len(RULES) >= 8
    down = {name for name in DOCUMENTED if name.endswith("_up")}
    assert down
    assert all(any(name in rule["expr"] for rule in RULES) for name in down)
