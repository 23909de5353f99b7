"""The shop's handlers, written in a hurry: each is a lesson (API.md, "The demo shop").

What is wrong here is wrong on purpose. Policies are declared, and where a control works by
construction (a command, a file, outbound HTTP, rich text, a redirect) the handler calls Ringfence,
which does nothing of it with its layer off. That is the naked twin: this very code.
"""

# ruff: noqa: FAST003  # a path parameter that names the policy's resource is the policy's to read

import re
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, FastAPI, HTTPException, Path, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import select, text
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

from ringfence import (
    Caller,
    FileRoot,
    Owned,
    Page,
    allow,
    attachment,
    body,
    commands,
    owner,
    paged,
    public,
    rich_text,
    role,
    safe_location,
    self_only,
    signed_in,
)
from ringfence_demo import handover
from ringfence_demo.models import Order, Post, Product, Upload
from ringfence_demo.shop import Session, Shop, TheShop

router = APIRouter()

Item = Annotated[str, Meta(min_length=1, max_length=200)]
Quantity = Annotated[int, Meta(ge=1, le=999)]
Note = Annotated[str, Meta(max_length=2000)]
Limit = Annotated[int, Query(ge=1, le=100)]
PostId = Annotated[int, Path(ge=1, le=2**31)]
After = Annotated[int, Query(ge=0, le=2**31)]

PLACE = re.compile(r"{{ (title|author|created_at|body) }}")
PRICE_OF_ANYTHING_ELSE = 1000  # cents


class NewOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What a customer says about an order."""

    item: Item
    quantity: Quantity = 1
    note: Note = ""


class OrderChange(msgspec.Struct, forbid_unknown_fields=True):
    """What a customer may change about an order."""

    item: Item | UnsetType = UNSET
    quantity: Quantity | UnsetType = UNSET
    note: Note | UnsetType = UNSET


class NewPost(msgspec.Struct, forbid_unknown_fields=True):
    """A post: its body is HTML."""

    title: Annotated[str, Meta(min_length=1, max_length=120)]
    body: Annotated[str, Meta(min_length=1, max_length=20_000)]


class Photo(msgspec.Struct, forbid_unknown_fields=True):
    """A product's picture."""

    filename: str


class Link(msgspec.Struct, forbid_unknown_fields=True):
    """A page somewhere else."""

    url: str


@router.get("/", response_class=HTMLResponse)
@allow(public)
async def page(shop: TheShop) -> str:
    """The shop's page: sign in, products, orders, posts."""
    return (shop.pages / "index.html").read_text()


@router.get("/products")
@allow(public)
async def list_products(session: Session, q: str = "", sort: str = "name") -> dict[str, Any]:
    """Search the products. The lesson: SQL injection, in free text and in a column's name."""
    connection = await session.connection()
    found = await connection.exec_driver_sql(
        "SELECT id, name, description, price FROM products "
        f"WHERE name LIKE '%{q}%' OR description LIKE '%{q}%' ORDER BY {sort}"
    )
    return {"items": [dict(row) for row in found.mappings()], "next": None}


@router.get("/orders")
@allow(signed_in)
async def list_orders(
    session: Session, _caller: Caller, after: After = 0, limit: Limit = 50
) -> dict[str, Any]:
    """The orders. The lesson: nobody here asks whose they are."""
    found = select(Order).where(Order.id > after).order_by(Order.id)
    orders = (await session.scalars(found.limit(limit + 1))).all()
    following = str(orders[limit - 1].id) if len(orders) > limit else None
    return {"items": [order.shown() for order in orders[:limit]], "next": following}


@router.post("/orders", status_code=201)
@allow(signed_in)
@body(NewOrder)
async def create_order(
    request: Request, session: Session, caller: Caller, shop: TheShop
) -> dict[str, Any]:
    """Order something. The lesson: every field of the body is copied onto the row."""
    fields = {"quantity": 1, "note": "", **await request.json()}
    product = select(Product).where(Product.name == fields["item"])
    found = (await session.scalars(product)).first()
    price = found.price if found else PRICE_OF_ANYTHING_ELSE
    order = Order(user_id=caller.subject, price=price, total=price * fields["quantity"])
    for name, value in fields.items():
        setattr(order, name, value)
    session.add(order)
    await session.commit()
    write_invoice(shop, order)
    return order.shown()


