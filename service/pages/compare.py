"""``/compare?trials=<id>,<id>``: any trials of any studies side by side: curves on one axis, settings, metrics."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from service.comparison import Member, Row, Settings, direction, metric_names, metric_rows, run_rows, settings
from service.dependencies import StoreDep
from service.figures.axes import EPOCH, TITLES, Axis, Ruler, ruler
from service.figures.compare import Compared, compare_data, style
from service.figures.compare_drawing import compare_drawing
from service.figures.drawing import Drawing
from service.figures.drawn import EVERY_POINT, CurveLook
from service.figures.palette import Palette, palette_of
from service.pages.compare_choice import LONGEST_LIST, Chosen, choose, wanted
from service.pages.drawings import as_csv, as_json
from service.pages.figures import PaletteDep
from service.pages.page_route import PageRoute
from service.pages.rendering import href, page
from service.pages.stills import StillDep
from studies.contract.views import StudyView
from studies.contract.worker_protocol import MetricName
from studies.core.snapshot import Curve
from studies.storage.port import StudyStore

router = APIRouter(route_class=PageRoute)

SMOOTH = 10


@dataclass(frozen=True)
class Column:
    """A trial at the head of its column.

    Attributes:
        name: as it stands on its line.
        color, dash: of its line.
        others: the list of trials without it.
    """

    member: Member
    name: str
    color: int
    dash: str
    others: str


@dataclass(frozen=True)
class TableContext:
    """What the table of trials says; ``trials`` is the list that it shows, ``study`` that of all, if it is one."""

    trials: str
    study: StudyView | None
    columns: tuple[Column, ...]
    settings: Settings
    metrics: tuple[Row, ...]
    run: tuple[Row, ...]


@dataclass(frozen=True)
class Controls:
    """What can be chosen for the figure, and what is."""

    metrics: tuple[str, ...]
    look: CurveLook
    axes: tuple[tuple[Axis, str], ...] = tuple(TITLES.items())


@dataclass(frozen=True)
class CompareContext:
    """The page; ``problems`` name what was asked for and cannot be shown."""

    table: TableContext
    problems: tuple[str, ...]
    controls: Controls
    live: bool


# --- in words ----------------------------------------------------------------------------------------------------


def short_names(members: Sequence[Member]) -> tuple[str, ...]:
    """Return ``#12`` for each trial, with its study's name before it where there are several studies."""
    if len({member.study.id for member in members}) <= 1:
        return tuple(f"#{member.trial.number}" for member in members)
    return tuple(f"{member.study.name} #{member.trial.number}" for member in members)


def labels(differing: Iterable[Row], amount: int) -> tuple[str, ...]:
    """Return for each of so many trials what distinguishes it, on one line."""
    rows = list(differing)
    return tuple(" · ".join(f"{row.name} {row.cells[index].text}" for row in rows) for index in range(amount))


# --- contexts ----------------------------------------------------------------------------------------------------


def table_context(chosen: Chosen, now: float) -> TableContext:
    members, found = chosen.members, settings(chosen.members)
    return TableContext(
        trials=_joined(members),
        study=members[0].study if len({member.study.id for member in members}) == 1 else None,
        columns=_columns(members),
        settings=found,
        metrics=metric_rows(members),
        run=run_rows(members, now),
    )


def _columns(members: Sequence[Member]) -> tuple[Column, ...]:
    return tuple(
        Column(member, name, *style(place), _joined(other for other in members if other is not member))
        for place, (member, name) in enumerate(zip(members, short_names(members), strict=True))
    )


def _joined(members: Iterable[Member]) -> str:
    return ",".join(member.trial.id for member in members)


def get_compare_look(
    *,
    metric: MetricName | None = None,
    axis: Axis = "step",
    smooth: Annotated[int, Query(ge=0, le=100)] = SMOOTH,
    start: Annotated[float | None, Query(alias="from", allow_inf_nan=False)] = None,
    end: Annotated[float | None, Query(alias="to", allow_inf_nan=False)] = None,
) -> CurveLook:
    return CurveLook(metric or "", smooth, axis, start, end)


