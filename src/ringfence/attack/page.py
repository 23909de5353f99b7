"""The matrix as one self-contained page (``--html``), for a browser and for a picture in a README.

It runs no script and loads nothing: its policy allows its own style alone, by its digest. Names of
payloads, and what applications answer, are attacks: every text is escaped.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Final

from ringfence.attack.ablation import Benign, Matrix
from ringfence.attack.attacks import ATTACKS
from ringfence.attack.cell import Cell, Tone, cell, failures, verdicts
from ringfence.attack.configuration import ALL, NONE, Configuration
from ringfence.attack.outcome import Run, Tried
from ringfence.attack.table import asides, short
from ringfence.attack.transcript import exchanges

_LEGEND: Final = (
    (Tone.HELD, "layer", "stopped it"),
    (Tone.SECOND, "layer", "behind it did"),
    (Tone.OPEN, "through", "no line is left"),
    (Tone.NAKED, "through", "every layer is off, as it must"),
    (Tone.BREACH, "THROUGH!", "a line failed"),
)
_LONGEST: Final = 34  # of a name in the matrix; below, it stands in full
#: A fence of three posts and two rails.
_MARK: Final = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 6l2-3 2 3v15H4zM10 6l2-3 2 3v15h-4z'
    'M16 6l2-3 2 3v15h-4zM2 9h20v2H2zM2 15h20v2H2z"/></svg>'
)


def page(matrix: Matrix, *, title: str, profile: str) -> str:
    """The whole page of a ``title``d target; ``profile`` names the system and the database."""
    style = files("ringfence.attack").joinpath("page.css").read_text("utf-8")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Proof by attack</title><style>{style}</style></head><body>",
            '<header class="masthead">',
            f'<div class="brand">{_MARK}Ringfence</div><h1>Proof by attack</h1>',
            f"<p>{len(matrix.runs)} of the {len(matrix.rows)} attacks of the catalogue, over HTTP",
            f"against {escape(title)} running on {escape(profile)}, and judged from outside.</p>",
            "</header><main>",
            *_tiles(matrix),
            *_matrix(matrix),
            *_findings(matrix),
            *_report(matrix),
            "<footer>Made by <code>ringfence attack</code>.</footer></main></body></html>\n",
        )
    )


def _tiles(matrix: Matrix) -> Iterator[str]:
    summary, count = matrix.summary, len(matrix.runs)
    fewest = min(matrix.benign.values(), key=lambda benign: benign.passed, default=Benign(passed=0))
    honest = fewest.passed + len(fewest.failures)
    yield '<dl class="tiles">'
    yield _tile("stopped with nothing off", summary.stopped, count, good=summary.stopped == count)
    if any(ALL.name in runs for runs in matrix.runs.values()):
        naked = sum(
            ALL.name in runs and runs[ALL.name].outcome == "succeeded"
            for runs in matrix.runs.values()
        )
        good = not summary.naked_failed
        yield _tile("get through with every layer off", naked, count, good=good)
    good = not summary.benign_failed
    yield _tile("honest checks pass, whatever is off", fewest.passed, honest, good=good)
    if summary.idle_switches is not None:
        idle = summary.idle_switches
        yield _tile("switches that change nothing", idle, None, good=not idle)
    yield "</dl>"


def _tile(what: str, number: int, of: int | None, *, good: bool) -> str:
    most = f" <small>of {of}</small>" if of is not None else ""
    kind = "" if good else ' class="bad"'
    return f"<div><dt>{what}</dt><dd{kind}>{number}{most}</dd></div>"


def _matrix(matrix: Matrix) -> Iterator[str]:
    columns = matrix.configurations
    yield '<section class="card"><h2>Who stopped what</h2>'
    yield '<p class="soft">A column names what is switched off in it.</p>'
    yield '<div class="scroll"><table class="matrix"><thead><tr><th scope="col">Attack</th>'
    yield from (f'<th scope="col">{escape(each.name)}</th>' for each in columns)
    yield "</tr></thead><tbody>"
    for attack in matrix.runs:
        row = matrix.rows[attack]
        name = f"<code>{attack}</code> <span>{escape(short(row.name, _LONGEST))}</span>"
        yield f'<tr><th scope="row"><a href="#{attack}">{name}</a></th>'
        yield from (f"<td>{_chip(cell(matrix, attack, each.name))}</td>" for each in columns)
        yield "</tr>"
    yield '</tbody></table></div><ul class="legend">'
    for tone, word, meaning in _LEGEND:
        yield f"<li>{_chip(Cell(word, tone))} {meaning}</li>"
    yield "</ul></section>"


def _chip(found: Cell) -> str:
    title = f' title="{escape(found.note)}"' if found.note else ""
    return f'<span class="chip {found.tone}"{title}>{escape(found.text)}</span>'


def _findings(matrix: Matrix) -> Iterator[str]:
    yield '<section class="card"><h2>What this shows</h2><ul class="notes">'
    for good, text in verdicts(matrix):
        yield _note(text, "✓", "") if good else _note(text, "✗", "bad")
    yield from (_note(text, "✗", "bad") for text in failures(matrix))
    yield from (_note(text, "·", "aside") for text in asides(matrix))
    yield "</ul></section>"


def _note(text: str, mark: str, kind: str) -> str:
    return f'<li class="{kind}"><b>{mark}</b><span>{escape(text)}</span></li>'


def _report(matrix: Matrix) -> Iterator[str]:
    yield '<section class="card report"><h2>Payload by payload</h2>'
    yield '<p class="soft">What was sent and what came back: with nothing off, and all of it.</p>'
    for attack, runs in matrix.runs.items():
        row = matrix.rows[attack]
        yield f'<details id="{attack}"><summary><code>{attack}</code>'
        yield f"<strong>{escape(row.name)}</strong></summary>"
        yield f'<div class="inside"><p class="soft">{escape(ATTACKS[attack].meaning())}</p>'
        for configuration in (NONE, ALL):
            if configuration.name in runs:
                yield from _payloads(configuration, runs[configuration.name])
        yield "</div></details>"
    yield "</section>"


def _payloads(configuration: Configuration, run: Run) -> Iterator[str]:
    for tried in run.payloads:
        yield '<div class="payload"><p>'
        yield f"{_chip(_outcome(tried, configuration))}<code>{escape(tried.name)}</code>"
        yield f'<span class="soft">off: {configuration.name}</span></p>'
        if lines := [*exchanges(tried.sent)]:
            yield f"<pre>{escape(chr(10).join(lines))}</pre>"
        yield "</div>"


def _outcome(tried: Tried, configuration: Configuration) -> Cell:
    if tried.through:
        tone = Tone.NAKED if configuration == ALL else Tone.BREACH
        return Cell("through", tone)
    code = tried.stopped_by.name if tried.stopped_by is not None else "stopped"
    return Cell(code, Tone.BREACH if configuration == ALL else Tone.HELD)
