"""``ringfence boundaries``: the boundary map, its lock, and why a request is decided as it is."""

import argparse
import asyncio
import json
import sys
import traceback
from dataclasses import asdict
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Router

from ringfence.authz.boundaries import (
    Difference,
    Row,
    compare,
    declared,
    read_lock,
    rows,
    unscoped,
    write_lock,
)
from ringfence.authz.starlette import Routes
from ringfence.core.errors import ConfigurationError
from ringfence.stack import Ringfence

HELP = "show each route, who may use it, and which layers ask what of it"


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "boundaries", help=HELP, description=HELP.capitalize() + "."
    )
    parser.add_argument("app", metavar="APP", help="module:attribute, guarded or bare")
    parser.add_argument("--lock", metavar="FILE", type=Path, help="fail where it is weaker")
    parser.add_argument("--write", action="store_true", help="write the lock instead of checking")
    parser.add_argument("--explain", metavar='"WHO METHOD PATH"', help='"alice GET /orders/17"')
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print the map. Non-zero when a route has no policy, or one is weaker than in the lock."""
    app = load(arguments.app)
    if arguments.explain:
        return asyncio.run(_explain(app, arguments.explain, as_json=arguments.json))
    table, problems = _survey(app)
    lock: Path | None = arguments.lock
    if arguments.write:
        target = lock or Path("boundaries.lock")
        _write(target, write_lock(table))
        print(f"wrote {target}", file=sys.stderr)
        differences: list[Difference] = []
    else:
        differences = compare(table, read_lock(_read(lock))) if lock else []
    if arguments.json:
        print(json.dumps(_report(table, problems, differences), indent=2))
    else:
        _print(table, problems, differences)
    return 1 if problems or any(difference.fails for difference in differences) else 0


def load(address: str) -> Any:  # noqa: ANN401  # any ASGI application
    """The application that ``module:attribute`` names; the working directory is searched first.

    Raises:
        ConfigurationError: There is no such module or attribute, or the module fails.
    """
    module, _, attribute = address.partition(":")
    if not module or not attribute:
        raise ConfigurationError(f"{address} is not module:attribute")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: object = import_module(module)
    except ConfigurationError:
        raise
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"there is no module {error.name}") from error
    except Exception as error:  # whatever the module does when it is imported
        raise ConfigurationError(f"{module} cannot be imported: {_cause(error)}") from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise ConfigurationError(f"{module} has no {attribute}")
        found = getattr(found, name)
    return found


def _cause(error: Exception) -> str:
    """What went wrong, in one line, and the last line of code on the way to it."""
    words = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if isinstance(error, SyntaxError):
        return words  # which say where
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{words} ({frame.filename}:{frame.lineno})"


def _survey(app: Any) -> tuple[list[Row], list[str]]:  # noqa: ANN401  # any ASGI application
    """The table and what is wrong with it; nothing is opened or started.

    Raises:
        ConfigurationError: A bare application whose routes nobody can read.
    """
    if isinstance(app, Ringfence):
        survey = app.survey()
    elif isinstance(app, Starlette | Router):
        survey = Routes(app, {}).read()
    else:
        raise ConfigurationError("APP is neither guarded nor an application with routes to read")
    table = [*rows(survey.entries), *declared(survey.resources), *unscoped(survey.reasons)]
    return table, survey.problems


def _read(lock: Path) -> str:
    try:
        return lock.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{lock}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{lock} is not text") from error


def _write(lock: Path, text: str) -> None:
    try:
        lock.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigurationError(f"{lock}: {error.strerror}") from error


def _report(table: list[Row], problems: list[str], differences: list[Difference]) -> Any:  # noqa: ANN401  # JSON
    return {
        "routes": [asdict(row) | {"layers": dict(row.layers)} for row in table],
        "problems": problems,
        "differences": [asdict(d) | {"fails": d.fails} for d in differences],
    }


def _print(table: list[Row], problems: list[str], differences: list[Difference]) -> None:
    lines = [
        (" ".join(row.method for row in rows_of_path), path, f"{policy}  {limits}".rstrip())
        for (path, policy, limits), rows_of_path in groupby(
            table, lambda row: (row.path, row.policy, row.limits)
        )
    ]
    widths = [max((len(line[column]) for line in lines), default=0) for column in (0, 1)]
    for methods, path, policy in lines:
        print(f"{methods:<{widths[0]}}  {path:<{widths[1]}}  {policy}")
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)
    for d in differences:
        mark = "FAIL" if d.fails else "note"
        change = f"{d.locked or 'not locked'} -> {d.found or 'gone'}"
        print(f"{mark}: {d.method} {d.path} {d.kind}: {change}", file=sys.stderr)
    if any(not d.fails for d in differences):
        print("note: write the lock again once this is agreed on", file=sys.stderr)


async def _explain(app: Any, question: str, *, as_json: bool) -> int:  # noqa: ANN401  # any ASGI application
    if not isinstance(app, Ringfence):
        raise ConfigurationError("--explain needs the guarded application")
    words = question.split()
    if len(words) != 3:  # noqa: PLR2004  # who, method, path
        raise ConfigurationError('--explain takes "WHO METHOD PATH"')
    await app.start()
    try:
        explanation = await app.explain(*words)
    except LookupError as error:
        raise ConfigurationError(str(error)) from error
    finally:
        await app.close()
    if as_json:
        print(json.dumps(explanation, indent=2))
    else:
        parts: dict[str, str] = explanation.pop("parts", {})
        for name, value in explanation.items():
            print(f"{name:<8}  {value}")
        for part, judged in parts.items():
            print(f"          {part:<28} {judged}")
    return 0
