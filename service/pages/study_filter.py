"""What the list of studies shows, as it stands in the page's address: everything can be linked to, and sent on."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from studies.contract.states import StudyState
from studies.contract.study_query import PAGE, StudyOrder, StudyQuery

SORTINGS: dict[StudyOrder, str] = {
    "changed": "Last change",
    "created": "Newest first",
    "name": "Name",
    "best": "Best value",
    "device_time": "Device time",
}

_LONGEST_TEXT = 200
_MOST_TAGS = 20
_LAST_PAGE = 100_000
_LONGEST_NUMBER = 18
"""Digits of a page's number that are read: Python makes no number of thousands of them."""


def query_of(given: QueryParams) -> StudyQuery:
    """Return the question in an address. What cannot be understood is left out: an old link still shows a list."""
    sort = given.get("sort", "")
    return StudyQuery(
        text=given.get("q", "").strip()[:_LONGEST_TEXT],
        states=tuple(state for state in StudyState if state.value in given.getlist("state")),
        tags=tuple(dict.fromkeys(tag for tag in given.getlist("tag") if tag))[:_MOST_TAGS],
        owner=given.get("owner") or None,
        archived=given.get("archived") == "true",
        sort=next((known for known in SORTINGS if known == sort), "changed"),
        offset=(_page(given.get("page", "")) - 1) * PAGE,
    )


def _page(text: str) -> int:
    digits = text[:_LONGEST_NUMBER] if text.isascii() and text.isdigit() else "1"
    return min(max(int(digits), 1), _LAST_PAGE)


def address(query: StudyQuery, **changes: object) -> str:
    """Return the part of the address that asks this, or with some fields changed; "?" alone where all is as usual.

    A change of what is found leads to its first page.
    """
    asked = query.model_copy(update=({} if "offset" in changes else {"offset": 0}) | changes if changes else {})
    pairs = [
        ("q", asked.text),
        *(("state", state.value) for state in asked.states),
        *(("tag", tag) for tag in asked.tags),
        ("owner", asked.owner or ""),
        ("archived", "true" if asked.archived else ""),
        ("sort", "" if asked.sort == "changed" else asked.sort),
        ("page", str(asked.offset // PAGE + 1) if asked.offset else ""),
    ]
    return "?" + urlencode([(name, value) for name, value in pairs if value])


def is_narrowed(query: StudyQuery) -> bool:
    """Return whether a question leaves out any study of its side (archived ones, or the others)."""
    return bool(query.text or query.states or query.tags or query.owner is not None)
