"""fastapi-users' sign-in, in the usual stack: by the password, whose Argon2id it keeps."""

from slowapi.middleware import SlowAPIMiddleware

from bench.contest import Case, Contestant
from bench.contestants.usual import assemble, signing_in


def build(case: Case) -> Contestant:
    """``POST /auth/jwt/login``, each connection for an account of its own."""
    app, users = assemble(case, SlowAPIMiddleware)
    return Contestant(app=app, requests=tuple(signing_in(user) for user in users))
