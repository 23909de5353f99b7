"""Secrets kept out of git: found where they are, never printed, allowed with a reason alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from ringfence.cli.check.leaks import sensitive
from ringfence.storage.keys import load_or_create
from tests.cli.repositories import GITHUB, LINK, PEM, REFRESH, STRIPE, Checkout
from tests.unit.cli.conftest import Shell

pytestmark = pytest.mark.git


@pytest.fixture
def checkout(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A repository in the folder that the shell is in; what the shell makes is ignored."""
    for name in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", "/dev/null")
    made = Checkout(shell.folder)
    made.commit(_gitignore="log\nmail/\n")
    return made


def found(shell: Shell, *words: str) -> list[dict[str, Any]]:
    """What the check of the repository finds."""
    shell.run("check", "--json", *words)
    checks = json.loads(shell.out)["checks"]
    problems = next(each["problems"] for each in checks if each["check"] == "git")
    for secret in (GITHUB, STRIPE, REFRESH, LINK):
        assert secret not in shell.out
    return problems


def places(shell: Shell, *words: str) -> list[tuple[str, int, str]]:
    return [
        (each.get("file", ""), each.get("line", 0), each["text"]) for each in found(shell, *words)
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"token = {GITHUB}", "GitHub Token"),
        (f"stripe: {STRIPE}", "Stripe Access Key"),
        (REFRESH, "refresh token of Ringfence"),
        (f"https://shop.example/auth/reset#{LINK}", "mailed link of Ringfence"),
        (PEM, "private key"),
        ("postgresql://shop:kettle-orbits-9@db/shop", "Basic Auth Credentials"),
        ('password = "kettle orbits 9"', "Secret Keyword"),
    ],
)
def test_a_secret_in_a_tracked_file_is_found_with_its_place(
    shell: Shell, checkout: Checkout, line: str, kind: str
) -> None:
    """ASVS 13.3.1."""
    checkout.commit(notes_txt=f"first line\n{line}\n")
    assert places(shell) == [("notes.txt", 2, kind)]
    assert shell.run("check") == 1


@pytest.mark.parametrize(
    "line",
    [
        "password = os.environ['PASSWORD']",
        'password = "${PASSWORD}"',
        "postgresql://USER:PASSWORD@HOST/NAME",
        'f"postgresql://shop:{password}@db/shop"',
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "rf_rt_ is the prefix of refresh tokens",
    ],
)
def test_what_only_speaks_of_secrets_is_none(shell: Shell, checkout: Checkout, line: str) -> None:
    checkout.commit(notes_txt=f"{line}\n")
    assert places(shell) == []


def test_assignments_are_read_in_shell_scripts_and_service_files(
    shell: Shell, checkout: Checkout
) -> None:
    checkout.commit(start_sh="export DATABASE_PASSWORD=kettle-orbits-9\n")
    assert places(shell) == [("start.sh", 1, "Secret Keyword")]


def test_a_secret_that_was_removed_is_in_the_history(shell: Shell, checkout: Checkout) -> None:
    added = checkout.commit(notes_txt=f"{GITHUB}\n")
    checkout.commit(notes_txt="nothing\n")
    assert places(shell) == [("notes.txt", 1, f"GitHub Token in commit {added[:12]}")]
    assert "every clone has it" in found(shell)[0]["remedy"]


def test_the_history_is_read_as_far_as_it_is_asked_for(shell: Shell, checkout: Checkout) -> None:
    checkout.commit(notes_txt=f"{GITHUB}\n")
    checkout.commit(notes_txt="nothing\n")
    assert places(shell, "--history", "1") == []
    assert "in part, the newest of 3 commits" in shell.out
    assert len(places(shell, "--history", "2")) == 1


def test_another_branch_is_history_too(shell: Shell, checkout: Checkout) -> None:
    checkout.git("switch", "--quiet", "--create", "other")
    added = checkout.commit(notes_txt=f"{GITHUB}\n")
    checkout.git("switch", "--quiet", "main")
    assert places(shell) == [("notes.txt", 1, f"GitHub Token in commit {added[:12]}")]


