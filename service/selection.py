"""The trials that the reader has selected: ``?select=12,15`` in the address of a study's page, and of its figures."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

MOST_SELECTED = 30
"""Most trials that can be selected: more lines cannot be told apart."""

_LONGEST_NUMBER = 9

Numbers = tuple[int, ...]
"""Numbers of trials within their study, in the order in which they were selected."""


def selected_numbers(text: str) -> Numbers:
    """Return the numbers that `text` lists, each once and at most `MOST_SELECTED`; what is no number is left out.

    An address may have been cut off in a mail: what is left of it still shows something.
    """
    parts = (part for part in text.split(",") if part.isascii() and part.isdigit() and len(part) <= _LONGEST_NUMBER)
    return tuple(dict.fromkeys(int(part) for part in parts))[:MOST_SELECTED]


def get_selection(select: Annotated[str, Query(max_length=1_000)] = "") -> Numbers:
    return selected_numbers(select)


Selection = Annotated[Numbers, Depends(get_selection)]
