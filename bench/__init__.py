"""Side-by-side measurements; ``python3 dev.py bench`` runs them, ``docs/bench.md`` explains them.

Absolute numbers belong to one machine on one day. What is reported are ratios between things that
were measured in turns, seconds apart, and how far the turns differ.
"""
