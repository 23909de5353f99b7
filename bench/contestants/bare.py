"""The route without any security: the order, for whoever asks."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy.ext.asyncio import AsyncSession

from bench.contest import Case, Contestant, Request
from bench.shop import OWNED, Order, Orders


def build(case: Case) -> Contestant:
    """See the module."""
    orders = Orders(case.folder, "nobody")
    app = FastAPI(openapi_url=None)

    if case.query == "sqlalchemy":

        @app.get("/orders/{order_id}")
        async def read_order(
            order_id: int, session: Annotated[AsyncSession, Depends(orders.session)]
        ) -> dict[str, Any]:
            order = await session.get(Order, order_id)
            if order is None:
                raise HTTPException(404)
            return order.shown()
    else:

        @app.get("/orders/{order_id}")
        async def read_plain_order(order_id: int) -> dict[str, Any]:
            order = orders.fetch(order_id)
            if order is None:
                raise HTTPException(404)
            return order.shown()

    request = Request(method="GET", path=f"/orders/{OWNED}")
    return Contestant(app=app, requests=(request,) * case.people)
