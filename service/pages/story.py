"""The story of a study in words: for each stage what was asked, what was found, how sure, what would flip it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from service.conclusions import choice_values, evidence_number, gain, gain_words, value_words
from service.format import count, number, params, sentence, stage_title, words
from studies.contract.decision import Candidate, Decision
from studies.contract.states import StageState
from studies.contract.study_file import (
    BatchMomentum,
    Confirm,
    DecayProbes,
    DecaySchedule,
    JointSearch,
    LrHalving,
    LrSweep,
    Metric,
    ParameterProbes,
    Stage,
    StageKind,
)
from studies.contract.views import StageView, StudyView
from studies.core.schedules import describe
from studies.core.stats import Z

Tense = Literal["done", "now", "to come", "ended"]

_TENSES: dict[StageState, Tense] = {
    StageState.PENDING: "to come",
    StageState.AWAITING_APPROVAL: "now",
    StageState.RUNNING: "now",
    StageState.COMPLETED: "done",
    StageState.FAILED: "ended",
    StageState.CANCELLED: "ended",
}


_SUBJECTS: dict[StageKind, str] = {
    "lr_sweep": "Against the next best, the choice",
    "batch_momentum": "Against the next best, the choice",
    "decay_schedule": "Against no decay, the best decay",
    "lr_halving": "Against the next best, the choice",
    "decay_probes": "Against the next best, the choice",
    "parameter_probes": "Against the next best, the choice",
    "joint_search": "Against the next best, the choice",
    "confirm": "Against the second finalist, the choice",
}
"""What the evidence's ``lead`` is the lead of, by stage."""


@dataclass(frozen=True)
class FigureSlot:
    """A place for a figure: its name in the address, and its title."""

    name: str
    title: str


_FIGURES: dict[StageKind, tuple[FigureSlot, ...]] = {
    "lr_sweep": (FigureSlot("lr-curves", "Loss of every rate"), FigureSlot("lr-loss", "Where each rate ended")),
    "batch_momentum": (FigureSlot("batch-momentum", "Score of each pair at its best rate"),),
    "decay_schedule": (FigureSlot("decay", "Schedules and the curves they gave"),),
    "lr_halving": (FigureSlot("rungs", "How far every rate climbed"),),
    "decay_probes": (FigureSlot("decay-probes", "Every probe against the best before"),),
    "parameter_probes": (FigureSlot("parameter-probes", "Every probe against the best before"),),
    "joint_search": (FigureSlot("joint-search", "Every point, and the best so far"),),
    "confirm": (FigureSlot("confirm", "Every seed of the finalists"),),
}


@dataclass(frozen=True)
class Weighed:
    """A runner-up in words. ``number`` is its trial's, None where the trial is not among those known."""

    trial_id: str
    number: int | None
    what: str
    score: str
    note: str


@dataclass(frozen=True)
class Sureness:
    """The lead of the choice against the noise: what `studies.core.stats` calls clear, in words.

    Attributes:
        lead_share, noise_share: both as percentages of the wider, for a drawing.
    """

    text: str
    lead_share: int
    noise_share: int


@dataclass(frozen=True)
class StageCard:
    """A stage as the study page tells it; ``choice`` as pairs of name and value, empty without a decision."""

    kind: StageKind
    title: str
    state: StageState
    tense: Tense
    asked: str
    standing: str
    reason: str
    rule: str
    choice: tuple[tuple[str, str], ...]
    gain: str
    runners_up: tuple[Weighed, ...]
    sureness: Sureness | None
    flip: str
    warnings: tuple[str, ...]
    figures: tuple[FigureSlot, ...]


RUNNERS_UP = 5
"""Most runners-up that a card shows."""


def told_of(study: StudyView) -> set[str]:
    """Return the ids of the trials that the story names by their numbers."""
    decisions = [stage.decision for stage in study.stages if stage.decision]
    return {candidate.trial_id for decision in decisions for candidate in decision.runners_up[:RUNNERS_UP]}


def story(study: StudyView, numbers: Mapping[str, int]) -> tuple[StageCard, ...]:
    """Return a card a stage, in the order of the study file; `numbers` are those of the trials that it tells of."""
    specs = {spec.kind: spec for spec in study.spec.stages}
    return tuple(_card(stage, specs[stage.kind], study.spec.metric, numbers) for stage in study.stages)


def tense(state: StageState) -> Tense:
    return _TENSES[state]


