"""The examples of docs/deploy.md do what they say, as far as this machine can tell."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.monitoring.journal import open_journal
from tests.docs.pages import ROOT

UNIT = ROOT / "examples/ringfence.service"
INSTALLED = "/opt/ringfence/bin/ringfence"
HERE = str(Path(sys.executable).with_name("ringfence"))


def unit(folder: Path, *, without: str = "") -> Path:
    """The unit with this checkout's program; a unit is verified under its own name."""
    lines = UNIT.read_text().replace(INSTALLED, HERE).splitlines()
    copy = folder / "ringfence.service"
    copy.write_text("\n".join(line for line in lines if not without or without not in line))
    return copy


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.systemd
def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    done = analyze("verify", unit(tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    broken = unit(tmp_path)
    broken.write_text(broken.read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in analyze("verify", broken).stderr


@pytest.mark.systemd
def test_the_unit_leaves_little_to_whoever_takes_the_service_over(tmp_path: Path) -> None:
    rate = ("security", "--offline=true", "--threshold=20")  # of 100
    assert analyze(*rate, unit(tmp_path)).returncode == 0
    assert analyze(*rate, unit(tmp_path, without="Protect")).returncode != 0


def test_what_the_unit_runs_first_is_content_with_a_new_server(tmp_path: Path) -> None:
    """It has no git, no keys and no database yet."""
    (line,) = [each for each in UNIT.read_text().splitlines() if each.startswith("ExecStartPre=")]
    words = line.removeprefix("ExecStartPre=").replace(INSTALLED, HERE).split()
    settings = {
        "RINGFENCE_ORIGIN": "https://shop.example",
        "RINGFENCE_MAIL": "smtps://shop:trellis-77-quince@mail.shop.example",
        "RINGFENCE_LOG": str(tmp_path / "log"),
    }
    settings["PATH"] = ""
    done = subprocess.run(
        words, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.logrotate
def test_no_line_is_lost_where_the_log_is_rotated(tmp_path: Path) -> None:
    log = tmp_path / "ringfence.log"
    configuration = tmp_path / "logrotate.conf"
    text = (ROOT / "examples/logrotate.conf").read_text()
    configuration.write_text(text.replace("/var/log/ringfence/ringfence.log", str(log)))
    journal = open_journal(str(log))
    journal.log({"n": "before"})
    rotate = shutil.which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin")
    assert rotate is not None
    state = tmp_path / "state"
    subprocess.run([rotate, "--force", "--state", state, configuration], check=True)
    journal.log({"n": "after"})
    journal.close()
    assert (tmp_path / "ringfence.log.1").read_bytes() == b'{"n":"before"}\n'
    assert log.read_bytes() == b'{"n":"after"}\n'
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
