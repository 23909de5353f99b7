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
from ringfence.attack.about import About
from ringfence.attack.attacks import ATTACKS
from ringfence.attack.cell import Cell, Tone, cell, payloads, seamless
from ringfence.attack.configuration import ALL, NONE, PRODUCTION, Configuration
from ringfence.attack.outcome import Run, Tried
from ringfence.attack.transcript import exchanges
from ringfence.attack.verdict import asides, failures, gaps, headline, verdicts

_LEGEND: Final = (
    (Tone.HELD, "layer", "stopped it; · still does"),
    (Tone.SECOND, "layer", "the second line did"),
    (Tone.OPEN, "through", "no line is left"),
    (Tone.NAKED, "through", "every layer is off, as it must"),
    (Tone.BREACH, "THROUGH!", "a line failed"),
    (Tone.BROKEN, "broken", "proves nothing"),
    (Tone.ABSENT, "not run", "could not be run here"),
)
#: Where the runs at handlers stand that call none of Ringfence's functions.
_SEAMLESS: Final = "without-our-functions"
#: A fence of three posts and two rails.
_MARK: Final = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 6l2-3 2 3v15H4zM10 6l2-3 2 3v15h-4z'
    'M16 6l2-3 2 3v15h-4zM2 9h20v2H2zM2 15h20v2H2z"/></svg>'
)


def page(matrix: Matrix, about: About) -> str:
    """The whole page."""
    style = files("ringfence.attack").joinpath("page.css").read_text("utf-8")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    made = f"{about.date}, in {about.duration}, by Ringfence {about.version}"
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Proof by attack</title><style>{style}</style></head><body>",
            '<header class="masthead">',
            f'<div class="brand">{_MARK}Ringfence · Proof by attack</div>',
            f"<h1>{escape(headline(matrix))}</h1>",
            f"<p>{len(matrix.runs)} of the {len(matrix.rows)} attacks of the catalogue, over HTTP",
            f"against {escape(about.target)} on {escape(about.profile)}, judged from outside.",
            f"{escape(made)}.</p>",
            "</header><main>",
            *_tiles(matrix),
            *_matrix(matrix),
            *_findings(matrix),
            *_report(matrix),
            f"<footer>Made by <code>ringfence attack</code>, {escape(made)}.</footer>",
            "</main></body></html>\n",
        )
    )


def _tiles(matrix: Matrix) -> Iterator[str]:
    summary, missing = matrix.summary, len(matrix.not_run)
    fewest = min(matrix.benign.values(), key=lambda benign: benign.passed, default=Benign(passed=0))
    honest = fewest.passed + len(fewest.failures)
    ran = _ran(matrix, NONE)
    yield '<dl class="tiles">'
    yield _tile("stopped with nothing off", summary.stopped, ran, good=summary.stopped == ran)
    if naked := _ran(matrix, ALL):
        through = sum(
            ALL.name in runs and runs[ALL.name].outcome == "succeeded"
            for runs in matrix.runs.values()
        )
        good = not summary.naked_failed
        yield _tile("get through with every layer off", through, naked, good=good)
    good = not summary.benign_failed
    yield _tile("honest checks pass, whatever is off", fewest.passed, honest, good=good)
    if summary.idle_switches is not None:
        idle = summary.idle_switches
        yield _tile("switches that change nothing", idle, None, good=not idle)
    if missing:
        yield _tile("not run: see below what it takes", missing, len(matrix.runs), good=True)
    yield "</dl>"


def _ran(matrix: Matrix, configuration: Configuration) -> int:
    """How many attacks were run in a configuration."""
    found = (runs.get(configuration.name) for runs in matrix.runs.values())
    return sum(run is not None and run.outcome != "unavailable" for run in found)


def _tile(what: str, number: int, of: int | None, *, good: bool) -> str:
    most = f" <small>of {of}</small>" if of is not None else ""
    kind = "" if good else ' class="bad"'
    return f"<div><dt>{what}</dt><dd{kind}>{number}{most}</dd></div>"


