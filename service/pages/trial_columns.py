"""The columns of the trial table: which there are, which are shown where nobody chose, and what stands in a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.format import MISSING, duration, number, scalar, stage_title, words
from service.trial_queries import read_columns
from studies.contract.states import TrialState
from studies.contract.trial_query import NUMERIC_FACTS, Fact, FactName, Measure, Param, Part, Term
from studies.contract.views import StudyView, TrialView
from studies.core.query import Reader, Vocabulary, term_text
from studies.core.schedules import describe
from studies.errors import InvalidFilter
from studies.storage.port import KnownParam

PARAMS_SHOWN = 8
"""Hyperparameters that are shown where nobody chose; those that vary come before the others."""

MOST_COLUMNS = 60

_FACTS: Final[dict[FactName, str]] = {
    "state": "State",
    "stage": "Stage",
    "schedule": "Schedule",
    "steps": "Steps",
    "duration": "Duration",
    "seed": "Seed",
    "worker": "Worker",
    "key": "Key",
    "reason": "Asked for because",
    "ended_because": "Ended because",
}
"""What can be chosen beside hyperparameters and metrics; the number is always there."""

_PARTS: Final[dict[Part, str]] = {"last": "last", "min": "lowest", "max": "highest"}


@dataclass(frozen=True)
class Cell:
    """What stands in a cell. ``note`` comes behind it, ``whole`` is what it is short for, "" where it is not."""

    text: str
    note: str = ""
    whole: str = ""
    state: TrialState | None = None


@dataclass(frozen=True)
class Choice:
    """A column that may be shown. ``name`` is what the address calls it."""

    name: str
    title: str
    shown: bool


@dataclass(frozen=True)
class ChoiceGroup:
    title: str
    choices: tuple[Choice, ...]


def default_terms(study: StudyView, params: Sequence[KnownParam], vocabulary: Vocabulary) -> tuple[Term, ...]:
    """Return the columns that are shown where nobody chose: what tells trials apart, and how they did."""
    decays = any(stage.trials for stage in study.stages if "decay" in stage.kind)
    facts: tuple[FactName, ...] = ("state", "stage", "schedule", "steps") if decays else ("state", "stage", "steps")
    varying = [param for param in params if param.varies] or params
    shown = [Param(param.name) for param in varying[:PARAMS_SHOWN]]
    return (*map(Fact, facts), *shown, vocabulary.at_a_glance(vocabulary.metric.name))


def chosen_terms(columns: str, vocabulary: Vocabulary) -> tuple[Term, ...]:
    """Return the columns that an address names beside the number, which is always there; none where it has a fault."""
    try:
        chosen = read_columns(vocabulary, columns)
    except InvalidFilter:
        return ()
    return tuple(term for term in chosen if term != Fact("number"))[:MOST_COLUMNS]


def groups(vocabulary: Vocabulary, shown: Sequence[Term]) -> tuple[ChoiceGroup, ...]:
    """Return all columns that can be shown, in the order in which they stand in the table."""
    params = [Param(name) for name in vocabulary.params]
    metrics = [
        Measure(name, part)
        for name in vocabulary.all_metrics
        if name not in vocabulary.params
        for part in _parts_of(name, vocabulary)
    ]
    known: set[Term] = {*params, *metrics, *map(Fact, _FACTS)}
    others = [term for term in shown if term not in known]
    return (
        _group("About the trial", [Fact(name) for name in _FACTS], vocabulary, shown),
        _group("Hyperparameters", params, vocabulary, shown),
        _group("Metrics", [*metrics, *others], vocabulary, shown),
    )


def _parts_of(metric: str, vocabulary: Vocabulary) -> Sequence[Part]:
    """Return what is known of a metric, the one value that stands for it first."""
    first = vocabulary.at_a_glance(metric).part
    return sorted(_PARTS, key=lambda part: part != first)


def _group(title_: str, terms: Sequence[Term], vocabulary: Vocabulary, shown: Sequence[Term]) -> ChoiceGroup:
    choices = (Choice(term_text(term, vocabulary), title(term, vocabulary), term in shown) for term in terms)
    return ChoiceGroup(title_, tuple(choices))


def title(term: Term, vocabulary: Vocabulary) -> str:
    """Return a column's title: ``lr``, ``best dev accuracy``, ``last loss``, ``Steps``."""
    if isinstance(term, Param):
        return words(term.name)
    if isinstance(term, Measure):
        is_best = term.metric == vocabulary.metric.name and term.part == vocabulary.best_part
        return f"{'best' if is_best else _PARTS[term.part]} {words(term.metric)}"
    return _FACTS.get(term.name, words(term.name).capitalize())


def is_numeric(term: Term) -> bool:
    """Return whether a column is set as numbers are, flush right."""
    return not isinstance(term, Fact) or term.name in NUMERIC_FACTS


def cell(trial: TrialView, term: Term, value: Reader) -> Cell:
    """Return what stands under `term` for `trial`; ``value`` looks names up in it."""
    if isinstance(term, Param):
        return Cell(scalar(trial.params[term.name])) if term.name in trial.params else Cell(MISSING)
    if isinstance(term, Measure):
        return Cell(_measured(trial, term, value))
    return _fact(trial, term, value)


def _measured(trial: TrialView, term: Measure, value: Reader) -> str:
    """A last value may be NaN, and is then shown as such; a metric without any finite value has no extremes."""
    known = trial.metrics.get(term.metric)
    found = known.last if known is not None and term.part == "last" else value(term)
    return number(float(found)) if found is not None else MISSING


def _fact(trial: TrialView, fact: Fact, value: Reader) -> Cell:
    match fact.name:
        case "state":
            return Cell(trial.state.value, state=trial.state)
        case "stage":
            return Cell(stage_title(trial.stage), whole=f"stage = {trial.stage}")
        case "schedule":
            return Cell(words(trial.schedule.kind), whole=describe(trial.schedule))
        case "steps":
            return Cell(number(trial.last_step), note=f"/ {number(trial.num_steps)}")
        case "duration":
            seconds = value(fact)
            return Cell(duration(seconds if isinstance(seconds, float) else None))
        case "seed" | "number" | "num_steps":
            return Cell(str(getattr(trial, fact.name)))
        case name:
            text = str(getattr(trial, name))
            return Cell(text or MISSING, whole=text)
