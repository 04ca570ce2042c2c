"""``/``: all studies, to be searched, narrowed, sorted, and put away."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep
from service.format import sentence, words
from service.pages.glance import ChosenLine, Fact, StageMark, best_values, chosen_line, facts, stage_line
from service.pages.page_route import PageRoute
from service.pages.rendering import page
from service.pages.sparkline import Spark, sparkline
from service.pages.study_filter import SORTINGS, address, is_narrowed, query_of
from studies.contract.states import StudyState
from studies.contract.study_query import PAGE, StudyPage, StudyQuery
from studies.contract.views import StudySummary
from studies.storage.port import StudyStore

router = APIRouter(route_class=PageRoute)


@dataclass(frozen=True)
class Link:
    """A place in the list; ``address`` is empty where there is none."""

    text: str
    address: str


@dataclass(frozen=True)
class Option:
    """A choice of the filter."""

    value: str
    text: str
    chosen: bool


@dataclass(frozen=True)
class StudyRow:
    """A study in the list. ``best`` is the score that counts so far, and ``best_of`` what it is the score of."""

    id: str
    name: str
    state: StudyState
    reason: str
    stages: tuple[StageMark, ...]
    best: str
    best_of: str
    spark: Spark | None
    facts: tuple[Fact, ...]
    owner: Link
    tags: tuple[Link, ...]
    updated_at: float


@dataclass(frozen=True)
class FilterContext:
    """What is asked for, and what could be.

    Attributes:
        text: what is searched for.
        choices: by the parameter of the address that they stand for: state, tag, owner, sort.
        more_tags: tags asked for beside the first.
        tags: those asked for, each with the address without it.
        archived: whether archived studies are shown; other: the way to those that are not shown, if there are any.
        clear: the address without any condition.
        narrowed: whether there is any.
    """

    text: str
    choices: dict[str, tuple[Option, ...]]
    more_tags: tuple[str, ...]
    tags: tuple[Link, ...]
    archived: bool
    other: Link
    clear: str
    narrowed: bool


@dataclass(frozen=True)
class StudyListContext:
    """A page of the list.

    Attributes:
        total: studies found; known: studies there are on this side (archived ones, or the others).
        first: place of the first row, counted from 1; last: of the last.
        asked: the part of the address that asks for this page.
    """

    rows: tuple[StudyRow, ...]
    filter: FilterContext
    total: int
    known: int
    first: int
    last: int
    newer: str
    older: str
    asked: str
    base_url: str
    now: float


def _row(study: StudySummary, query: StudyQuery) -> StudyRow:
    best, best_of = _best(study, chosen_line(study))
    return StudyRow(
        id=study.id,
        name=study.name,
        state=study.state,
        reason=sentence(study.reason),
        stages=stage_line(study.stages),
        best=best,
        best_of=best_of,
        spark=sparkline(study.best_so_far),
        facts=facts(study),
        owner=Link(study.owner, address(query, owner=study.owner) if study.owner else ""),
        tags=tuple(Link(tag, address(query, tags=tuple(dict.fromkeys((*query.tags, tag))))) for tag in study.tags),
        updated_at=study.updated_at,
    )


def _best(study: StudySummary, chosen: ChosenLine | None) -> tuple[str, str]:
    """Return the score of what was chosen so far, before the first choice that of the best run, and its name."""
    metrics = best_values(study)
    name = metrics[0][0] if metrics else ""
    if chosen is not None and chosen.score:
        return chosen.score, f"{name}{chosen.seeds}"
    return (metrics[0][1], name) if metrics else ("", "")


def filter_context(found: StudyPage, query: StudyQuery) -> FilterContext:
    offered = found.facets
    other = "Archive" if not query.archived else "All studies"
    states = {state.value: (words(state.value), amount) for state, amount in offered.states.items()}
    tags = {tag: (tag, amount) for tag, amount in offered.tags.items()}
    owners = {owner: (owner, amount) for owner, amount in offered.owners.items()}
    return FilterContext(
        text=query.text,
        choices={
            "state": _options("Any state", states, query.states[0].value if query.states else ""),
            "tag": _options("Any tag", tags, query.tags[0] if query.tags else ""),
            "owner": _options("Any owner", owners, query.owner or ""),
            "sort": tuple(Option(sort, text, sort == query.sort) for sort, text in SORTINGS.items()),
        },
        more_tags=query.tags[1:],
        tags=tuple(Link(tag, address(query, tags=tuple(t for t in query.tags if t != tag))) for tag in query.tags),
        archived=query.archived,
        other=Link(
            f"{other} ({offered.other:,})", "?" if query.archived else "?archived=true" if offered.other else ""
        ),
        clear=address(StudyQuery(archived=query.archived, sort=query.sort)),
        narrowed=is_narrowed(query),
    )


def _options(all_of_them: str, offered: dict[str, tuple[str, int]], chosen: str) -> tuple[Option, ...]:
    """Return a choice's options; what is chosen stands there even where nothing has it any more."""
    if chosen and chosen not in offered:
        offered = {**offered, chosen: (words(chosen), 0)}
    named = [Option(value, f"{text} ({amount:,})", value == chosen) for value, (text, amount) in offered.items()]
    return (Option("", all_of_them, not chosen), *named)


def context_of(store: StudyStore, query: StudyQuery, base_url: str, now: float) -> StudyListContext:
    """Return the page that `query` asks for; one beyond the last shows the last."""
    found = store.find_studies(query)
    if not found.studies and found.total:
        query = query.model_copy(update={"offset": (found.total - 1) // PAGE * PAGE})
        found = store.find_studies(query)
    last = query.offset + len(found.studies)
    return StudyListContext(
        rows=tuple(_row(study, query) for study in found.studies),
        filter=filter_context(found, query),
        total=found.total,
        known=found.facets.total,
        first=query.offset + 1,
        last=last,
        newer=address(query, offset=max(0, query.offset - PAGE)) if query.offset else "",
        older=address(query, offset=query.offset + PAGE) if last < found.total else "",
        asked=address(query),
        base_url=base_url,
        now=now,
    )


def _context(request: Request, store: StudyStore) -> StudyListContext:
    return context_of(store, query_of(request.query_params), str(request.base_url).rstrip("/"), time.time())


@router.get("/", name="study_list")
def study_list(request: Request, store: StoreDep) -> HTMLResponse:
    return page(request, "study_list.html", _context(request, store))


@router.get("/parts/studies", name="study_list_part")
def study_list_part(request: Request, store: StoreDep) -> HTMLResponse:
    return page(request, "parts/study_list.html", _context(request, store))