def test_a_secret_that_a_merge_brought_in_is_found(shell: Shell, checkout: Checkout) -> None:
    """Both sides changed the line, and whoever joined them wrote a third one."""
    checkout.commit(notes_txt="one\ntwo\nthree\n")
    checkout.git("switch", "--quiet", "--create", "other")
    checkout.commit(notes_txt="one\nours\nthree\n")
    checkout.git("switch", "--quiet", "main")
    checkout.commit(notes_txt="one\ntheirs\nthree\n")
    checkout.git("merge", "other", status=1)
    merged = checkout.commit(notes_txt=f"one\n{GITHUB}\nthree\n")
    checkout.commit(notes_txt="nothing\n")
    assert places(shell) == [("notes.txt", 2, f"GitHub Token in commit {merged[:12]}")]


def test_a_line_that_looks_like_a_header_hides_nothing(shell: Shell, checkout: Checkout) -> None:
    added = checkout.commit(
        notes_txt=f"++ b/harmless\n-- a/x\ndiff --git a/x b/x\n@@ -1 +1 @@\n{GITHUB}"
    )
    checkout.commit(notes_txt="nothing")
    assert places(shell) == [("notes.txt", 5, f"GitHub Token in commit {added[:12]}")]


@pytest.mark.parametrize("name", ["ä b.txt", 'q"uote.txt', "t\tab.txt", "b/x b/x.txt"])
def test_a_name_of_any_kind_is_read(shell: Shell, checkout: Checkout, name: str) -> None:
    checkout.write(name, f"{GITHUB}\n")
    added = checkout.commit()
    (checkout.folder / name).write_text("nothing\n")
    checkout.commit()
    assert places(shell) == [(name, 1, f"GitHub Token in commit {added[:12]}")]


def test_what_is_staged_is_found_before_it_is_committed(shell: Shell, checkout: Checkout) -> None:
    checkout.write("notes.txt", f"{GITHUB}\n")
    checkout.git("add", "notes.txt")
    checkout.write("notes.txt", "nothing\n")  # the work tree is clean again, the index is not
    assert places(shell, "--staged") == [("notes.txt", 1, "GitHub Token (staged)")]
    assert shell.run("check", "--staged") == 1
    assert places(shell) == [("notes.txt", 1, "GitHub Token (staged)")]


def test_what_is_committed_is_no_matter_of_the_next_commit(
    shell: Shell, checkout: Checkout
) -> None:
    checkout.commit(notes_txt=f"{GITHUB}\n")
    assert shell.run("check", "--staged") == 0


def test_a_repository_without_a_commit_is_read(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    young = Checkout(tmp_path_factory.mktemp("young"))
    young.write("notes.txt", f"{GITHUB}\n")
    young.git("add", "notes.txt")
    monkeypatch.chdir(young.folder)
    assert ("notes.txt", 1, "GitHub Token") in places(shell)


# ------------------------------------------------------------------------------------- by name


def test_every_key_file_is_known_by_its_name(tmp_path: Path) -> None:
    load_or_create(tmp_path / "keys")
    made = [file.name for file in (tmp_path / "keys").iterdir()]
    assert len(made) >= 5
    assert all(sensitive(f"anywhere/{name}") for name in made)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".env", "file of environment variables"),
        ("deploy/.env.production", "file of environment variables"),
        (".envrc", "file of environment variables"),
        ("keys/pepper-2.key", "key file of Ringfence"),
        ("signing-1767225600.pem", "key file of Ringfence"),
        (".env.example", ""),
        (".env.local.sample", ""),
        ("environment.py", ""),
        ("keys/README.md", ""),
        ("my-salt.key", ""),
    ],
)
def test_what_a_name_says(name: str, kind: str) -> None:
    assert sensitive(name) == kind


def test_a_file_of_variables_that_is_tracked_is_found(shell: Shell, checkout: Checkout) -> None:
    checkout.commit(_env="DEBUG=1\n")
    assert places(shell) == [(".env", 0, "file of environment variables")]


