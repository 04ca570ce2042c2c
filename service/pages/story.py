"""The story of a study: for each stage what was asked, what was found, how sure, what would flip it, what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from service.conclusions import choice_values, gain, gain_words, value_words
from service.format import count, duration, number, params, sentence, stage_title, unbroken, words
from service.story.asked import asked
from service.story.differences import apart
from service.story.gate import Gate, gate
from service.story.headline import headline, length_words
from service.story.sureness import Sureness, sureness
from studies.contract.decision import Candidate, Decision
from studies.contract.states import StageState
from studies.contract.study_file import Metric, Stage, StageKind
from studies.contract.views import StageView, StudyView
from studies.core.schedules import describe

Tense = Literal["done", "now", "to come", "ended"]

_TENSES: dict[StageState, Tense] = {
    StageState.PENDING: "to come",
    StageState.AWAITING_APPROVAL: "now",
    StageState.RUNNING: "now",
    StageState.COMPLETED: "done",
    StageState.FAILED: "ended",
    StageState.CANCELLED: "ended",
}


@dataclass(frozen=True)
class FigureSlot:
    """A place for a figure: its name in the address, and its title."""

    name: str
    title: str
    tall: bool = False


_FIGURES: dict[StageKind, tuple[FigureSlot, ...]] = {
    "lr_sweep": (FigureSlot("lr-curves", "Loss of every rate"), FigureSlot("lr-loss", "Where each rate ended")),
    "batch_momentum": (
        FigureSlot("batch-momentum", "How good each pair gets"),
        FigureSlot("time-to-target", "How soon it is as good as before"),
    ),
    "decay_schedule": (FigureSlot("decay", "Schedules, and the curves they gave", tall=True),),
    "lr_halving": (
        FigureSlot("rung-curves", "Every rate, as far as it came"),
        FigureSlot("rungs", "Who went on, and who was left behind"),
    ),
    "decay_probes": (FigureSlot("decay-probes", "Schedules, and the curves they gave", tall=True),),
    "parameter_probes": (FigureSlot("parameter-probes", "What each step to a side does"),),
    "search": (
        FigureSlot("search", "Every point, and the best so far"),
        FigureSlot("stops", "Every run, as far as it came"),
    ),
    "joint_search": (
        FigureSlot("joint-search", "Every point, and the best so far"),
        FigureSlot("predicted", "What the model expected, and what came"),
    ),
    "confirm": (FigureSlot("confirm", "Every seed of the finalists"),),
}


@dataclass(frozen=True)
class Setting:
    """A value of the choice; ``changed`` says that the stage before had another."""

    name: str
    value: str
    changed: bool


@dataclass(frozen=True)
class Weighed:
    """A runner-up by what sets it apart. ``number`` is its trial's, None where the trial is not among those known."""

    trial_id: str
    number: int | None
    what: str
    score: str
    note: str


@dataclass(frozen=True)
class StageCard:
    """A stage as the study page tells it.

    Attributes:
        headline: the decision in one sentence with its numbers; everything below it is empty without a decision.
        length: why runs take so many steps, where this stage has decided that.
        reason: the record's own words, complete.
        choice: settings, those that changed first; `more` are those that a glance need not see.
        gain: what the choice brought to the study's metric.
        cost: what the stage has taken so far.
        gate: what is asked where the stage waits for approval.
    """

    kind: StageKind
    title: str
    state: StageState
    tense: Tense
    asked: str
    standing: str
    headline: str
    length: str
    reason: str
    rule: str
    choice: tuple[Setting, ...]
    more: tuple[Setting, ...]
    gain: str
    runners_up: tuple[Weighed, ...]
    sureness: Sureness | None
    flip: str
    warnings: tuple[str, ...]
    figures: tuple[FigureSlot, ...]
    cost: str
    gate: Gate | None


RUNNERS_UP = 5
"""Most runners-up that a card shows."""

SETTINGS = 8
"""Most settings that a card shows at a glance."""


def told_of(study: StudyView) -> set[str]:
    """Return the ids of the trials that the story names by their numbers."""
    decisions = [stage.decision for stage in study.stages if stage.decision]
    return {candidate.trial_id for decision in decisions for candidate in decision.runners_up[:RUNNERS_UP]}


def story(study: StudyView, numbers: Mapping[str, int]) -> tuple[StageCard, ...]:
    """Return a card a stage, in the order of the study file; `numbers` are those of the trials that it tells of."""
    specs = {spec.kind: spec for spec in study.spec.stages}
    return tuple(
        _card(study, stage, specs[stage.kind], incoming, numbers)
        for stage, incoming in zip(study.stages, _incoming(study), strict=True)
    )


