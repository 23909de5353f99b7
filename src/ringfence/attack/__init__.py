"""Proof by attack: the catalogue, the runner, the ablation, the report.

Everything goes over HTTP to real processes, and is judged from outside. This package imports
``core`` and nothing else of Ringfence: who attacks does not read the policies that are attacked.
"""
