"""A real git repository to look into, and secrets that are none: made here, of no use anywhere."""

import os
import subprocess
from pathlib import Path

#: Split, so that no scanner takes this file for a leak.
GITHUB = "ghp_" + "wJ4kVQ1u" * 4 + "x8Rt"
STRIPE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
REFRESH = "rf_rt_" + "Zk3" * 14 + "A"
LINK = "rf_ln_" + "Zk3" * 14 + "A"
PEM = "-----BEGIN " + "PRIVATE KEY-----"


class Checkout:
    """A repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str, status: int = 0) -> str:
        """Run git as somebody with no configuration of their own."""
        identity = {
            "GIT_AUTHOR_NAME": "somebody",
            "GIT_AUTHOR_EMAIL": "somebody@example.com",
            "GIT_COMMITTER_NAME": "somebody",
            "GIT_COMMITTER_EMAIL": "somebody@example.com",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        done = subprocess.run(
            ["git", *words],  # noqa: S607  # the machine's own, wherever it is
            cwd=self.folder,
            env=os.environ | identity,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    def write(self, name: str, content: str | bytes) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, **files: str | bytes) -> str:
        """Commit files; ``a__b_c`` stands for ``a/b.c``. Returns the commit's id."""
        for name, content in files.items():
            self.write(name.replace("__", "/").replace("_", "."), content)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message=a change")
        return self.git("rev-parse", "HEAD").strip()
