"""What a person, a program and a browser are told of a matrix."""

import hashlib
import json
import re
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ringfence.attack.about import About
from ringfence.attack.configuration import ABLATED
from ringfence.attack.outcome import Run, broken, unavailable
from ringfence.attack.page import page
from ringfence.attack.report import report
from ringfence.attack.table import table
from tests.unit.attack.matrices import SILENT, THROUGH, matrix, row, stopped

MATRIX = matrix(
    row("Z01", "authz"),
    row("O07", "boundary", "output"),
    Z01={"authz": THROUGH},
    O07={"none": stopped("redirect.refused"), "boundary": stopped("location.policed")},
)
BAD = matrix(row("Z01", "authz"), Z01={"none": THROUGH, "output": broken("<b>no answer</b>")})
ABOUT = About(
    target="the demo shop",
    profile="linux sqlite",
    version="0.1.0",
    started=datetime(2026, 11, 24, 15, 20, tzinfo=UTC),
    seconds=185.4,
)


def test_the_object_is_that_of_the_contract() -> None:
    found = json.loads(json.dumps(report(MATRIX, ABOUT)))
    assert (found["version"], found["ringfence"]) == (1, "0.1.0")
    assert (found["target"], found["date"]) == ("the demo shop", "2026-11-24T15:20:00+00:00")
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
    (found, _) = report(MATRIX, ABOUT)["attacks"]
    assert found["runs"]["gateway"]["outcome"] == "unavailable"
    assert found["runs"]["gateway"]["reason"]


@pytest.mark.parametrize("shown", [MATRIX, BAD])
def test_the_table_fits_a_hundred_columns(shown: object) -> None:
    found = MATRIX if shown is MATRIX else BAD
    lines = table(found, ABOUT, colour=False)
    assert max(map(len, lines)) <= 100
    plain = re.compile(r"\x1b\[[\d;]*m")
    coloured = [plain.sub("", line).rstrip() for line in table(found, ABOUT, colour=True)]
    assert coloured == lines


def test_the_verdict_stands_first_in_words() -> None:
    assert table(MATRIX, ABOUT, colour=False)[0] == (
        "2 of 2 attacks are stopped with nothing off; 1 meets two lines, 1 one."
    )


def test_a_row_names_both_lines_and_how_many_ways_were_tried() -> None:
    lines = table(MATRIX, ABOUT, colour=False)
    (redirect,) = [line for line in lines if line.startswith("O07")]
    assert redirect.split()[3:] == ["boundary", "output", "1", *["2nd"] * 6]
    (bola,) = [line for line in lines if line.startswith("Z01")]
    assert bola.split() == ["Z01", "BOLA", "read", "authz", "1", "·", "·", "·", "✗", "·", "·"]


def test_what_gets_through_forms_a_diagonal() -> None:
    layers = {"I02": "boundary", "U08": "authn", "Z01": "authz", "O02": "output"}
    reverse = [row(attack, layer) for attack, layer in reversed(layers.items())]
    found = matrix(
        *reverse,
        I02={"boundary": THROUGH},
        U08={"authn": THROUGH},
        Z01={"authz": THROUGH},
        O02={"output": THROUGH},
    )
    rows = [line for line in table(found, ABOUT, colour=False) if line[:3] in layers]
    columns = [line.index("✗") for line in rows]
    assert columns == sorted(set(columns))


def test_what_was_not_run_says_what_it_takes_and_looks_like_no_breach() -> None:
    reason = "there is no Chromium here: apt-get install chromium"
    nothing = dict.fromkeys((each.name for each in ABLATED), unavailable(reason))
    found = matrix(row("Z01", "authz"), row("O02", "output"), O02=nothing)
    lines = table(found, ABOUT, colour=False)
    assert lines[0].startswith("1 of 1 attacks that were run are stopped with nothing off")
    assert lines[0].endswith("1 not run.")
    assert f"- O02 not run: {reason}" in lines
    assert not [line for line in lines if line.startswith("✗") or "THROUGH" in line]
    shown = page(found, ABOUT)
    assert "chip breach" not in shown.split('<ul class="legend">')[0]
    assert reason in shown


def test_without_colour_there_is_no_escape() -> None:
    assert "\x1b" in "\n".join(table(BAD, ABOUT, colour=True))
    assert "\x1b" not in "\n".join(table(BAD, ABOUT, colour=False))


def test_the_table_says_loudly_what_got_through() -> None:
    text = "\n".join(table(BAD, ABOUT, colour=False))
    assert "THROUGH!" in text
    assert "Z01 gets through" in text


def test_the_page_runs_no_script_and_its_style_is_the_one_its_policy_names() -> None:
    text = page(MATRIX, ABOUT)
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
    text = page(MATRIX if shown is MATRIX else BAD, ABOUT)
    assert "a &lt;b&gt;payload&lt;/b&gt;" in text
    assert "<b>payload" not in text
    assert "<b>no answer" not in text


def test_each_field_of_the_page_leads_to_its_own_exchange() -> None:
    text = page(MATRIX, ABOUT)
    links = set(re.findall(r'href="#([^"]+)"', text))
    anchors = re.findall(r'id="([^"]+)"', text)
    assert len(anchors) == len(set(anchors))
    fields = {f"{attack}-{each.name}" for attack in ("Z01", "O07") for each in ABLATED}
    assert links == set(anchors) == {"Z01", "O07", *fields}


def test_the_page_says_when_it_was_made_by_which_version_and_in_what_time() -> None:
    text = page(MATRIX, ABOUT)
    assert "2026-11-24 15:20 UTC, in 3 min 5 s, by Ringfence 0.1.0" in text


def test_what_is_stopped_without_our_functions_has_a_column_and_decides_nothing() -> None:
    half = Run(outcome="succeeded", payloads=(*SILENT.payloads, *THROUGH.payloads))
    made = replace(matrix(row("I07", "authz"), row("Z01", "authz")), plain={"I07": half})
    told = report(made, ABOUT)["attacks"]
    assert told[0]["without_functions"]["outcome"] == "succeeded"
    assert "without_functions" not in told[1]
    rows = [line for line in table(made, ABOUT, colour=False) if line.startswith(("I07", "Z01"))]
    assert [line.endswith("1/2") for line in rows] in ([True, False], [False, True])
    assert "1/2" in page(made, ABOUT)
    assert made.summary.succeeded == 0
    assert made.summary.good
