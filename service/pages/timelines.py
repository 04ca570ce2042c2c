"""The timeline of a device as JSON: which trial ran in which slot when."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Response

from service.dependencies import StoreDep, WorkerId
from service.figures.drawing import Drawing
from service.figures.palette import Palette, palette_of
from service.figures.timeline import MOST_RUNS, timeline_data
from service.figures.timeline_drawing import ColorBy, Words, faces_wanted, timeline_drawing
from service.pages.drawings import as_csv, as_json
from service.pages.figures import PaletteDep
from studies.storage.port import Span, StudyStore

router = APIRouter()

WindowName = Literal["15m", "1h", "6h", "1d", "all"]
DeviceName = Annotated[str, Path(pattern=r"^(cpu|cuda:[0-9]{1,3})$")]

STEPS = 12
"""A window begins at a multiple of so small a part of it: until the next one, what is shown stays in its place."""

SHORTEST_SECONDS = 60.0


@dataclass(frozen=True)
class Window:
    """A choice of time: `seconds` back from now, all that is known where it is None."""

    name: WindowName
    title: str
    words: str
    seconds: float | None

    def span(self, now: float) -> Span:
        """Return the time that ends now; what is all begins in 1970."""
        if self.seconds is None:
            return Span(0.0, now)
        step = self.seconds / STEPS
        return Span((now - self.seconds) // step * step, now)


WINDOWS: Final[dict[WindowName, Window]] = {
    window.name: window
    for window in (
        Window("15m", "15 minutes", "in the last 15 minutes", 900.0),
        Window("1h", "Hour", "in the last hour", 3_600.0),
        Window("6h", "6 hours", "in the last 6 hours", 21_600.0),
        Window("1d", "Day", "in the last day", 86_400.0),
        Window("all", "All", "so far", None),
    )
}


@dataclass(frozen=True)
class TimelineLook:
    """What a reader wants to see of every device: how far back, and what colours tell."""

    window: Window
    color: ColorBy


def get_timeline_look(window: WindowName = "1h", color: ColorBy = "study") -> TimelineLook:
    return TimelineLook(WINDOWS[window], color)


TimelineLookDep = Annotated[TimelineLook, Depends(get_timeline_look)]


@router.get("/workers/{worker_id}/devices/{device}/timeline.json", name="device_timeline")
def device_timeline(
    store: StoreDep, worker_id: WorkerId, device: DeviceName, palette: PaletteDep, look: TimelineLookDep
) -> Response:
    """Answer with a `Drawing` as JSON."""
    return as_json(_drawing(store, worker_id, device, palette, look))


@router.get("/workers/{worker_id}/devices/{device}/timeline.csv", name="device_timeline_csv")
def device_timeline_csv(store: StoreDep, worker_id: WorkerId, device: DeviceName, look: TimelineLookDep) -> Response:
    """Answer with what the timeline is drawn from."""
    drawing = _drawing(store, worker_id, device, palette_of("light"), look)
    return as_csv(drawing, store, f"{worker_id}-{device}")


def _drawing(store: StudyStore, worker_id: str, device: str, palette: Palette, look: TimelineLook) -> Drawing:
    span = look.window.span(time.time())
    runs = store.runs_on(worker_id, device, span, MOST_RUNS)
    if look.window.seconds is None:
        first = min((run.started_at for run in runs), default=span.until)
        span = Span(min(first, span.until - SHORTEST_SECONDS), span.until)
    data = timeline_data(runs, span)
    words = Words(device, look.window.words, store.trial_faces(faces_wanted(data)))
    return timeline_drawing(data, words, palette, look.color)
