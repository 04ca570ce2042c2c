"""Which studies a list shows, and in which order. The same question travels from the page, the API and the CLI."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from studies.contract.base import Message
from studies.contract.states import StudyState
from studies.contract.views import StudySummary

StudyOrder = Literal["changed", "created", "name", "best", "device_time"]

PAGE = 25
"""Studies on a page: what a reader looks through before searching."""

MOST = 1_000
"""Most studies of one answer."""


class StudyQuery(Message):
    """What is looked for; every condition has to hold.

    Attributes:
        text: words that each stand in the name, a tag or the owner, whatever their case.
        states: any of these; all states where there is none.
        tags: all of these, whatever their case.
        owner: exactly this one; "" asks for studies without an owner, None for those of all.
        archived: those that were put away, instead of the others.
        sort: ``changed``, ``created`` and ``device_time`` begin with the latest and the largest; ``best`` compares
            studies of one metric by its direction, metrics in order of their names.
        offset: how many to leave out at the beginning.
    """

    text: str = Field(default="", max_length=200)
    states: tuple[StudyState, ...] = ()
    tags: tuple[str, ...] = Field(default=(), max_length=20)
    owner: str | None = None
    archived: bool = False
    sort: StudyOrder = "changed"
    offset: int = Field(default=0, ge=0, lt=2**31)
    limit: int = Field(default=PAGE, ge=1, le=MOST)


class Facets(Message):
    """What could be asked for: how many of the studies (archived ones, or the others) have a state, a tag, an owner.

    Only what there is; tags and owners by frequency, then by name. ``other`` counts the studies on the other side:
    the archived ones where the question is about the others.
    """

    states: dict[StudyState, int]
    tags: dict[str, int]
    owners: dict[str, int]
    total: int
    other: int


class StudyPage(Message):
    """A page of what was found; ``total`` counts all of it."""

    studies: tuple[StudySummary, ...]
    total: int
    facets: Facets
