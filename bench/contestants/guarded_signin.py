"""Ringfence's sign-in, by the browser's ``client_key``: the slow step is done by then."""

from bench.contest import Case, Contestant
from bench.contestants.accounts import signing_in


def build(case: Case) -> Contestant:
    """``POST /auth/sign-in``, each connection for an account of its own."""
    return signing_in(case, by="client_key")