def _card(stage: StageView, spec: Stage, metric: Metric, numbers: Mapping[str, int]) -> StageCard:
    decision = stage.decision
    return StageCard(
        kind=stage.kind,
        title=stage_title(stage.kind),
        state=stage.state,
        tense=tense(stage.state),
        asked=_asked(spec),
        standing=standing(stage),
        reason=sentence(decision.reason) if decision else "",
        rule=decision.rule if decision else "",
        choice=_choice(decision) if decision else (),
        gain=_gain(stage.kind, decision, metric) if decision else "",
        runners_up=tuple(_weighed(c, numbers) for c in decision.runners_up[:RUNNERS_UP]) if decision else (),
        sureness=_sureness(stage.kind, decision) if decision else None,
        flip=sentence(decision.what_would_flip_it) if decision else "",
        warnings=tuple(sentence(warning) for warning in decision.warnings) if decision else (),
        figures=_FIGURES[stage.kind] if stage.trials or decision else (),
    )


def _asked(spec: Stage) -> str:
    match spec:
        case LrSweep():
            return _asked_lr(spec)
        case BatchMomentum():
            return _asked_batch(spec)
        case DecaySchedule():
            forms = ", ".join(spec.forms)
            return f"Should the learning rate decay, from when on, and in which form? Forms to try: {forms}."
        case LrHalving():
            return _asked_halving(spec)
        case DecayProbes():
            return "Does a late decay pay? It is tried from just before the dev peak of the best run so far."
        case ParameterProbes():
            return (
                "Which hyperparameter is worth moving? A step to either side of the best so far, one after the other; "
                f"the learning rate follows by the {spec.lr_scaling} rule."
            )
        case JointSearch():
            return "Which settings are best together? Points where a model of all runs so far expects the most."
        case Confirm():
            return f"Is the lead real? The best {spec.finalists} with new seeds, chosen by their means."


def _asked_halving(spec: LrHalving) -> str:
    rates = f"{count(len(spec.rates), 'rate')} begin" if spec.rates else "Rates over the whole range begin"
    return f"Which learning rate is best? {rates}, and a third of them goes on at 1/9 and at 1/3 of the steps."


def _asked_lr(spec: LrSweep) -> str:
    rates = f"{count(len(spec.grid), 'rate')} from {number(min(spec.grid))} to {number(max(spec.grid))}"
    refined = f", then {spec.refine} more around the winner" if spec.refine else ""
    return f"Which learning rate falls fastest and deepest, and how many steps does it need? {rates}{refined}."


def _asked_batch(spec: BatchMomentum) -> str:
    batches = ", ".join(number(batch) for batch in spec.batch_sizes)
    momenta = ", ".join(number(momentum) for momentum in spec.momenta)
    return (
        f"Which batch size and momentum, tuned together? Batch sizes {batches}; momenta {momenta}; "
        f"{words(spec.search)} search, learning rate scaled {spec.lr_scaling} with a small bracket around it."
    )


def standing(stage: StageView) -> str:
    """Return how far a stage is, in a sentence; empty for one that ended with a decision."""
    match stage.state:
        case StageState.PENDING:
            return "To come: it starts from what the stage before it decides."
        case StageState.AWAITING_APPROVAL:
            return "Waits for your approval: approve to let it begin."
        case StageState.RUNNING if not stage.trials:
            return "Just opened: its first trials are being chosen."
        case StageState.RUNNING:
            return f"{stage.trials_ended} of {count(stage.trials, 'trial')} ended so far."
        case StageState.FAILED:
            return "Ended without a decision: the reason stands at the top of this page."
        case StageState.CANCELLED:
            return "Cancelled before it could decide."
        case StageState.COMPLETED:
            return "" if stage.decision else "Completed."


def _choice(decision: Decision) -> tuple[tuple[str, str], ...]:
    return tuple((words(name), value_words(value)) for name, value in choice_values(decision).items())


def _gain(kind: StageKind, decision: Decision, metric: Metric) -> str:
    found = gain(kind, decision)
    return gain_words(found, metric.name) if found else ""


def _weighed(candidate: Candidate, numbers: Mapping[str, int]) -> Weighed:
    shape = "" if candidate.schedule.kind == "constant" else f" · {describe(candidate.schedule)}"
    return Weighed(
        trial_id=candidate.trial_id,
        number=numbers.get(candidate.trial_id),
        what=params(candidate.params) + shape,
        score="" if candidate.score is None else number(candidate.score),
        note=sentence(candidate.note),
    )


def _sureness(kind: StageKind, decision: Decision) -> Sureness | None:
    lead, error = evidence_number(decision, "lead"), evidence_number(decision, "noise")
    if lead is None or error is None:
        return None
    size, noise = abs(lead), Z * error
    widest = max(size, noise) or 1.0
    return Sureness(_sure_words(_SUBJECTS[kind], lead, noise), round(100 * size / widest), round(100 * noise / widest))


def _sure_words(subject: str, lead: float, noise: float) -> str:
    said = f"{subject} {'leads by' if lead >= 0 else 'lies behind by'} {number(abs(lead), 2)}"
    hatched = f"the noise, hatched, is {number(noise, 2)} ({Z:g} standard errors)"
    if abs(lead) <= noise:
        return f"{said}; {hatched}: they cannot be told apart."
    return f"{said}; {hatched}: clear of the noise."
