"""SQL of ``catalogue_app`` that stands in another module."""

from typing import Any

LISTED = "SELECT id, name FROM products"
COLUMNS = {"name": "name", "rank": "rank"}
CONDITIONS = {"dear": "price > 15", "cheap": "price <= 15 AND rank > 0"}


def where(q: str) -> tuple[str, dict[str, Any]]:
    """A condition, and what is bound to it."""
    if not q:
        return "", {}
    return "WHERE name LIKE :q OR category = :c", {"q": f"%{q}%", "c": q}
