"""Handlers as people write them: they call none of Ringfence's functions.

Only ``ringfence attack`` starts a shop with them. Each does what a handler of ``app`` does, with
what Python and its libraries offer: ``open()``, an HTTP client, HTML as it came, a redirect as it
was asked for, a file under its own name. So the report can say what the layers stop all the same.

There is none that starts a program: the boundary denies that to every handler, honest use too.
"""

# ruff: noqa: FAST003  # a path parameter that names the policy's resource is the policy's to read

from pathlib import Path
from typing import Annotated, Any

import httpx2
from fastapi import APIRouter, HTTPException, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse

from ringfence import Caller, Owned, allow, body, owner, public, signed_in
from ringfence_demo.app import PLACE, Link, PostId, find_post
from ringfence_demo.models import Order, Upload
from ringfence_demo.shop import Session, TheShop

router = APIRouter(prefix="/plain")


@router.get("/orders/{order_id}/invoice")
@allow(owner(Order))
async def read_invoice(order: Owned[Order], shop: TheShop, name: str = "invoice.txt") -> Response:
    """A file of the order's folder, opened by its name (I07)."""
    return Response(_read(shop.folder.invoices / str(order.id) / name), media_type="text/plain")


@router.get("/posts/{post_id}/view", response_class=HTMLResponse)
@allow(public)
async def view_post(post_id: PostId, session: Session, shop: TheShop) -> str:
    """One post as a page, as it was written (O02)."""
    post = await find_post(session, post_id)
    template = (shop.pages / "post.html").read_text()
    return PLACE.sub(lambda place: str(getattr(post, place[1])), template)


@router.post("/fetch")
@allow(signed_in)
@body(Link)
async def fetch(request: Request) -> dict[str, Any]:
    """A page somewhere else, wherever that is (S01)."""
    try:
        async with httpx2.AsyncClient(follow_redirects=True) as client:
            answer = await client.get((await request.json())["url"])
    except (httpx2.HTTPError, httpx2.InvalidURL):
        raise HTTPException(400) from None
    return {"status": answer.status_code, "text": answer.text}


@router.get("/go")
@allow(public)
async def go(following: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Go on to another page, whatever it is (O07)."""
    return RedirectResponse(following)


@router.post("/uploads", status_code=201)
@allow(signed_in)
async def create_upload(
    file: UploadFile, session: Session, caller: Caller, shop: TheShop
) -> dict[str, Any]:
    """Keep a file under its own name and type (O03)."""
    name = file.filename or "file"
    (shop.folder.uploads / name).write_bytes(await file.read())
    upload = Upload(user_id=caller.subject, name=name, media_type=file.content_type or "text/plain")
    session.add(upload)
    await session.commit()
    return upload.shown()


@router.get("/uploads/{upload_id}")
@allow(owner(Upload))
async def read_upload(upload: Owned[Upload], shop: TheShop) -> Response:
    """A file as it was sent."""
    return Response(_read(shop.folder.uploads / upload.name), media_type=upload.media_type)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read()
    except OSError:
        raise HTTPException(404) from None