def tense(state: StageState) -> Tense:
    return _TENSES[state]


def _incoming(study: StudyView) -> Iterator[Candidate | None]:
    """Yield what each stage started from: the first candidate of the last decision before it."""
    carried: Candidate | None = None
    for stage in study.stages:
        yield carried
        if stage.decision and stage.decision.candidates:
            carried = stage.decision.candidates[0]


def _card(
    study: StudyView, stage: StageView, spec: Stage, incoming: Candidate | None, numbers: Mapping[str, int]
) -> StageCard:
    decision, metric = stage.decision, study.spec.metric
    settings = _settings(decision, incoming) if decision else ()
    waits = stage.state is StageState.AWAITING_APPROVAL
    return StageCard(
        kind=stage.kind,
        title=stage_title(stage.kind),
        state=stage.state,
        tense=tense(stage.state),
        asked=unbroken(asked(spec)),
        standing=standing(stage),
        headline=unbroken(headline(stage.kind, decision, metric, incoming)) if decision else "",
        length=length_words(decision, metric) if decision and stage.kind == "lr_sweep" else "",
        reason=sentence(decision.reason, metric.name) if decision else "",
        rule=decision.rule if decision else "",
        choice=settings[:SETTINGS],
        more=settings[SETTINGS:],
        gain=_gain(stage.kind, decision, metric) if decision else "",
        runners_up=_runners_up(decision, numbers, metric) if decision else (),
        sureness=sureness(stage.kind, decision) if decision else None,
        flip=sentence(decision.what_would_flip_it, metric.name) if decision else "",
        warnings=tuple(sentence(warning, metric.name) for warning in decision.warnings) if decision else (),
        figures=_FIGURES[stage.kind] if stage.trials or decision else (),
        cost=_cost(study, stage),
        gate=gate(study, spec, incoming) if waits else None,
    )


def standing(stage: StageView) -> str:
    """Return how far a stage is, in a sentence; empty for one that ended with a decision."""
    match stage.state:
        case StageState.PENDING:
            return "To come: it starts from what the stage before it decides."
        case StageState.AWAITING_APPROVAL:
            return "Waits for your approval."
        case StageState.RUNNING if not stage.trials:
            return "Just opened: its first trials are being chosen."
        case StageState.RUNNING:
            return f"{stage.trials_ended:,} of {count(stage.trials, 'trial')} ended so far."
        case StageState.FAILED:
            return "Ended without a decision: the reason stands at the top of this page."
        case StageState.CANCELLED:
            return "Cancelled before it could decide."
        case StageState.COMPLETED:
            return "" if stage.decision else "Completed."


def _settings(decision: Decision, incoming: Candidate | None) -> tuple[Setting, ...]:
    """Return the choice, what changed first; in a first stage all of it is new."""
    before = {} if incoming is None else _known(incoming)
    settings = [
        Setting(words(name), value_words(value), changed=name not in before or before[name] != value)
        for name, value in choice_values(decision).items()
    ]
    return tuple(sorted(settings, key=lambda setting: not setting.changed))


def _known(incoming: Candidate) -> dict[str, object]:
    return {**incoming.params, "num_steps": incoming.num_steps, "schedule": describe(incoming.schedule)}


def _gain(kind: StageKind, decision: Decision, metric: Metric) -> str:
    found = gain(kind, decision)
    return gain_words(found, metric.name) if found else ""


def _runners_up(decision: Decision, numbers: Mapping[str, int], metric: Metric) -> tuple[Weighed, ...]:
    chosen = decision.candidates[0] if decision.candidates else None
    return tuple(_weighed(candidate, chosen, numbers, metric) for candidate in decision.runners_up[:RUNNERS_UP])


def _weighed(candidate: Candidate, chosen: Candidate | None, numbers: Mapping[str, int], metric: Metric) -> Weighed:
    return Weighed(
        trial_id=candidate.trial_id,
        number=numbers.get(candidate.trial_id),
        what=apart(candidate, chosen) if chosen else params(candidate.params),
        score="" if candidate.score is None else number(candidate.score),
        note=sentence(candidate.note, metric.name),
    )


def _cost(study: StudyView, stage: StageView) -> str:
    """Return what a stage has taken: ``10 trials, 1,240 steps, about 1 min 20 s of device time``.

    The device time is the stage's share of the study's, by its steps. Empty before its first trial.
    """
    if not stage.trials:
        return ""
    parts = [count(stage.trials, "trial"), *([count(stage.steps, "step")] if stage.steps else [])]
    seconds = study.device_seconds * stage.steps / max(1, study.progress.steps)
    if seconds >= 1:
        parts.append(f"about {duration(seconds)} of device time")
    return ", ".join(parts)
