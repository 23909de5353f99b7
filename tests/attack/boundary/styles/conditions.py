"""Helpers that build conditions, in a module of their own."""

from dataclasses import dataclass
from typing import Any

BY_STATE = {"cheap": "price < 15", "dear": "price >= 15 AND rank > 0", "all": "1 = 1"}
SEARCHED = {"q": "name LIKE :q", "category": "category = :category"}


def where(q: dict[str, str]) -> tuple[str, dict[str, Any]]:
    parts = [SEARCHED[each] for each in SEARCHED if q.get(each)]
    values: dict[str, Any] = {k: f"%{v}%" if k == "q" else v for k, v in q.items()}
    return (" WHERE " + " AND ".join(parts) if parts else ""), values


def paging(page: int, size: int) -> str:
    return f"LIMIT {size} OFFSET {(page - 1) * size}"


def bounded(column: str, low: str | None, high: str | None) -> tuple[str, dict[str, Any]]:
    clauses: list[str] = []
    values: dict[str, Any] = {}
    if low is not None:
        clauses.append(f"{column} >= :low")
        values["low"] = int(low)
    if high is not None:
        clauses.append(f"{column} <= :high")
        values["high"] = int(high)
    return " AND ".join(clauses) or "TRUE", values


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed by."""

    category: str | None = None
    least: int = 0

    def sql(self) -> str:
        clauses = ["id > 0"]
        if self.category:
            clauses.append("category = :category")
        if self.least:
            clauses.append("price >= :least")
        return f"WHERE {' AND '.join(clauses)} ORDER BY id"

    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.category:
            found["category"] = self.category
        if self.least:
            found["least"] = self.least
        return found