def _matrix(matrix: Matrix) -> Iterator[str]:
    """The table: a row for each attack, sorted by layer, a column for what is switched off."""
    columns = [each for each in matrix.configurations if each != NONE]
    yield '<section class="card"><h2>Who stopped what</h2>'
    yield '<p class="soft">The columns on the right name what is switched off. Each field opens'
    yield "what was sent and what came back.</p>"
    yield '<div class="scroll"><table class="matrix"><thead><tr><th scope="col">Attack</th>'
    yield '<th scope="col">First line</th><th scope="col">Second line</th>'
    yield '<th scope="col">Payloads</th>'
    yield from (f'<th scope="col">{escape(_head(each))}</th>' for each in columns)
    yield '<th scope="col">Without our functions</th>'
    yield "</tr></thead><tbody>"
    for attack in matrix.by_layer:
        plain, _, detail = matrix.rows[attack].name.partition(" (")
        more = f" <small>({escape(detail)}</small>" if detail else ""
        name = f"<code>{attack}</code><span>{escape(plain)}{more}</span>"
        yield f'<tr><th scope="row"><a href="#{attack}">{name}</a></th>'
        yield f"<td>{_field(matrix, attack, NONE)}</td>"
        yield f"<td>{escape(matrix.second_line(attack) or '-')}</td>"
        yield f'<td class="number">{payloads(matrix, attack)}</td>'
        yield from (f"<td>{_field(matrix, attack, each)}</td>" for each in columns)
        bare = seamless(matrix, attack)
        link = f'<a href="#{_anchor(attack, _SEAMLESS)}">{_chip(bare)}</a>'
        yield f"<td>{link if bare.text else ''}</td>"
        yield "</tr>"
    yield '</tbody></table></div><ul class="legend">'
    for tone, word, meaning in _LEGEND:
        yield f"<li>{_chip(Cell(word, tone))} {meaning}</li>"
    yield "</ul></section>"


def _head(configuration: Configuration) -> str:
    names = {ALL: "every layer", PRODUCTION: "production"}
    return names.get(configuration, configuration.name)


def _field(matrix: Matrix, attack: str, configuration: Configuration) -> str:
    found = cell(matrix, attack, configuration.name)
    if configuration != NONE and found.tone is Tone.HELD:  # by whom, the first line says
        found = Cell("·", Tone.HELD, found.note)
    return f'<a href="#{_anchor(attack, configuration.name)}">{_chip(found)}</a>'


def _anchor(attack: str, configuration: str) -> str:
    return f"{attack}-{configuration}"


def _chip(found: Cell) -> str:
    title = f' title="{escape(found.note)}"' if found.note else ""
    return f'<span class="chip {found.tone}"{title}>{escape(found.text)}</span>'


def _findings(matrix: Matrix) -> Iterator[str]:
    yield '<section class="card"><h2>What this shows</h2><ul class="notes">'
    for good, text in verdicts(matrix):
        yield _note(text, "✓", "") if good else _note(text, "✗", "bad")
    yield from (_note(text, "✗", "bad") for text in failures(matrix))
    yield from (_note(text, "-", "gap") for text in gaps(matrix))
    yield from (_note(text, "·", "aside") for text in asides(matrix))
    yield "</ul></section>"


def _note(text: str, mark: str, kind: str) -> str:
    return f'<li class="{kind}"><b>{mark}</b><span>{escape(text)}</span></li>'


def _report(matrix: Matrix) -> Iterator[str]:
    yield '<section class="card report"><h2>Payload by payload</h2>'
    yield '<p class="soft">What was sent and what came back, whatever was off.</p>'
    for attack in matrix.by_layer:
        row = matrix.rows[attack]
        yield f"<details><summary><code>{attack}</code>"
        yield f"<strong>{escape(row.name)}</strong></summary>"
        yield f'<div class="inside" id="{attack}"><p class="soft">'
        yield f"{escape(ATTACKS[attack].meaning())}</p>"
        for configuration in matrix.configurations:
            if configuration.name in matrix.runs[attack]:
                run = matrix.runs[attack][configuration.name]
                found = cell(matrix, attack, configuration.name)
                yield from _run(run, found, attack, configuration.name, _head(configuration))
        if attack in matrix.plain:
            run, found = matrix.plain[attack], seamless(matrix, attack)
            yield from _run(
                run, found, attack, _SEAMLESS, "none, and handlers call none of our functions"
            )
        yield "</div></details>"
    yield "</section>"


def _run(run: Run, found: Cell, attack: str, name: str, off: str) -> Iterator[str]:
    """One field's exchanges. A link to it opens what it is folded into (HTML 7.4.6.4)."""
    yield f"<details><summary>{_chip(found)}<span>off: {escape(off)}</span>"
    yield f'</summary><div class="inside" id="{_anchor(attack, name)}">'
    if run.reason:
        yield f"<p>{escape(run.reason)}</p>"
    yield from (part for tried in run.payloads for part in _payload(tried, found))
    yield "</div></details>"


def _payload(tried: Tried, found: Cell) -> Iterator[str]:
    yield f'<div class="payload"><p>{_chip(_outcome(tried, found))}'
    yield f"<code>{escape(tried.name)}</code></p>"
    if lines := [*exchanges(tried.sent)]:
        yield f"<pre>{escape(chr(10).join(lines))}</pre>"
    yield "</div>"


def _outcome(tried: Tried, found: Cell) -> Cell:
    """What came of one payload, where ``found`` is what came of all."""
    if tried.through:
        return Cell("through", Tone.NAKED if found.tone is Tone.DUD else found.tone)
    code = tried.stopped_by.name if tried.stopped_by is not None else "stopped"
    return Cell(code, Tone.DUD if found.tone is Tone.DUD else Tone.HELD)
