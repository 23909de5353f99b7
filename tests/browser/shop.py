"""The real demo shop, in a process of its own on a free port."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A running shop, and what a tester may look at behind its back."""

    address: str
    mail: Path
    log: Path
    naked: str = ""  # the twin's address

    def link_mailed_to(self, login: str) -> str:
        """The link in the one mail to ``login`` that has not been read yet."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for file in sorted(self.mail.glob("*.eml")):
                message = message_from_bytes(file.read_bytes(), policy=policy.default)
                text = message.get_body(("plain",))
                if message["To"] != login or text is None:
                    continue
                file.unlink()
                if link := re.search(r"http\S+#token=\S+", text.get_content()):
                    return link[0]
        raise TimeoutError(f"no link was mailed to {login}")

    def codes(self) -> list[str]:
        """The codes of all events so far."""
        return [json.loads(line)["code"] for line in self.log.read_text().splitlines()]


@contextmanager
def running_shop(folder: Path, *arguments: str) -> Generator[Shop]:
    """Start a shop that keeps everything in ``folder``; it ends with the block."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RINGFENCE_")}
    log, data = folder / "events.jsonl", folder / "data"
    environment["RINGFENCE_LOG"] = str(log)
    command = [sys.executable, "-m", "ringfence_demo", "--port", "0", "--data", str(data)]
    process = subprocess.Popen(
        [*command, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        address, naked = _addresses(process)
        yield Shop(address=address, mail=data / "mail", log=log, naked=naked)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


def _addresses(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Where the shop and its twin are, said before the line ``ready``."""
    said = ""
    for line in process.stdout or ():
        said += line
        if line.strip() == "ready":
            guarded = re.search(r"http://127\.0\.0\.1:\d+", said)
            naked = re.search(r"http://localhost:\d+/\w+/", said)
            if guarded is not None:
                return guarded[0], naked[0] if naked is not None else ""
    raise RuntimeError(f"the shop did not start:\n{said}")
