"""A gate: what the next stage would do and what it would cost, for whoever is to approve it."""

from __future__ import annotations

from dataclasses import dataclass

from service.format import count, duration, number
from studies.contract.decision import Candidate
from studies.contract.study_file import Stage, StageKind
from studies.contract.views import StudyView
from studies.core.price import Price, price

_DOES: dict[StageKind, str] = {
    "lr_sweep": "It would sweep the learning rate.",
    "batch_momentum": "It would try pairs of batch size and momentum around this choice, each with its own rates.",
    "decay_schedule": "It would hold a decay to zero against none, with new seeds where the two are close.",
    "lr_halving": "It would begin many learning rates and let the best third go on, twice.",
    "decay_probes": "It would run this choice again with a decay that begins just before its dev peak.",
    "parameter_probes": "It would move one hyperparameter after the other, a step to either side of this choice.",
    "search": "It would search the study's ranges, by the sampler that the study file names.",
    "joint_search": "It would search over all hyperparameters together, with what is left of the budget.",
    "confirm": "It would run the best again with new seeds, to tell a lead from luck.",
}


@dataclass(frozen=True)
class Gate:
    """What a gate asks. ``price`` in one sentence, ``assumption`` says what it rests on."""

    does: str
    price: str
    assumption: str


def gate(study: StudyView, spec: Stage, incoming: Candidate | None) -> Gate:
    """Return what approving `spec`, the stage that waits, would mean; ``incoming`` is what it would start from."""
    asked = {stage.kind: stage.trials for stage in study.stages}
    cost = price(study.spec, spec.kind, asked, study.progress.steps, incoming)
    steps = study.progress.steps
    pace = study.device_seconds / steps if study.device_seconds and steps else None
    return Gate(_DOES[spec.kind], price_words(cost, pace), _assumption(pace))


def price_words(cost: Price, pace: float | None) -> str:
    """Say a price: ``2 to 13 trials, at most 7,800 steps: about 1 h 5 min of device time.``.

    Args:
        cost: in trials and steps.
        pace: device-seconds a step, None where nobody knows.
    """
    if not cost.most:
        return "Nothing: the budget has no room left for a trial, so the choice would be kept as it is."
    trials = count(cost.most, "trial") if cost.least == cost.most else f"{cost.least} to {count(cost.most, 'trial')}"
    trials += " or more, as stopped runs make room for others" if cost.open_ended else ""
    said = f"{trials}, at most {count(cost.steps, 'step')}"
    return f"{said}." if pace is None else f"{said}: up to {duration(cost.steps * pace)} of device time."


def _assumption(pace: float | None) -> str:
    bound = "Most stages take less: they stop when they are sure"
    if pace is None:
        return f"{bound}."
    return f"{bound}. The time takes each step to be as long as those so far, {_pace(pace)}, whatever the batch size."


def _pace(pace: float) -> str:
    return f"{number(pace, 2)} s" if pace >= 1 else f"{number(1000 * pace, 2)} ms"
