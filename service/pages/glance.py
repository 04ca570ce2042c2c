"""What the list of studies and the top of a study's page say alike: where it stands, what it found, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.conclusions import chosen, seeds_words
from service.format import count, device_hours, duration, memory, number, params, stage_title, words
from service.pages.story import Tense, tense
from studies.contract.states import StudyState
from studies.contract.views import StageView, StudySize, StudySummary
from studies.core.schedules import describe

TOO_EARLY = "too early to tell"


@dataclass(frozen=True)
class StageMark:
    """A stage on the stage line."""

    title: str
    tense: Tense
    words: str


@dataclass(frozen=True)
class ChosenLine:
    """What a study has chosen so far; ``score`` is empty where its metric was not measured."""

    score: str
    seeds: str
    what: str


@dataclass(frozen=True)
class Fact:
    """A name, a value, and in small letters what the value needs beside it."""

    name: str
    value: str
    note: str = ""


def stage_line(stages: Sequence[StageView]) -> tuple[StageMark, ...]:
    return tuple(StageMark(stage_title(s.kind), tense(s.state), words(s.state.value)) for s in stages)


def best_values(study: StudySummary) -> tuple[tuple[str, str], ...]:
    """Return the best trial's metrics as pairs of name and value, the study's own first; empty before any result.

    What is reported of a hyperparameter, such as the rate of every step, stands with the parameters already.
    """
    if study.best is None:
        return ()
    metrics = {name: value for name, value in study.best.metrics.items() if name not in study.best.params}
    return tuple((words(name), number(value)) for name, value in metrics.items())


def chosen_line(study: StudySummary) -> ChosenLine | None:
    """Return the chosen configuration in words, None before the first decision."""
    found = chosen(study)
    if found is None:
        return None
    score = "" if found.score is None else number(found.score)
    shape = f"{describe(found.schedule)} · {count(found.num_steps, 'step')}"
    return ChosenLine(score, seeds_words(found.seeds), f"{params(found.params)} · {shape}")


def size_words(size: StudySize) -> str:
    """Return what a study has left behind, in words."""
    return f"{count(size.points, 'point')}, {memory(size.bytes)}"


def facts(study: StudySummary) -> tuple[Fact, ...]:
    """Return how far a study is, what it has cost, and how long it will take or took."""
    return (trials_fact(study), Fact("Device time", device_hours(study.device_seconds)), time_fact(study))


def trials_fact(study: StudySummary) -> Fact:
    """Return how much of the budget is done: steps where those are what it counts, trials otherwise."""
    progress = study.progress
    note = f"budget {progress.trials_budget:,}"
    if progress.steps_budget is not None:
        note = f"{progress.steps / progress.steps_budget:.0%} of the steps"
    return Fact("Trials", f"{progress.trials_ended:,} of {progress.trials:,}", note)


def time_fact(study: StudySummary) -> Fact:
    """Return the time left while a study runs, how long it took after its end, and else what it waits for."""
    match study.state:
        case StudyState.RUNNING if study.eta_seconds is None:
            return Fact("Time left", TOO_EARLY)
        case StudyState.RUNNING:
            return Fact("Time left", f"about {duration(study.eta_seconds)}", "for all of its budget")
        case StudyState.QUEUED:
            return Fact("Time left", "not begun")
        case StudyState.PAUSED:
            return Fact("Time left", "paused")
        case StudyState.AWAITING_APPROVAL:
            return Fact("Time left", "waits for you")
        case _:
            return Fact("Took", duration(study.updated_at - study.created_at))
