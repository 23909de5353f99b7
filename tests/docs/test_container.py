"""The Dockerfile of the examples: what it says, and what it runs, as far as this machine can tell.

There is no container engine here. What it runs is started as a container would: as nobody, without
a capability, on a root that is read-only but for the volume.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.serving import free_port, get
from tests.docs.pages import ROOT

DOCKERFILE = ROOT / "examples/Dockerfile"
INSTALLED = "/opt/ringfence/bin/"
EVERYWHERE = "0.0.0.0"  # noqa: S104  # what a container listens on is its own
VOLUME = "/mnt"  # in place of the container's

#: Its words: the volume, where Python itself is, and the command. Python may be in a home that
#: nobody may enter.
BOX = """
set -eu
volume=$1 python=$2; shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=0700,uid=65534,gid=65534 tmpfs "$volume"
case $python in "$HOME"/*)
    hold=$(mktemp -d)
    mount --bind "$python" "$hold"
    mount -t tmpfs -o mode=0755 tmpfs "$HOME"
    mkdir -p "$python"
    mount --move "$hold" "$python";;
esac
mount -o remount,bind,ro /
cd "$volume"
exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --no-new-privs "$@"
"""


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its words, in order."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = [line.partition(" ") for line in whole.splitlines() if line]
    return [(name, words) for name, _, words in found]


def last(name: str) -> str:
    return [words for each, words in instructions() if each == name][-1]


def environment() -> dict[str, str]:
    return dict(word.split("=", 1) for word in last("ENV").split())


def command(text: str) -> list[str]:
    """Words that no shell reads, with this checkout's programs."""
    words: list[str] = json.loads(text)
    here = str(Path(sys.executable).parent)
    return [word.replace(INSTALLED, f"{here}/").replace(EVERYWHERE, "127.0.0.1") for word in words]


def test_what_is_copied_is_there_and_nothing_else_is() -> None:
    """A whole checkout would bring its history, and whatever lies in it (ASVS 13.4.1)."""
    copied = [words.split()[:-1] for name, words in instructions() if name == "COPY"]
    sources = [source for words in copied for source in words if not words[0].startswith("--from")]
    assert sources
    assert all((ROOT / source).exists() for source in sources)
    assert "." not in sources


def test_it_runs_as_nobody_and_holds_no_secret() -> None:
    names = [name for name, _ in instructions()]
    assert last("USER") == "65534:65534"  # by number: an orchestrator can tell that it is not root
    assert names.index("USER") < names.index("CMD")
    assert "RUN" not in names[names.index("USER") :]
    assert environment().keys() == {
        "RINGFENCE_LOG", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED",
    }  # fmt: skip
    assert last("VOLUME") == last("WORKDIR")
    assert "--require-hashes" in DOCKERFILE.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a root that is read-only")
def test_what_it_runs_answers_as_nobody_on_a_root_that_is_read_only() -> None:
    port = free_port()
    settings = {
        **environment(),
        "HOME": str(Path.home()),
        "PATH": os.environ["PATH"],
        "RINGFENCE_ENV": "test",
        "RINGFENCE_ORIGIN": f"http://127.0.0.1:{port}",
    }
    words = [*command(last("CMD"))[:-1], str(port)]
    box = ["unshare", "--mount", "sh", "-c", BOX, "sh", VOLUME, sys.base_prefix, *words]
    with subprocess.Popen(
        box, cwd="/", env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            greeting = f"http://127.0.0.1:{port} is served"
            said = next((line for line in process.stderr if line.startswith(greeting)), "")
            assert said
            assert get(port, "/readyz").status == 200
            healthy = [word.replace("8000", str(port)) for word in _health()]
            subprocess.run(healthy, check=True, timeout=20)
            of = Path("/proc") / str(process.pid)
            status = (of / "status").read_text()
            mounts = [each.split() for each in (of / "mountinfo").read_text().splitlines()]
            kept = {each.name for each in (of / f"root{VOLUME}").iterdir()}
            process.terminate()
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
    assert "Uid:\t65534\t65534\t65534\t65534\n" in status
    assert "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n" in status
    assert [each[5].split(",")[0] for each in mounts if each[4] == "/"] == ["ro"]
    assert kept >= {"keys", "ringfence.sqlite"}


def _health() -> list[str]:
    return command(last("HEALTHCHECK").removeprefix("CMD "))
