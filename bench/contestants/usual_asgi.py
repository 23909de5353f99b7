"""The usual stack, as fast as it can be made: slowapi's other middleware, which is pure ASGI."""

from slowapi.middleware import SlowAPIASGIMiddleware

from bench.contest import Case, Contestant
from bench.contestants.usual import assemble, reading


def build(case: Case) -> Contestant:
    """``GET /orders/{id}`` by one account; every connection sends the same token."""
    app, users = assemble(case, SlowAPIASGIMiddleware)
    return Contestant(app=app, requests=(reading(users[0]),) * case.people)
