"""``python3 dev.py mutate``: controls are deleted from a copy of the source, one at a time.

Who notices? An attack, a test, or nobody. What nobody notices is no control that anything proves.

``operators`` finds by syntax tree what can be deleted, ``controls`` names what no rule finds: the
wiring. ``trials`` deletes one after the other and runs the tests that reach it, ``record`` knows
which these are, ``report`` writes the table of ``docs/proof.md``.
"""
