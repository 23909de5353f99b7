"""Ringfence's sign-in by the password itself: the server does the slow step."""

from bench.contest import Case, Contestant
from bench.contestants.accounts import signing_in


def build(case: Case) -> Contestant:
    """``POST /auth/sign-in``, each connection for an account of its own."""
    return signing_in(case, by="password")