@router.get("/orders/{order_id}")
@allow(owner(Order))
async def read_order(order: Owned[Order]) -> dict[str, Any]:
    """One order. The lesson: nobody here asks whose it is."""
    return order.shown()


@router.put("/orders/{order_id}")
@allow(owner(Order))
@body(OrderChange)
async def change_order(
    request: Request, session: Session, order: Owned[Order], shop: TheShop
) -> dict[str, Any]:
    """Change an order. The lesson: every field of the body is copied onto the row."""
    fields = await request.json()
    order.total = order.price * fields.get("quantity", order.quantity)
    for name, value in fields.items():
        setattr(order, name, value)
    await session.commit()
    write_invoice(shop, order)
    return order.shown()


@router.delete("/orders/{order_id}", status_code=204)
@allow(owner(Order))
async def delete_order(session: Session, order: Owned[Order], shop: TheShop) -> None:
    """Delete an order, and its invoice."""
    await session.delete(order)
    await session.commit()
    shutil.rmtree(shop.folder.invoices / str(order.id), ignore_errors=True)


@router.get("/orders/{order_id}/invoice")
@allow(owner(Order))
async def read_invoice(order: Owned[Order], shop: TheShop, name: str = "invoice.txt") -> Response:
    """A file of the order's folder. The lesson: path traversal."""
    invoices = FileRoot(shop.folder.invoices / str(order.id))
    return Response(invoices.read(name), media_type="text/plain")


@router.get("/orders/{order_id}/files/{name:path}")
@allow(owner(Order, by="order_id"))
async def read_file(order: Owned[Order], shop: TheShop, name: str) -> Response:
    """The same by a path. The lesson: what a proxy has decoded is decoded again."""
    invoices = FileRoot(shop.folder.invoices / str(order.id))
    return Response(invoices.read(unquote(name)), media_type="text/plain")


@router.get("/posts")
@allow(public)
async def list_posts(session: Session, limit: Limit = 50) -> dict[str, Any]:
    """The latest posts."""
    posts = await session.scalars(select(Post).order_by(Post.id.desc()).limit(limit))
    return {"items": [shown_post(post) for post in posts], "next": None}


@router.post("/posts", status_code=201)
@allow(signed_in)
@body(NewPost)
async def create_post(
    request: Request, session: Session, caller: Caller, shop: TheShop
) -> dict[str, Any]:
    """Write a post. The lessons: stored XSS, and an answer with every column of the row."""
    author, email = await shop.people.name(caller.subject), await shop.people.email(caller.subject)
    post = Post(user_id=caller.subject, author=author, email=email, **await request.json())
    session.add(post)
    await session.commit()
    return shown_post(post)


@router.get("/posts/{post_id}")
@allow(public)
async def read_post(post_id: PostId, session: Session) -> dict[str, Any]:
    """One post."""
    return shown_post(await find_post(session, post_id))


@router.get("/posts/{post_id}/view", response_class=HTMLResponse)
@allow(public)
async def view_post(post_id: PostId, session: Session, shop: TheShop) -> str:
    """One post as a page."""
    post = await find_post(session, post_id)
    template = (shop.pages / "post.html").read_text()
    # In one pass: what a field holds is never taken for a place of the template.
    return PLACE.sub(lambda place: rich_text(getattr(post, place[1])), template)


@router.post("/tools/thumbnail")
@allow(signed_in)
@body(Photo)
async def make_thumbnail(request: Request, shop: TheShop) -> dict[str, str]:
    """A picture for a page. The lesson: command injection."""
    filename = (await request.json())["filename"]
    result = await commands.run(shop.thumbnail, filename=filename)
    if result.status != 0:
        raise HTTPException(404)
    return {"thumbnail": "data:image/png;base64," + result.output.decode()}


