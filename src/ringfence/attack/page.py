"""The matrix as one self-contained page (``--html``), for a browser and for a picture in a README.

It runs no script and loads nothing: its policy allows its own style alone, by its digest. Names of
payloads are attacks, so every text is escaped.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from typing import Final

from ringfence.attack.ablation import Matrix
from ringfence.attack.cell import Cell, Tone, cell, failures, verdicts
from ringfence.attack.configuration import ALL, NONE
from ringfence.attack.outcome import Run
from ringfence.attack.table import asides

_STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2024; --quiet: #60646c; --line: #e2e4e9;
  --held: #18794e; --held-bg: #e6f6eb; --second: #0b68cb; --second-bg: #e6f4fe;
  --open: #ab6400; --open-bg: #fff7c2; --breach: #fff; --breach-bg: #ce2c31; }
@media (prefers-color-scheme: dark) { :root { --paper: #111113; --ink: #edeef0; --quiet: #b0b4ba;
  --line: #2e3135; --held: #3dd68c; --held-bg: #132d21; --second: #70b8ff; --second-bg: #0d2847;
  --open: #ffca16; --open-bg: #302008; --breach: #fff; --breach-bg: #ce2c31; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem; max-width: 72rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
p { margin: .25rem 0 1rem; color: var(--quiet); }
ul { padding-left: 1.25rem; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 13px; }
caption { text-align: left; color: var(--quiet); padding-bottom: .5rem; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: left;
  white-space: nowrap; }
th[scope=row] { font-weight: 500; white-space: normal; }
td span, caption span { display: inline-block; min-width: 5em; padding: .1rem .5rem; border-radius: .3rem; }
.held { color: var(--held); background: var(--held-bg); }
.second { color: var(--second); background: var(--second-bg); }
.open { color: var(--open); background: var(--open-bg); }
.breach { color: var(--breach); background: var(--breach-bg); font-weight: 700; }
.naked, .absent { color: var(--quiet); }
.good::marker { content: "\\2713\\20"; color: var(--held); }
.bad::marker { content: "\\2717\\20"; color: var(--breach-bg); }
.bad { font-weight: 700; }
details { border-bottom: 1px solid var(--line); padding: .4rem 0; }
summary { cursor: pointer; }
code { font: 12px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
"""

_LEGEND: Final = (
    (Tone.HELD, "layer", "stopped it"),
    (Tone.SECOND, "layer", "behind it did"),
    (Tone.OPEN, "through", "no line is left"),
    (Tone.NAKED, "through", "every layer is off, as it must"),
    (Tone.BREACH, "THROUGH!", "a line failed"),
)


def page(matrix: Matrix, *, profile: str) -> str:
    """The whole page; ``profile`` names the system and the database."""
    digest = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>ringfence attack</title><style>{_STYLE}</style></head><body>",
            "<h1>ringfence attack</h1>",
            f"<p>{len(matrix.runs)} of {len(matrix.rows)} attacks of the catalogue, over HTTP,",
            f"on {escape(profile)}. Who stopped each, by the layer that was switched off.</p>",
            *_table(matrix),
            *_findings(matrix),
            "<h2>Payload by payload</h2>",
            *(line for attack in matrix.runs for line in _details(matrix, attack)),
            "</body></html>\n",
        )
    )


def _table(matrix: Matrix) -> Iterator[str]:
    yield f'<div class="wide"><table><caption>{_legend()}</caption><thead><tr>'
    yield '<th scope="col">switched off</th>'
    yield from (f'<th scope="col">{escape(each.name)}</th>' for each in matrix.configurations)
    yield "</tr></thead><tbody>"
    for attack in matrix.runs:
        yield f'<tr><th scope="row">{attack} {escape(matrix.rows[attack].name)}</th>'
        yield from (_field(cell(matrix, attack, each.name)) for each in matrix.configurations)
        yield "</tr>"
    yield "</tbody></table></div>"


def _field(found: Cell) -> str:
    title = f' title="{escape(found.note)}"' if found.note else ""
    return f'<td><span class="{found.tone}"{title}>{escape(found.text)}</span></td>'


def _legend() -> str:
    return " &ensp; ".join(
        f'<span class="{tone}">{word}</span> {meaning}' for tone, word, meaning in _LEGEND
    )


def _findings(matrix: Matrix) -> Iterator[str]:
    yield "<h2>What this shows</h2><ul>"
    yield from (
        f'<li class="{"good" if good else "bad"}">{escape(text)}</li>'
        for good, text in verdicts(matrix)
    )
    yield from (f'<li class="bad">{escape(text)}</li>' for text in failures(matrix))
    yield "</ul><ul>"
    yield from (f"<li>{escape(text)}</li>" for text in asides(matrix))
    yield "</ul>"


def _details(matrix: Matrix, attack: str) -> Iterator[str]:
    row, runs = matrix.rows[attack], matrix.runs[attack]
    yield f"<details><summary>{attack} {escape(row.name)}</summary>"
    yield f"<p>Stopped means: {escape(row.stopped)}</p><ul>"
    with_all, with_none = runs.get(NONE.name), runs.get(ALL.name)
    for number, tried in enumerate(with_all.payloads if with_all is not None else ()):
        code = tried.stopped_by.name if tried.stopped_by is not None else ""
        said = "through" if tried.through else f"stopped {code}".rstrip()
        naked = _naked(with_none, number)
        yield f"<li><code>{escape(tried.name)}</code>: {escape(said)}{naked}</li>"
    yield "</ul></details>"


def _naked(run: Run | None, number: int) -> str:
    if run is None or number >= len(run.payloads):
        return ""
    return f"; with every layer off {'through' if run.payloads[number].through else 'stopped'}"
