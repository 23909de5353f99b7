"""``ringfence check``: what is wrong here, before somebody else finds it.

Nothing is changed: no key is made, no database is migrated, no mail is sent, no application is
started. What the start would refuse is refused here by the start's own code.

Sources: ATTACKS U19 (weak and default credentials); OWASP ASVS 5.0 sections 13.2, 13.3 and 13.4.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ringfence.cli.check.finding import Finding, found
from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import Settings, parse

HELP: Final = "look for what is wrong with settings, keys, database, routes and git"

#: How many commits of the history are read, unless told otherwise.
_COMMITS: Final = 1000


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help=HELP,
        description=f"{HELP.capitalize()}. Changes nothing; status 1 if something is wrong.",
    )
    parser.add_argument(
        "app", metavar="APP", nargs="?", help="module:attribute whose routes are looked at too"
    )
    parser.add_argument(
        "--offline", action="store_true", help="ask neither a database server nor a mail relay"
    )
    parser.add_argument(
        "--history",
        metavar="COMMITS",
        type=_count,
        default=_COMMITS,
        help=f"how many of git's newest commits are read for secrets ({_COMMITS})",
    )
    parser.add_argument("--staged", action="store_true", help="only what the next commit would add")
    parser.add_argument(
        "--install-hook", action="store_true", help="make git run this before each commit"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object")
    form.add_argument("--sarif", action="store_true", help="SARIF 2.1.0, for code scanning")


def run(arguments: argparse.Namespace) -> int:
    """Check everything and say what was found."""
    from ringfence.cli.check import report

    if arguments.install_hook:
        return _install()
    findings = [*(_staged() if arguments.staged else _findings(arguments))]
    if arguments.json:
        print(report.as_json(findings))
    elif arguments.sarif:
        print(report.as_sarif(findings))
    else:
        print(*report.lines(findings), sep="\n")
    return 0 if all(finding.ok for finding in findings) else 1


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError
    return count


def _install() -> int:
    from ringfence.cli.check.hook import install
    from ringfence.cli.check.repository import Repository

    repository = Repository.of(Path.cwd())
    if repository is None:
        raise ConfigurationError("this folder is in no git repository")
    print(install(repository))
    return 0


def _staged() -> Iterator[Finding]:
    from ringfence.cli.check.secrets_in_git import search

    settings, _ = _settings(None)
    yield search(settings, staged=True)


def _findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    from ringfence.cli.check import machine
    from ringfence.cli.check.secrets_in_git import search

    app, unloadable = _load(arguments.app)
    settings, problems = _settings(app)
    weak = [problem for problem in problems if problem.endswith(" is weak")]
    wrong = [problem for problem in problems if problem not in weak]
    environment = f"for {settings.environment}" if settings else ""
    remedy = "docs/settings.md says what each setting takes"
    yield Finding(
        check="settings", problems=found("settings-wrong", *wrong, remedy=remedy), note=environment
    )
    yield _credentials(settings, weak, offline=arguments.offline)
    if settings is not None:
        yield from _installation(settings, offline=arguments.offline)
        yield machine.files(settings)
        yield machine.proxies(settings)
    yield machine.open_files()
    if arguments.app is not None:
        yield _routes(arguments.app, app, unloadable)
    yield search(settings, commits=arguments.history)


def _settings(app: Any) -> tuple[Settings | None, Sequence[str]]:  # noqa: ANN401  # any application
    """The settings that the start would use, or what is wrong with them."""
    try:
        return (app.settings() if app is not None else parse(os.environ)), ()
    except ConfigurationError as error:
        return None, error.problems


def _credentials(settings: Settings | None, weak: Sequence[str], *, offline: bool) -> Finding:
    from ringfence.cli.check.credentials import credentials

    remedy = "give it a value that is in no list: python3 -c 'import secrets; "
    remedy += "print(secrets.token_urlsafe())'"
    problems = found("credentials-weak", *weak, remedy=remedy)
    note = ""
    if settings is not None and not offline:
        more, note = credentials(settings.database)
        problems += more
    return Finding(check="credentials", problems=problems, note=note)


def _installation(settings: Settings, *, offline: bool) -> Iterator[Finding]:
    """The keys, the database, the clock and the relay."""
    from ringfence.cli.check import machine
    from ringfence.cli.check.database import Checked, database
    from ringfence.cli.check.mail import mail

    if offline and settings.database.startswith("postgresql:"):
        checked = Checked(finding=Finding(check="database", note="not asked"))
    else:
        checked = database(settings.database)
    yield machine.keys(settings, checked.fingerprints, has_accounts=checked.has_accounts)
    yield checked.finding
    yield machine.clock(settings, datetime.now(UTC), checked.newest)
    if not offline:
        yield mail(settings)


def _load(address: str | None) -> tuple[Any, Sequence[str]]:
    """The application as the start builds it, or why there is none."""
    if address is None:
        return None, ()
    from ringfence.cli.boundaries import load
    from ringfence.stack import Ringfence

    try:
        app = load(address)
        return (app if isinstance(app, Ringfence) else Ringfence(app)), ()
    except ConfigurationError as error:
        return None, error.problems


def _routes(address: str, app: Any, unloadable: Sequence[str]) -> Finding:  # noqa: ANN401  # any application
    if app is None:
        remedy = "name it as module:attribute, in the folder where it is"
        return Finding(check="routes", problems=found("routes-unread", *unloadable, remedy=remedy))
    survey = app.survey()
    shown = [problem for problem in survey.problems if problem.startswith("debug=True")]
    others = [problem for problem in survey.problems if problem not in shown]
    remedy = "leave debug=True out, or set RINGFENCE_ENV where this is no production"
    problems = [
        *found("routes-open", *others, remedy="give it a policy: docs/your-app.md"),
        *found("routes-debug", *shown, remedy=remedy),
    ]
    return Finding(check="routes", problems=problems, note=f"{len(survey.entries)} in {address}")