@router.post("/tools/fetch")
@allow(signed_in)
@body(Link)
async def fetch(request: Request, shop: TheShop) -> dict[str, Any]:
    """Preview a page somewhere else. The lesson: server-side request forgery."""
    answer = await shop.outbound.fetch((await request.json())["url"])
    text = answer.body.decode(errors="replace")
    return {"status": answer.status, "type": answer.media_type, "text": text}


@router.post("/uploads", status_code=201)
@allow(signed_in)
async def create_upload(
    file: UploadFile, session: Session, caller: Caller, shop: TheShop
) -> dict[str, Any]:
    """Keep a file. The lesson: active content."""
    kept = await shop.uploads.store(
        await file.read(),
        stated_name=file.filename or "file",
        stated_type=file.content_type or "application/octet-stream",
    )
    upload = Upload(user_id=caller.subject, name=kept.name, media_type=kept.media_type)
    session.add(upload)
    await session.commit()
    return upload.shown()


@router.get("/uploads")
@allow(signed_in)
async def list_uploads(uploads: Owned[list[Upload]]) -> Page[dict[str, Any]]:
    """The files, a page at a time. The lesson: nobody here asks whose they are."""
    return paged(uploads, Upload.shown)


@router.get("/uploads/{upload_id}")
@allow(owner(Upload))
async def read_upload(upload: Owned[Upload], shop: TheShop) -> Response:
    """A file as it was sent. The lesson: active content."""
    content = shop.uploads.root.read(upload.name)
    attachment(upload.name)
    return Response(content, media_type=upload.media_type)


@router.delete("/users/{user_id}", status_code=204)
@allow(role("admin") & (role("superadmin") | self_only))
async def disable_user(user_id: str, shop: TheShop) -> None:
    """Close an account."""
    try:
        await shop.people.disable(user_id)
    except LookupError:
        raise HTTPException(404) from None


@router.get("/go")
@allow(public)
async def go(following: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Go on to another page. The lesson: open redirect."""
    return RedirectResponse(safe_location(following))


@router.get("/boom")
@allow(public)
async def boom(session: Session, where: str = "") -> None:
    """Fail. The lesson: what an exception says is for the log."""
    if where == "database":
        await session.execute(text("SELECT canary_password FROM canary_table"))
    password = "canary-database-password"  # noqa: S105  # what must not be shown
    raise RuntimeError(f"cannot connect to postgresql://shop:{password}@db.internal/shop")


def write_invoice(shop: Shop, order: Order) -> None:
    """The order's invoice, as a text file in a folder of its own."""
    folder = shop.folder.invoices / str(order.id)
    folder.mkdir(mode=0o700, exist_ok=True)
    euros = f"EUR {order.total / 100:.2f}"
    lines = (f"Invoice {order.id}", "", f"{order.quantity} x {order.item}", order.note, euros, "")
    (folder / "invoice.txt").write_text("\n".join(lines))


def shown_post(post: Post) -> dict[str, Any]:
    """A post as JSON, with every column; pages put its body in as it is."""
    return {**post.shown(), "body": rich_text(post.body)}


async def find_post(session: Session, post_id: int) -> Post:
    """A post by its id, or 404."""
    post = await session.get(Post, post_id)
    if post is None:
        raise HTTPException(404)
    return post


def build(shop: Shop, more: Sequence[BaseRoute] = ()) -> FastAPI:
    """The bare application, without any guard, and with ``more`` routes."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        yield
        await shop.database.engine.dispose()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.shop = shop
    # Lists of routes are sealed with the application; each has its own.
    app.include_router(APIRouter(routes=[*router.routes, *handover.router.routes, *more]))
    # The lesson: whatever lies in the folder is served, and whatever a link in it leads to.
    app.mount("/static", StaticFiles(directory=shop.static, follow_symlink=True))
    return app
