"""Writes docs/settings.md out of what the code says of each setting.

    .venv/bin/python tools/settings_page.py > docs/settings.md

``tests/docs`` compares the page with what this prints.
"""  # noqa: INP001  # a script, and no package

import sys

from ringfence.core.reference import REFERENCE
from ringfence.core.settings import PREFIX

_PAGE = """\
# Settings

Settings are read from the environment, once, at the start. What is missing, weak, malformed or
unknown stops the start, by name and never by value; `ringfence check` says the same without one.
This page is written by `tools/settings_page.py` out of the code.

| name | takes | unset | for |
|---|---|---|---|
{rows}

## From files

`NAME_FILE` in place of `NAME` names a file that holds the value, such as
`RINGFENCE_DATABASE_FILE=/run/secrets/database`: container platforms and systemd (`LoadCredential=`)
hand secrets out so. It works for every setting, and for what your application requires
(`Ringfence(app, required=["STRIPE_KEY"])`). A line break at the end is no part of the value. Both
at once stop the start, as does a file that cannot be read. The file is read once, at the start.
"""


def page() -> str:
    """The page as it should be."""
    cells = (
        (f"`{PREFIX}{name}`", each.takes, each.unset, each.meaning)
        for name, each in REFERENCE.items()
    )
    return _PAGE.format(rows="\n".join(f"| {' | '.join(row)} |" for row in cells))


if __name__ == "__main__":
    sys.stdout.write(page())
