"""The matrix as one JSON object (API.md, "ringfence attack")."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from ringfence.attack.ablation import Matrix
from ringfence.attack.about import About
from ringfence.attack.configuration import ABSENT
from ringfence.attack.outcome import Run, Tried

#: Of the object's form; it rises when a program that reads it would have to change.
VERSION: Final = 1


def report(matrix: Matrix, about: About) -> dict[str, Any]:
    """What was measured and what it means."""
    return {
        "version": VERSION,
        "ringfence": about.version,
        "target": about.target,
        "date": about.started.isoformat(timespec="seconds"),
        "seconds": round(about.seconds),
        "catalogue": len(matrix.rows),
        "run": len(matrix.runs),
        "profile": about.profile,
        "configurations": [each.name for each in matrix.configurations],
        "unavailable": {layer.value: reason for layer, reason in ABSENT.items()},
        "benign": {
            name: {
                "passed": benign.passed,
                "failed": len(benign.failures),
                **({"failures": list(benign.failures)} if benign.failures else {}),
            }
            for name, benign in matrix.benign.items()
        },
        "attacks": [_attack(matrix, attack) for attack in matrix.runs],
        "summary": {
            **{name: v for name, v in asdict(matrix.summary).items() if name != "depth_below_2"},
            "depth_below_2": list(matrix.summary.depth_below_2),
        },
    }


def _attack(matrix: Matrix, attack: str) -> dict[str, Any]:
    row, plain = matrix.rows[attack], matrix.plain.get(attack)
    return {
        "id": attack,
        "name": row.name,
        "class": row.group,
        "cwe": list(row.cwe),
        "built": ["+".join(sorted(line)) for line in row.built],
        "runs": {name: _run(run) for name, run in matrix.runs[attack].items()}
        | {layer.value: _absent(reason) for layer, reason in ABSENT.items()},
        **({"without_functions": _run(plain)} if plain is not None else {}),
        "depth": matrix.depth(attack),
    }


def _run(run: Run) -> dict[str, Any]:
    if run.outcome == "unavailable":
        return {"outcome": run.outcome, "reason": run.reason, "broken": run.broken}
    made: dict[str, Any] = {"outcome": run.outcome}
    if run.held:
        made |= {"by": run.by, "code": run.code}
    if run.outcome == "bounded":
        made["bound"] = run.bound
    made["payloads"] = [_payload(each) for each in run.payloads]
    return made


def _payload(tried: Tried) -> Mapping[str, Any]:
    code = tried.stopped_by.name if tried.stopped_by is not None else None
    made: dict[str, Any] = {"name": tried.name, "through": tried.through, "code": code}
    return {**made, "control": tried.control} if tried.control else made


def _absent(reason: str) -> Mapping[str, Any]:
    return {"outcome": "unavailable", "reason": reason, "broken": False}
