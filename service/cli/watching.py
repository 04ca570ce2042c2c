"""Follows a study on a terminal: a bar per stage, and what happens in words as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from service.cli.render import choice_text
from service.cli.report import STAGE_TITLES
from service.client import ApiClient
from service.conclusions import choice_values
from studies.contract.states import StageState, StudyState
from studies.contract.views import StageView, StudyView

POLL_SECONDS = 0.5
STALL_SECONDS = 15.0
"""A worker needs some seconds to load its libraries; after so long without a step the user should know why."""


def watch_study(
    client: ApiClient, study_id: str, console: Console, check: Callable[[], None] = lambda: None
) -> StudyView:
    """Follow a study until it has ended; return it as it then is. `check` raises when there is no point in going on."""
    seen: StudyView | None = None
    stalls = StallWatch()
    with StageBars(console) as bars:
        while True:
            study = client.study(study_id)
            for line in (*news(seen, study), *stalls.look(study, time.monotonic())):
                console.print(line)
            bars.show(study)
            if study.state.ended:
                return study
            check()
            seen = study
            time.sleep(POLL_SECONDS)


def news(before: StudyView | None, now: StudyView) -> Iterator[str]:
    """Yield in words what has changed between two looks at a study."""
    earlier = before.stages if before else tuple(StageView(kind=s.kind, state=StageState.PENDING) for s in now.stages)
    for old, stage in zip(earlier, now.stages, strict=True):
        yield from _stage_news(old, stage)
    if before is None or before.state != now.state:
        yield from _state_news(now)


def _stage_news(old: StageView, stage: StageView) -> Iterator[str]:
    if old.state != StageState.RUNNING and stage.state == StageState.RUNNING:
        yield f"[cyan]>[/] stage opened: {STAGE_TITLES[stage.kind]}"
    if old.decision is None and stage.decision is not None:
        yield f"[green]*[/] {STAGE_TITLES[stage.kind]}: {choice_text(choice_values(stage.decision))}"
        yield f"  {escape(stage.decision.reason)}"


def _state_news(now: StudyView) -> Iterator[str]:
    if now.state == StudyState.AWAITING_APPROVAL:
        yield f"[magenta]?[/] waits for you: `stagetune approve {now.name}`. {escape(now.reason)}"
    elif now.state == StudyState.PAUSED:
        yield f"[yellow]=[/] paused; go on with `stagetune resume {now.name}`"


class StallWatch:
    """Says once why a study waits, when it has waited for a while without training a step."""

    def __init__(self) -> None:
        self._held: tuple[str, int] | None = None
        self._since = 0.0
        self._told = False

    def look(self, study: StudyView, now: float) -> tuple[str, ...]:
        """Return the line to print, if any; `now` in seconds of a monotonic clock."""
        held = (study.waiting_because, study.progress.steps)
        if held != self._held:
            self._held, self._since, self._told = held, now, False
        if self._told or not study.waiting_because or now - self._since < STALL_SECONDS:
            return ()
        self._told = True
        return (f"[yellow].[/] {escape(study.waiting_because)}",)


class StageBars:
    """A progress bar for each stage; on what is no terminal nothing is drawn."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("trials"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> StageBars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, study: StudyView) -> None:
        for stage in study.stages:
            self._progress.update(self._bar(stage), completed=stage.trials_ended, total=stage.trials or None)
            if stage.state == StageState.RUNNING:
                self._progress.start_task(self._bar(stage))
            elif stage.closed_at is not None:
                self._progress.stop_task(self._bar(stage))

    def _bar(self, stage: StageView) -> TaskID:
        if stage.kind not in self._bars:
            self._bars[stage.kind] = self._progress.add_task(STAGE_TITLES[stage.kind], start=False, total=None)
        return self._bars[stage.kind]
