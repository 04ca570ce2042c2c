"""What the address of a study's page says of its trial table, and the addresses that the table leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import Depends, Request

from service.trial_queries import Asked, Direction
from studies.contract.trial_query import MAX_FILTER_LENGTH

ROWS: Final = 50
ROW_CHOICES: Final = (25, 50, 100, 250)
LAST_PAGE: Final = 1_000_000
"""Largest number of a page that an address may name; what lies behind the last page shows the last page."""


@dataclass(frozen=True)
class TableState:
    """What the address says of the table. ``columns`` are names with commas; empty for those that are usual."""

    asked: Asked = field(default_factory=Asked)
    page: int = 1
    rows: int = ROWS
    columns: str = ""

    def query(self) -> str:
        """Return the state as the query of an address, ``""`` where it is as usual."""
        usual = TableState()
        fields = {
            "filter": self.asked.filter,
            "sort": self.asked.sort,
            "order": "" if self.asked.order == usual.asked.order else self.asked.order,
            "page": "" if self.page == usual.page else str(self.page),
            "rows": "" if self.rows == usual.rows else str(self.rows),
            "columns": self.columns,
        }
        given = {name: value for name, value in fields.items() if value}
        return f"?{urlencode(given, safe=',()', quote_via=quote)}" if given else ""

    def sorted(self, sort: str, order: Direction) -> TableState:
        """Return the state in another order, from its first page on."""
        return replace(self, asked=replace(self.asked, sort=sort, order=order), page=1)

    def filtered(self, text: str) -> TableState:
        """Return the state with another filter, from its first page on."""
        return replace(self, asked=replace(self.asked, filter=text), page=1)


def read_state(address: Mapping[str, str]) -> TableState:
    """Read the query of an address. A person may have changed it by hand: what cannot be is as if it were not there."""
    page, rows = address.get("page", ""), address.get("rows", "")
    order: Direction = "desc" if address.get("order") == "desc" else "asc"
    return TableState(
        asked=Asked(address.get("filter", "")[: MAX_FILTER_LENGTH + 1], address.get("sort", ""), order),
        page=min(max(1, int(page)), LAST_PAGE) if _is_number(page) else 1,
        rows=int(rows) if _is_number(rows) and int(rows) in ROW_CHOICES else ROWS,
        columns=address.get("columns", ""),
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(LAST_PAGE))


async def get_table_state(request: Request) -> TableState:
    return read_state(request.query_params)


TableStateDep = Annotated[TableState, Depends(get_table_state)]
