"""Who may do what changes hands: the roles of an account, the owner of an order.

Whoever had them has a token still, made before the change. The lesson: what a token says is old.
"""

# ruff: noqa: FAST003  # a path parameter that names the policy's resource is the policy's to read

from typing import Annotated

import msgspec
from fastapi import APIRouter, HTTPException, Request
from msgspec import Meta
from sqlalchemy import update

from ringfence import Owned, allow, body, owner, role
from ringfence_demo.models import Order
from ringfence_demo.shop import TheShop

router = APIRouter()


class NewRoles(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody may be from now on."""

    roles: list[Annotated[str, Meta(pattern="^[a-z]{1,20}$")]]


class Heir(msgspec.Struct, forbid_unknown_fields=True):
    """Whose it is from now on."""

    user_id: Annotated[str, Meta(min_length=1, max_length=64)]


@router.put("/users/{user_id}/roles", status_code=204)
@allow(role("superadmin"))
@body(NewRoles)
async def change_roles(request: Request, user_id: str, shop: TheShop) -> None:
    """Give somebody other roles."""
    try:
        await shop.people.set_roles(user_id, frozenset((await request.json())["roles"]))
    except LookupError:
        raise HTTPException(404) from None


@router.put("/orders/{order_id}/owner", status_code=204)
@allow(owner(Order))
@body(Heir)
async def give_order_away(request: Request, order: Owned[Order], shop: TheShop) -> None:
    """Make an order somebody else's. The caller's own session gives nothing away."""
    heir = (await request.json())["user_id"]
    async with shop.handover() as session:
        await session.execute(update(Order).where(Order.id == order.id).values(user_id=heir))
        await session.commit()
