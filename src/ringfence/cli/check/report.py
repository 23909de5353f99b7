"""How findings are shown: to a person, as JSON, and as SARIF for code scanning.

Source: OASIS SARIF 2.1.0, sections 3.13 (log), 3.19 (tool component), 3.27 (result).
"""

import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote

from ringfence.cli.check.finding import Finding, Problem, Weight

_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """For a person: a line for each check, and below it each problem with what to do."""
    for finding in findings:
        yield f"{finding.check:<12} {_state(finding):<12} {finding.note}".rstrip()
        for remedy, problems in groupby(finding.problems, key=lambda problem: problem.remedy):
            for problem in problems:
                warned = "warning: " if problem.weight is Weight.WARNING else ""
                yield f"  {warned}{_place(problem)}{problem.text}"
            if remedy:
                yield f"    {remedy}"


def as_json(findings: Sequence[Finding]) -> str:
    """One JSON object: ``ok``, and every check with its problems."""
    checks = [
        {
            "check": finding.check,
            "ok": finding.ok,
            "note": finding.note,
            "problems": [_object(problem) for problem in finding.problems],
        }
        for finding in findings
    ]
    return json.dumps({"ok": all(finding.ok for finding in findings), "checks": checks})


def as_sarif(findings: Sequence[Finding]) -> str:
    """One SARIF log. A problem that is about no file has no location."""
    problems = [problem for finding in findings for problem in finding.problems]
    rules = [
        {"id": rule, "help": {"text": remedy or "See docs/check.md."}}
        for rule, remedy in {problem.rule: problem.remedy for problem in problems}.items()
    ]
    driver = {"name": "ringfence check", "version": version("ringfence"), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"ROOT": {"description": {"text": "the root of the repository"}}},
        "results": [_result(problem) for problem in problems],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _state(finding: Finding) -> str:
    if finding.errors:
        return f"{finding.errors} problem{_plural(finding.errors)}"
    if finding.warnings:
        return f"{finding.warnings} warning{_plural(finding.warnings)}"
    return "ok"


def _plural(count: int) -> str:
    return "" if count == 1 else "s"


def _place(problem: Problem) -> str:
    if not problem.file:
        return ""
    return f"{problem.file}:{problem.line}: " if problem.line else f"{problem.file}: "


def _object(problem: Problem) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "rule": problem.rule,
        "text": problem.text,
        "remedy": problem.remedy,
        "weight": problem.weight,
    }
    if problem.file:
        plain["file"] = problem.file
    if problem.line:
        plain["line"] = problem.line
    if problem.fingerprint:
        plain["fingerprint"] = problem.fingerprint
    return plain


def _result(problem: Problem) -> dict[str, Any]:
    said = f"{problem.text}. {problem.remedy}." if problem.remedy else f"{problem.text}."
    result: dict[str, Any] = {
        "ruleId": problem.rule,
        "level": problem.weight,
        "message": {"text": said},
    }
    if problem.file:
        place: dict[str, Any] = {
            "artifactLocation": {"uri": quote(problem.file), "uriBaseId": "ROOT"}
        }
        if problem.line:
            place["region"] = {"startLine": problem.line}
        result["locations"] = [{"physicalLocation": place}]
    if problem.fingerprint:
        result["partialFingerprints"] = {"secret/v1": problem.fingerprint}
    return result