def test_a_file_of_variables_that_is_not_ignored_is_found(shell: Shell, checkout: Checkout) -> None:
    checkout.write(".env", "DEBUG=1\n")
    assert places(shell) == [(".env", 0, "file of environment variables, not ignored by git")]
    checkout.write(".gitignore", "log\nmail/\n.env\n")
    assert places(shell) == []


def test_keys_and_database_of_this_installation_are_kept_out(
    shell: Shell, checkout: Checkout
) -> None:
    shell.run("migrate")
    load_or_create(Path("keys"))
    names = {file for file, _, _ in places(shell)}
    assert {"ringfence.sqlite", "keys/salt.key", "keys/signing-0.pem"} <= names
    checkout.write(".gitignore", "log\nmail/\nringfence.sqlite*\nkeys/\n")
    assert places(shell) == []
    checkout.commit()  # by force
    kinds = {file: text for file, _, text in places(shell)}
    assert kinds["ringfence.sqlite"] == "database of Ringfence"
    assert kinds["keys/salt.key"] == "key of this installation"


# ------------------------------------------------------------------------------- by their value


def test_the_passwords_of_the_settings_are_found_wherever_they_stand(
    shell: Shell, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://shop:tr%C3%BCb-kettle@127.0.0.1:1/shop"
    monkeypatch.setenv("RINGFENCE_DATABASE", url)
    checkout.commit(notes_txt="we call it trüb-kettle here\n", other_txt="tr%C3%BCb-kettle\n")
    assert places(shell) == [
        ("notes.txt", 1, "password of the settings"),
        ("other.txt", 1, "password of the settings"),
    ]


@pytest.mark.parametrize("form", ["raw", "hex", "base64"])
def test_a_key_of_this_installation_is_found_under_any_name(
    shell: Shell, checkout: Checkout, form: str
) -> None:
    from base64 import b64encode

    load_or_create(Path("keys"))
    checkout.write(".gitignore", "log\nmail/\nkeys/\n")
    raw = (shell.folder / "keys" / "pepper-1.key").read_bytes()
    content = {"raw": b"\0" + raw, "hex": raw.hex().encode(), "base64": b64encode(raw)}[form]
    checkout.git("add", ".gitignore")
    checkout.write("data", content)
    checkout.git("add", "data")
    assert "key of this installation" in {text for _, _, text in places(shell)}


# --------------------------------------------------------------------------------- allowances


ALLOWED = '[[allow]]\npath = "docs/*"\nkind = "GitHub Token"\nreason = "an example"\n'


def test_what_is_allowed_with_a_reason_is_allowed(shell: Shell, checkout: Checkout) -> None:
    checkout.commit(docs__api_md=f"{GITHUB}\n", notes_txt=f"{GITHUB}\n")
    checkout.write("secrets-allowed.toml", ALLOWED)
    assert places(shell) == [("notes.txt", 1, "GitHub Token")]
    assert "1 allowed by secrets-allowed.toml" in shell.out


def test_one_secret_is_allowed_by_its_fingerprint_and_no_other(
    shell: Shell, checkout: Checkout
) -> None:
    checkout.commit(docs__api_md=f"{GITHUB}\n")
    (problem,) = found(shell)
    checkout.write(
        "secrets-allowed.toml",
        f'[[allow]]\npath = "docs/api.md"\nfingerprint = "{problem["fingerprint"]}"\n'
        'reason = "an example"\n',
    )
    assert places(shell) == []
    checkout.write("docs/api.md", f"{GITHUB}\n{GITHUB.replace('wJ4k', 'wJ4l')}\n")
    assert places(shell) == [("docs/api.md", 2, "GitHub Token")]


def test_an_allowance_that_allows_nothing_is_a_warning(shell: Shell, checkout: Checkout) -> None:
    checkout.write("secrets-allowed.toml", ALLOWED)
    (problem,) = found(shell)
    assert (problem["rule"], problem["weight"]) == ("allowance-unused", "warning")
    assert shell.run("check") == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ALLOWED.replace('"an example"', '" "'), "entry 1: the reason is missing"),
        (ALLOWED.replace("reason", "why"), "unknown field `why`"),
        (ALLOWED.replace('kind = "GitHub Token"\n', ""), "a kind or a fingerprint is missing"),
        (ALLOWED.replace('"docs/*"', "7"), "Expected `str`, got `int`"),
        ("[[allow]\n", "secrets-allowed.toml: "),
    ],
)
def test_an_allowance_that_is_malformed_allows_nothing(
    shell: Shell, checkout: Checkout, text: str, problem: str
) -> None:
    checkout.commit(docs__api_md=f"{GITHUB}\n")
    checkout.write("secrets-allowed.toml", text)
    assert shell.run("check") == 1
    assert problem in shell.out


