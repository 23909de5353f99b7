"""What a person, a program and a browser are told of a matrix."""

import hashlib
import json
import re
from base64 import b64encode

import pytest

from ringfence.attack.outcome import broken
from ringfence.attack.page import page
from ringfence.attack.report import report
from ringfence.attack.table import table
from tests.unit.attack.matrices import THROUGH, matrix, row, stopped

MATRIX = matrix(
    row("Z01", "authz"),
    row("O07", "boundary", "output"),
    Z01={"authz": THROUGH},
    O07={"none": stopped("redirect.refused"), "boundary": stopped("location.policed")},
)
BAD = matrix(row("Z01", "authz"), Z01={"none": THROUGH, "output": broken("<b>no answer</b>")})


def test_the_object_is_that_of_the_contract() -> None:
    found = json.loads(json.dumps(report(MATRIX, profile="linux sqlite")))
    assert found["run"] == 2
    assert found["profile"] == "linux sqlite"
    assert found["configurations"][:2] == ["none", "network"]
    assert found["benign"]["authz"] == {"passed": 54, "failed": 0}
    bola, redirect = found["attacks"]
    assert (bola["id"], bola["depth"], redirect["depth"]) == ("Z01", 1, 2)
    assert bola["runs"]["all"]["outcome"] == "succeeded"
    assert bola["runs"]["none"]["outcome"] == "stopped"
    assert bola["runs"]["none"]["by"] == "authz"
    assert bola["runs"]["none"]["code"] == "ownership.foreign"
    assert found["summary"]["depth_below_2"] == ["Z01"]
    assert found["summary"]["succeeded"] == found["summary"]["naked_failed"] == 0


def test_an_absent_layer_is_unavailable_with_the_reason() -> None:
    (found, _) = report(MATRIX, profile="linux sqlite")["attacks"]
    assert found["runs"]["gateway"]["outcome"] == "unavailable"
    assert found["runs"]["gateway"]["reason"]


@pytest.mark.parametrize("shown", [MATRIX, BAD])
def test_the_table_fits_a_hundred_columns(shown: object) -> None:
    found = MATRIX if shown is MATRIX else BAD
    lines = table(found, colour=False)
    assert max(map(len, lines)) <= 100
    plain = re.compile(r"\x1b\[[\d;]*m")
    coloured = [plain.sub("", line).rstrip() for line in table(found, colour=True)]
    assert coloured == lines


def test_the_table_names_who_stopped_what() -> None:
    (line,) = [line for line in table(MATRIX, colour=False) if line.startswith("O07")]
    assert line.split()[-1] == "through"
    assert "boundary" in line
    assert "output" in line


def test_without_colour_there_is_no_escape() -> None:
    assert "\x1b" in "\n".join(table(BAD, colour=True))
    assert "\x1b" not in "\n".join(table(BAD, colour=False))


def test_the_table_says_loudly_what_got_through() -> None:
    text = "\n".join(table(BAD, colour=False))
    assert "THROUGH!" in text
    assert "Z01 gets through" in text


def test_the_page_runs_no_script_and_its_style_is_the_one_its_policy_names() -> None:
    text = page(MATRIX, title="the demo shop", profile="linux sqlite")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "<script" not in text
    assert ' style="' not in text


@pytest.mark.parametrize("shown", [MATRIX, BAD])
def test_an_attack_is_not_carried_out_by_the_page_that_reports_it(shown: object) -> None:
    text = page(MATRIX if shown is MATRIX else BAD, title="the demo shop", profile="linux sqlite")
    assert "a &lt;b&gt;payload&lt;/b&gt;" in text
    assert "<b>payload" not in text
    assert "<b>no answer" not in text
