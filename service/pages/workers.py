"""``/workers``: why the queue waits, the workers with their devices and timelines, and what was measured before."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep
from service.format import sentence
from service.pages.devices import DeviceRow, device_row, listed
from service.pages.fleet import SEARCH_FROM, Fleet, fleet, summary
from service.pages.packs import ProfileRow, profile_rows
from service.pages.page_route import PageRoute
from service.pages.queue import STUDIES_SHOWN, Queue, queue_of
from service.pages.rendering import page
from service.pages.timelines import WINDOWS, TimelineLook, TimelineLookDep
from service.standing import held_because, is_missed, standing
from studies.contract.base import Timestamp
from studies.contract.views import WorkerView
from studies.storage.port import RunFailure, StudyStore, TrialFace

router = APIRouter(route_class=PageRoute)

FAILURES_SHOWN = 5
"""Of each worker, the latest."""

COLORS: Final = {"study": "study", "state": "how it ended"}


@dataclass(frozen=True)
class Asked:
    """What a reader asked to see of the workers, as it stands in the page's address."""

    look: TimelineLook
    search: str
    page: int

    def query(self, **changes: str | int) -> str:
        """Return the address's query with `changes`; what is as usual is left out."""
        given = {"window": self.look.window.name, "color": self.look.color, "q": self.search, "page": self.page}
        usual = {"window": "1h", "color": "study", "q": "", "page": 1}
        wanted = {name: value for name, value in (given | changes).items() if value != usual[name]}
        return f"?{urlencode(wanted)}" if wanted else ""

    @property
    def figure_query(self) -> str:
        """What a timeline's address says of it."""
        return f"?{urlencode({'window': self.look.window.name, 'color': self.look.color})}"


def get_asked(
    look: TimelineLookDep,
    q: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Asked:
    return Asked(look, q.strip(), page)


AskedDep = Annotated[Asked, Depends(get_asked)]


@dataclass(frozen=True)
class Choice:
    """A link of a row of them, one of which is the present one."""

    title: str
    query: str
    current: bool


@dataclass(frozen=True)
class FailureRow:
    """An attempt that did not go well; ``number`` is its trial's, None where that is gone."""

    failure: RunFailure
    number: int | None
    study_name: str
    reason: str


@dataclass(frozen=True)
class WorkerRow:
    """A worker.

    Attributes:
        standing: how it stands, in words.
        missed: whether it fell silent with runs under way.
        held_because: why it is given no new runs, in words.
    """

    worker: WorkerView
    runs: str
    devices: tuple[DeviceRow, ...]
    standing: str
    missed: bool
    held_because: str
    failures: tuple[FailureRow, ...] = ()


@dataclass(frozen=True)
class WorkersContext:
    """The page.

    Attributes:
        gone: those that have been silent for long.
        windows, colors: what else the timelines could show.
        earlier, later: queries of the pages beside this one, None where there is none.
        searchable: whether there are so many workers that one has to be looked for.
    """

    asked: Asked
    summary: str
    queue: Queue
    fleet: Fleet
    workers: tuple[WorkerRow, ...]
    gone: tuple[WorkerRow, ...]
    profiles: tuple[ProfileRow, ...]
    windows: tuple[Choice, ...]
    colors: tuple[Choice, ...]
    earlier: str | None
    later: str | None
    searchable: bool
    base_url: str
    now: Timestamp


def workers_context(store: StudyStore, asked: Asked, base_url: str) -> WorkersContext:
    now, known = time.time(), store.list_workers()
    found = fleet(known, now, asked.search, asked.page)
    asked = replace(asked, page=found.page)
    profiles = store.list_profiles()
    return WorkersContext(
        asked=asked,
        summary=summary(known),
        queue=queue_of(store.queues(STUDIES_SHOWN), known),
        fleet=found,
        workers=_rows(store, found.shown, {view.profile.run_class: view.label for view in profiles}),
        gone=tuple(_row(worker, {}, {}) for worker in found.gone),
        profiles=profile_rows(profiles),
        windows=tuple(
            Choice(window.title, asked.query(window=window.name), window is asked.look.window)
            for window in WINDOWS.values()
        ),
        colors=tuple(
            Choice(title, asked.query(color=name), name == asked.look.color) for name, title in COLORS.items()
        ),
        earlier=asked.query(page=found.page - 1) if found.page > 1 else None,
        later=asked.query(page=found.page + 1) if found.page < found.pages else None,
        searchable=found.known >= SEARCH_FROM or bool(asked.search),
        base_url=base_url,
        now=now,
    )


def _rows(store: StudyStore, workers: Sequence[WorkerView], labels: Mapping[str, str]) -> tuple[WorkerRow, ...]:
    """Return workers with all that is shown of them; the trials that they need are asked for at once."""
    failures = {worker.id: store.failures_on(worker.id, FAILURES_SHOWN) for worker in workers}
    running = {trial_id for worker in workers for device in worker.devices for trial_id in listed(device)}
    faces = store.trial_faces(running | {item.trial_id for items in failures.values() for item in items})
    return tuple(
        replace(
            _row(worker, faces, labels),
            failures=tuple(_failure_row(item, faces.get(item.trial_id)) for item in failures[worker.id]),
        )
        for worker in workers
    )


def _row(worker: WorkerView, faces: Mapping[str, TrialFace], labels: Mapping[str, str]) -> WorkerRow:
    devices = tuple(device_row(device, faces, labels) for device in worker.devices)
    runs = ", ".join((*worker.objectives, *worker.allow))
    return WorkerRow(worker, runs, devices, standing(worker), is_missed(worker), held_because(worker))


def _failure_row(failure: RunFailure, face: TrialFace | None) -> FailureRow:
    """Return a failure; of a long reason the first line says what it is about."""
    lines = failure.reason.strip().splitlines()
    reason = sentence(lines[0][:300] if lines else "")
    return FailureRow(failure, face.number if face else None, face.study_name if face else "", reason)


def _context(request: Request, store: StudyStore, asked: Asked) -> WorkersContext:
    return workers_context(store, asked, str(request.base_url).rstrip("/"))


@router.get("/workers", name="workers")
def workers_page(request: Request, store: StoreDep, asked: AskedDep) -> HTMLResponse:
    return page(request, "workers.html", _context(request, store, asked))


@router.get("/parts/workers", name="workers_part")
def workers_part(request: Request, store: StoreDep, asked: AskedDep) -> HTMLResponse:
    return page(request, "parts/workers.html", _context(request, store, asked))
