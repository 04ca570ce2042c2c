"""From data to what a terminal shows. Everything that users wrote is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from service.cli.report import Report, StageReport
from studies.contract.states import StudyState
from studies.contract.views import StudySummary

STATE_STYLES = {
    StudyState.COMPLETED: "green",
    StudyState.RUNNING: "cyan",
    StudyState.FAILED: "red",
    StudyState.CANCELLED: "red",
    StudyState.PAUSED: "yellow",
    StudyState.AWAITING_APPROVAL: "magenta",
}


def number(value: object) -> str:
    """Return a value for people: at most four significant digits for floats, thousands separated for counts."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return escape(str(value))
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def choice_text(choice: Mapping[str, Any]) -> str:
    return ", ".join(f"{escape(str(name))} [bold]{number(value)}[/]" for name, value in choice.items())


def study_table(studies: Sequence[StudySummary]) -> Table:
    table = Table("name", "state", "stage", "trials", "best", "id", box=None, pad_edge=False)
    for study in studies:
        progress = study.progress
        table.add_row(
            study.name,
            state_text(study.state),
            _stage_now(study),
            f"{progress.trials_ended}/{progress.trials}",
            choice_text(study.best.metrics) if study.best else "",
            study.id,
        )
    return table


def state_text(state: StudyState) -> Text:
    return Text(state.replace("_", " "), style=STATE_STYLES.get(state, ""))


def report_panel(report: Report) -> RenderableType:
    """Return the whole report: what was chosen, each stage's words, what to mind and where to look."""
    parts: list[RenderableType] = [_headline(report)]
    if report.chosen:
        parts += ["", best_table(report)]
    for stage in report.stages:
        parts += ["", _stage_part(stage, report.metric)]
    if report.dashboard:
        parts += ["", f"Every curve and decision: {report.dashboard}"]
    return Panel(Group(*parts), title=f"Stagetune: {report.name}", padding=(1, 2))


def best_table(report: Report) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in report.chosen.items():
        table.add_row(escape(name), f"[bold]{number(value)}[/]")
    for name, value in report.metrics.items():
        if name not in report.chosen:
            table.add_row(escape(name), f"[bold green]{number(value)}[/]")
    return table


def best_yaml(report: Report) -> str:
    """Return the best configuration as YAML: what was chosen, the metrics, the trial."""
    document = {
        "study": report.name,
        "trial": report.best_trial_id,
        "params": dict(report.chosen),
        "metrics": dict(report.metrics),
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _headline(report: Report) -> str:
    line = f"[bold]{report.state.replace('_', ' ')}[/] after {number(report.trials)} trials"
    line += f", {number(report.steps)} steps." if report.steps else "."
    return " ".join(filter(None, (line, escape(report.reason), escape(report.waiting_because))))


def _stage_part(stage: StageReport, metric: str) -> RenderableType:
    if not stage.reason:
        return f"[dim]{stage.title}: {stage.state.replace('_', ' ')}[/]"
    lines = [escape(stage.reason)]
    if stage.after is not None:
        before = "not measured" if stage.before is None else number(stage.before)
        lines.append(f"{escape(metric)} before {before}, after [bold]{number(stage.after)}[/]")
    lines.append(f"[dim]What would change it: {escape(stage.what_would_flip_it)}[/]")
    lines += [f"[yellow]Mind: {escape(warning)}[/]" for warning in stage.warnings]
    return Group(f"[bold]{stage.title}[/]: {choice_text(stage.choice)}", Padding("\n".join(lines), (0, 0, 0, 2)))


def _stage_now(study: StudySummary) -> str:
    done = [stage for stage in study.stages if stage.decision is not None]
    now = next((stage.kind for stage in study.stages if stage.decision is None), "done")
    return f"{len(done)}/{len(study.stages)} {now}"
