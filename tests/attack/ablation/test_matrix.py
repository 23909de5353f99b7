"""``ringfence attack --demo --ablate --json``, whole, as CI and a sceptic run it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.proof(200), pytest.mark.browser]

#: The eighteen of the first version; more may come, none may go.
FIRST = {
    "I01",
    "I02",
    "I03",
    "I07",
    "I11",
    "I12",
    "H04",
    "H06",
    "H10",
    "U01",
    "U07",
    "U08",
    "Z01",
    "Z02",
    "Z03",
    "Z04",
    "O02",
    "O08",
}
CONFIGURATIONS = [
    "none",
    "network",
    "boundary",
    "authn",
    "authz",
    "output",
    "monitoring",
    "all",
    "production",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report") / "report.html"


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def found(request: pytest.FixtureRequest, page: Path) -> Any:
    program = "import sys; from ringfence.cli import main; sys.exit(main())"
    words = ["attack", "--demo", "--ablate", "--json", "--html", str(page)]
    words += ["--database", request.param]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return {"status": done.returncode, "stderr": done.stderr, **json.loads(done.stdout)}


def test_every_line_that_is_built_holds_and_every_attack_works_where_none_is_left(
    found: Any,
) -> None:
    summary = found["summary"]
    for count in ("succeeded", "naked_failed", "idle_switches", "broken", "benign_failed"):
        assert summary[count] == 0, (count, found)
    assert summary["stopped"] == found["run"]
    assert found["status"] == 0
    lines = found["stderr"].splitlines()
    assert lines
    assert all(re.fullmatch(r" *\d+%  [\w ]+(, about [\w ]+ left)?", line) for line in lines)


def test_the_first_eighteen_are_run_in_every_configuration(found: Any) -> None:
    runs = {each["id"]: each["runs"] for each in found["attacks"]}
    assert set(runs) >= FIRST
    assert found["configurations"] == CONFIGURATIONS
    for each in runs.values():
        assert {*CONFIGURATIONS, "gateway"} <= set(each)
        assert each["gateway"]["outcome"] == "unavailable"
        assert each["all"]["outcome"] == "succeeded"
        assert each["none"]["outcome"] in {"stopped", "bounded"}
        assert each["production"]["outcome"] in {"stopped", "bounded"}


def test_with_one_layer_off_an_attack_gets_through_only_where_its_depth_says_so(
    found: Any,
) -> None:
    shallow = found["summary"]["depth_below_2"]
    for each in found["attacks"]:
        through = [name for name in CONFIGURATIONS if each["runs"][name]["outcome"] == "succeeded"]
        assert (through != ["all"]) == (each["id"] in shallow), each["id"]


def test_honest_use_works_in_every_configuration(found: Any) -> None:
    for name in CONFIGURATIONS:
        assert found["benign"][name]["failed"] == 0, (name, found["benign"][name])
        assert found["benign"][name]["passed"] >= 40


def test_who_stopped_an_attack_is_named_with_nothing_off(found: Any) -> None:
    for each in found["attacks"]:
        assert each["runs"]["none"]["by"] in CONFIGURATIONS, each["id"]


def test_the_report_is_one_page_that_runs_no_script(found: Any, page: Path) -> None:
    text = page.read_text()
    assert "Content-Security-Policy" in text
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert "://" not in text.split("</style>")[0]