CompareLook = Annotated[CurveLook, Depends(get_compare_look)]
Trials = Annotated[str, Query(max_length=LONGEST_LIST, description="Ids, or study/number, with commas between.")]


def _with_metric(look: CurveLook, members: Sequence[Member]) -> CurveLook:
    """Return `look` with the metric that the studies are judged by, where none was chosen."""
    names = metric_names(members)
    return look if look.metric or not names else replace(look, metric=names[0])


# --- routes ------------------------------------------------------------------------------------------------------


@router.get("/compare", name="compare")
def compare_page(
    request: Request, store: StoreDep, look: CompareLook, trials: Trials = "", add: Trials = ""
) -> Response:
    """Answer with the page; with `add`, lead to the page that has these trials too."""
    words = wanted(f"{trials},{add}")
    if add:
        return RedirectResponse(_address_with(request, words), status_code=303)
    chosen = choose(store, words)
    names = metric_names(chosen.members)
    context = CompareContext(
        table=table_context(chosen, time.time()),
        problems=chosen.problems,
        controls=Controls(names, _with_metric(look, chosen.members)),
        live=any(not member.trial.state.ended for member in chosen.members),
    )
    return page(request, "compare.html", context)


def _address_with(request: Request, words: Sequence[str]) -> str:
    """Return the address of this page with these trials, and with whatever else the reader has chosen."""
    kept = request.url.remove_query_params(["trials", "add"]).query
    return f"{href(request, 'compare')}?trials={quote(','.join(words), safe=',/')}" + (f"&{kept}" if kept else "")


@router.get("/compare/parts/table", name="compare_table")
def compare_table(request: Request, store: StoreDep, trials: Trials = "") -> HTMLResponse:
    return page(request, "parts/compare_table.html", table_context(choose(store, wanted(trials)), time.time()))


@router.get("/compare/figures/curves.json", name="compare_figure")
def compare_figure(
    store: StoreDep, palette: PaletteDep, look: CompareLook, still: StillDep, trials: Trials = ""
) -> Response:
    """Answer with a `Drawing` as JSON."""
    return as_json(_drawing(store, trials, palette, look), still=still)


@router.get("/compare/figures/curves.csv", name="compare_figure_csv")
def compare_figure_csv(store: StoreDep, look: CompareLook, trials: Trials = "") -> Response:
    """Answer with what the figure is drawn from, in full precision."""
    drawing = _drawing(store, trials, palette_of("light"), replace(look, points=EVERY_POINT))
    return as_csv(drawing, store, "compared")


def _drawing(store: StudyStore, trials: str, palette: Palette, look: CurveLook) -> Drawing:
    members = choose(store, wanted(trials)).members
    look = _with_metric(look, members)
    way = direction(look.metric, members)
    data = compare_data(
        _compared(store, members, look.axis),
        _curves(store, members, look.metric),
        look,
        maximize=None if way is None else way == "maximize",
    )
    return compare_drawing(data, palette)


def _curves(store: StudyStore, members: Sequence[Member], metric: str) -> Mapping[str, Curve]:
    """Return the metric's curves by trial id, with one question a study."""
    by_study: dict[str, list[str]] = {}
    for member in members:
        by_study.setdefault(member.study.id, []).append(member.trial.id)
    return {
        trial_id: curve
        for study_id, ids in by_study.items()
        for trial_id, curve in store.curves(study_id, metric, ids).items()
    }


def _compared(store: StudyStore, members: Sequence[Member], axis: Axis) -> list[Compared]:
    said = labels(settings(members).differing, len(members))
    named = zip(members, short_names(members), said, strict=True)
    epochs = _curves(store, members, EPOCH) if axis == "epoch" else {}
    return [
        Compared(member.trial, name, label, _ruler(member, epochs.get(member.trial.id)))
        for member, name, label in named
    ]


def _ruler(member: Member, epochs: Curve | None) -> Ruler:
    trial = member.trial
    found = ruler(trial, trial.attempts, member.study.spec, time.time())
    return found if epochs is None else Ruler(found.batch_size, found.epoch_samples, epochs, found.spans)
