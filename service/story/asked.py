"""What a stage asks, in the words of whoever would run it by hand."""

from __future__ import annotations

from service.format import TIMES, count, number, words
from studies.contract import pruners
from studies.contract.study_file import (
    BatchMomentum,
    Confirm,
    DecayProbes,
    DecaySchedule,
    JointSearch,
    LrHalving,
    LrScaling,
    LrSweep,
    ParameterProbes,
    SamplerName,
    SamplerSearch,
    Stage,
)

_SCALINGS: dict[LrScaling, str] = {
    "linear": "in proportion to the batch size",
    "sqrt": "with the square root of the batch size",
    "none": "not at all",
}

_SAMPLERS: dict[SamplerName, str] = {
    "random": "random",
    "qmc": "a Sobol sequence",
    "tpe": "TPE",
    "gp": "a Gaussian process",
    "cma-es": "CMA-ES",
    "grid": "a grid",
}


def asked(spec: Stage) -> str:
    """Return the question of a stage and how it goes about it, in two sentences."""
    match spec:
        case LrSweep():
            return _lr_sweep(spec)
        case BatchMomentum():
            return _batch_momentum(spec)
        case DecaySchedule():
            return (
                "Does it pay to let the learning rate decay, and if so from when on? A straight line to zero is held "
                f"against no decay; if that gains, {_others(spec.forms)} tried too."
            )
        case LrHalving():
            return _lr_halving(spec)
        case DecayProbes():
            return "Does a late decay pay? It is tried from just before the dev peak of the best run so far."
        case ParameterProbes():
            return (
                "Which hyperparameter is worth moving? Each takes a step to either side of the best so far, alone; "
                f"the learning rate follows {_SCALINGS[spec.lr_scaling]}."
            )
        case SamplerSearch():
            return _search(spec)
        case JointSearch():
            return "What is best all together? Each point is where a model of all runs so far expects the most."
        case Confirm():
            return f"Is the lead real, or was it luck? The best {spec.finalists} run again with new seeds."


def _others(forms: tuple[str, ...]) -> str:
    *head, last = [form for form in forms if form != "linear"] or forms
    return f"{', '.join(head)} and {last} are" if head else f"{last} is"


def _lr_sweep(spec: LrSweep) -> str:
    rates = f"{count(len(spec.grid), 'rate')} from {number(min(spec.grid))} to {number(max(spec.grid))}"
    if len(spec.grid) == 1:
        rates = f"The rate {number(spec.grid[0])}"
    refined = f", then {spec.refine} more around the best" if spec.refine else ""
    return f"Which learning rate falls fastest and deepest, and how many steps does it need? {rates}{refined}."


def _batch_momentum(spec: BatchMomentum) -> str:
    batches = ", ".join(number(batch) for batch in spec.batch_sizes)
    momenta = ", ".join(number(momentum) for momentum in spec.momenta)
    bracket = ", ".join(f"{TIMES}{number(factor)}" for factor in spec.lr_bracket)
    how = "All pairs" if spec.search == "grid" else f"{count(spec.trials or 0, 'point')} by {spec.search} search"
    return (
        f"Which batch size and momentum, with the rate tuned for each? {how} of {batches} and {momenta}; the rate "
        f"scales {_SCALINGS[spec.lr_scaling]}, with {bracket} around it."
    )


def _lr_halving(spec: LrHalving) -> str:
    rates = f"{count(len(spec.rates), 'rate')} begin" if spec.rates else "Rates over the whole range begin"
    return f"Which learning rate is best? {rates}; at 1/9 and at 1/3 of the steps the best third goes on."


def _search(spec: SamplerSearch) -> str:
    what = (
        f"What is best of {', '.join(map(words, spec.parameters))}" if spec.parameters else "What is best all together"
    )
    runs = f"{count(spec.trials, 'run')} at most" if spec.trials else "As many runs as there is room for"
    seeds = f", {spec.seeds} seeds a point" if spec.seeds > 1 else ""
    stops = f" {_stops(spec.pruner)}" if spec.pruner else ""
    return f"{what}? {runs}, chosen by {_SAMPLERS[spec.sampler]}{seeds}.{stops}"


def _stops(rule: pruners.Pruner) -> str:
    """Say when a run is stopped."""
    match rule:
        case pruners.MedianPruner():
            return "A run stops where its best falls behind the median of the finished ones."
        case pruners.SuccessiveHalvingPruner():
            return f"At every rung the best 1/{rule.reduction_factor} goes on."
        case pruners.HyperbandPruner():
            return f"At every rung the best 1/{rule.reduction_factor} of a bracket goes on."
        case pruners.PatiencePruner():
            return f"A run stops that has not become better for {count(rule.patience, 'evaluation')}."
        case pruners.ThresholdPruner():
            return f"A run stops whose metric is {_outside(rule)}."


def _outside(rule: pruners.ThresholdPruner) -> str:
    sides = [f"below {number(rule.lower)}"] * (rule.lower is not None)
    return " or ".join([*sides, *[f"above {number(rule.upper)}"] * (rule.upper is not None)])