# ------------------------------------------------------------------------------ what may go wrong


def test_a_history_that_cannot_be_read_is_a_problem(shell: Shell, checkout: Checkout) -> None:
    """What git does not show is not known to be clean."""
    checkout.commit(notes_txt=f"{GITHUB}\n")
    checkout.commit(notes_txt="nothing\n")
    blob = checkout.git("rev-parse", "HEAD~1:notes.txt").strip()
    (checkout.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    assert places(shell) == [("", 0, "git log failed")]


def test_a_repository_of_somebody_else_is_not_taken_for_none(
    shell: Shell, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    ((_, _, text),) = places(shell)
    assert text.startswith("git rev-parse: fatal: detected dubious ownership")


def test_no_program_that_the_repository_names_is_run(shell: Shell, checkout: Checkout) -> None:
    trap = checkout.folder / "trap"
    trap.write_text(f"#!/bin/sh\ntouch '{checkout.folder}/sprung'\ncat \"$1\"\n")
    trap.chmod(0o755)
    checkout.commit(_gitattributes="*.txt diff=trap\n", notes_txt=f"{GITHUB}\n")
    for name in ("diff.external", "diff.trap.textconv", "diff.trap.command", "core.fsmonitor"):
        checkout.git("config", name, str(trap))
    assert ("notes.txt", 1, "GitHub Token") in places(shell)
    assert not (checkout.folder / "sprung").exists()


@pytest.mark.parametrize(
    "setting",
    ["color.ui=always", "diff.noprefix=true", "diff.mnemonicPrefix=true", "log.showSignature=true"],
)
def test_a_configuration_that_changes_the_form_of_diffs_hides_nothing(
    shell: Shell, checkout: Checkout, setting: str
) -> None:
    added = checkout.commit(notes_txt=f"{GITHUB}\n")
    checkout.commit(notes_txt="nothing\n")
    checkout.git("config", *setting.split("="))
    assert places(shell) == [("notes.txt", 1, f"GitHub Token in commit {added[:12]}")]


def test_a_shallow_clone_is_told(
    shell: Shell,
    checkout: Checkout,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkout.commit(notes_txt="something\n")
    target = tmp_path_factory.mktemp("clones") / "shallow"
    checkout.git("clone", "--quiet", "--depth=1", checkout.folder.as_uri(), str(target))
    monkeypatch.chdir(target)
    found(shell)
    assert "this clone has a part of the history only" in shell.out


def test_without_the_library_ringfences_own_kinds_are_found_and_it_is_said(
    shell: Shell, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "detect_secrets.plugins.keyword", None)
    checkout.commit(notes_txt=f"{GITHUB}\n{REFRESH}\n")
    assert places(shell) == [("notes.txt", 2, "refresh token of Ringfence")]
    assert "pip install 'ringfence[check]'" in shell.out


def test_sarif_names_file_and_line(shell: Shell, checkout: Checkout) -> None:
    checkout.write("a b/ü.txt", f"\n{GITHUB}\n")
    checkout.commit()
    shell.run("check", "--sarif")
    (result,) = json.loads(shell.out)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b/%C3%BC.txt"
    assert place["region"] == {"startLine": 2}
    assert len(result["partialFingerprints"]["secret/v1"]) == 16
