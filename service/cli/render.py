"""From data to what a terminal shows. Everything that users wrote is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from service.cli.report import Report, StageReport
from service.conclusions import Chosen, chosen, gain_words, seeds_words, value_words
from service.format import count, device_hours, number, params, scalar, words
from studies.contract.states import StudyState
from studies.contract.study_query import StudyQuery
from studies.contract.views import StudySummary
from studies.core.schedules import describe

STATE_STYLES = {
    StudyState.COMPLETED: "green",
    StudyState.RUNNING: "cyan",
    StudyState.FAILED: "red",
    StudyState.CANCELLED: "red",
    StudyState.PAUSED: "yellow",
    StudyState.AWAITING_APPROVAL: "magenta",
}


def choice_text(choice: Mapping[str, Any]) -> str:
    return ", ".join(f"{escape(words(name))} [bold]{escape(value_words(value))}[/]" for name, value in choice.items())


def study_table(studies: Sequence[StudySummary]) -> Table:
    """Return a line a study; owners and tags stand there where any study has one."""
    more = {"owner": [study.owner for study in studies], "tags": [", ".join(study.tags) for study in studies]}
    shown = {name: values for name, values in more.items() if any(values)}
    kept = {name: Column(name, no_wrap=True, overflow="fold") for name in ("name", "id")}  # both are for copying
    table = Table(
        kept["name"],
        Column("state", no_wrap=True),
        Column("stage", no_wrap=True),
        "trials",
        "chosen",
        "device time",
        *shown,
        kept["id"],
        box=None,
        pad_edge=False,
    )
    for index, study in enumerate(studies):
        progress = study.progress
        table.add_row(
            study.name,
            state_text(study.state),
            _stage_now(study),
            f"{progress.trials_ended}/{progress.trials}",
            _standing(study),
            device_hours(study.device_seconds),
            *(escape(values[index]) for values in shown.values()),
            study.id,
        )
    return table


def no_study(asked: StudyQuery) -> str:
    """Say that nothing was found, and what to do."""
    if asked.model_copy(update={"sort": "created", "limit": 1}) != StudyQuery(sort="created", limit=1):
        return "No study matches: ask for less, or see them all with `stagetune list`."
    return "No study yet: submit one with `stagetune submit study.yaml`."


def _standing(study: StudySummary) -> str:
    """Say how good the choice is so far, before the first decision how good the best run."""
    found, metric, value = chosen(study), *_own_metric(study)
    if found:
        return f"{metric} {number(found.score)}"
    return f"{metric} {number(value)} (best run)" if metric else ""


def _own_metric(study: StudySummary) -> tuple[str, float | None]:
    """Return name and best value of the study's own metric, which is the first of its best trial's."""
    name, value = next(iter(study.best.metrics.items()), ("", None)) if study.best else ("", None)
    return escape(words(name)), value


def state_text(state: StudyState) -> Text:
    return Text(state.replace("_", " "), style=STATE_STYLES.get(state, ""))


def report_panel(report: Report) -> RenderableType:
    """Return the whole report: what was chosen, each stage's words, what to mind and where to look."""
    parts: list[RenderableType] = [_headline(report)]
    if report.chosen or report.best:
        parts += ["", best_table(report)]
    for stage in report.stages:
        parts += ["", _stage_part(stage, report.metric)]
    if report.dashboard:
        parts += ["", f"Every curve and decision: {report.dashboard}"]
    return Panel(Group(*parts), title=f"Stagetune: {report.name}", padding=(1, 2))


def best_table(report: Report) -> RenderableType:
    """Return what was chosen, and below it the best single run, which luck may have helped."""
    table = Table(box=None, show_header=False, pad_edge=False)
    if report.chosen:
        for name, value in _configuration(report.chosen).items():
            table.add_row(escape(words(name)), f"[bold]{escape(scalar(value))}[/]")
        table.add_row(escape(words(report.metric)), _score(report.chosen))
    return Group(table, _best_run(report)) if report.chosen else Group(_best_run(report))


def _configuration(chosen: Chosen) -> dict[str, object]:
    return {**chosen.params, "num_steps": chosen.num_steps, "schedule": describe(chosen.schedule)}


def _score(chosen: Chosen) -> str:
    return f"[bold green]{number(chosen.score)}[/]{seeds_words(chosen.seeds)}"


def _best_run(report: Report) -> str:
    if report.best is None:
        return "No run has given a result yet."
    metrics = {name: value for name, value in report.best.metrics.items() if name not in report.best.params}
    said = ", ".join(f"{escape(words(name))} {number(value)}" for name, value in metrics.items())
    return f"[dim]Best single run: {said} ({escape(params(report.best.params))})[/]"


def _headline(report: Report) -> str:
    line = f"[bold]{report.state.replace('_', ' ')}[/] after {count(report.trials, 'trial')}"
    line += f", {count(report.steps, 'step')}." if report.steps else "."
    return " ".join(filter(None, (line, escape(report.reason), escape(report.waiting_because))))


def _stage_part(stage: StageReport, metric: str) -> RenderableType:
    if not stage.reason:
        return f"[dim]{stage.title}: {stage.state.replace('_', ' ')}[/]"
    lines = [escape(stage.reason)]
    if stage.gain is not None:
        lines.append(f"[bold]{escape(gain_words(stage.gain, metric))}[/]")
    lines.append(f"[dim]What would change it: {escape(stage.what_would_flip_it)}[/]")
    lines += [f"[yellow]Note: {escape(warning)}[/]" for warning in stage.warnings]
    return Group(f"[bold]{stage.title}[/]: {choice_text(stage.choice)}", Padding("\n".join(lines), (0, 0, 0, 2)))


def _stage_now(study: StudySummary) -> str:
    done = [stage for stage in study.stages if stage.decision is not None]
    now = next((stage.kind for stage in study.stages if stage.decision is None), "done")
    return f"{len(done)}/{len(study.stages)} {now}"
