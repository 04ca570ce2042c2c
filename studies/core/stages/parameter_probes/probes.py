"""The probes: from the best configuration so far a step up and a step down, one hyperparameter after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from studies.contract.base import Params, Scalar
from studies.contract.study_file import LrScaling, ParameterProbes
from studies.core.actions import Proposal
from studies.core.context import Context
from studies.core.search.dimensions import DIGITS, Categorical, Dimension, Numeric
from studies.core.search.lengths import full_length
from studies.core.search.room import room
from studies.core.search.space import FORM, START, Configuration, completed, decay, space_of, start_share, within
from studies.core.search.starting import incumbent, origin, proposal
from studies.core.space import lr_label, nice, scale_lr

STEP = 0.25
"""A step is a quarter of a range, or the next listed value where that is further..."""

SCALED = ("batch_size", "momentum")
"""...and moves the learning rate along for these."""


def next_probe(context: Context[ParameterProbes]) -> Sequence[Proposal]:
    """Return the next probe, while there is room for one: each starts from the best that is known by then."""
    return list(_probes(context))[:1] if room(context, context.stage.parallel) > 0 else ()


def _probes(context: Context[ParameterProbes]) -> Iterator[Proposal]:
    base = origin(context)
    for dimension in space_of(context.spec).dimensions:
        if dimension.name in ("lr", START, FORM) or dimension.name not in base.params:
            continue
        for side, value in _sides(dimension, base.params[dimension.name]):
            key = f"{dimension.name}/{side}"
            if (context.stage.kind, key) in context.snapshot.by_key or _answered(context, dimension.name, side):
                continue
            yield _probe(context, base, dimension.name, value, key)


def _sides(dimension: Dimension, value: Scalar) -> list[tuple[str, Scalar]]:
    """Return where to look: up and down for a number, the other values for anything else."""
    if isinstance(dimension, Categorical):
        return [(str(other), other) for other in dimension.values if other != value]
    found = [("up", _moved(dimension, float(value), STEP)), ("down", _moved(dimension, float(value), -STEP))]
    return [(side, other) for side, other in found if other != value]


def _moved(dimension: Numeric, value: float, step: float) -> Scalar:
    at = dimension.coordinate(value)
    moved = dimension.value(min(max(at + step, 0.0), 1.0))
    if not dimension.values or moved != value:
        return moved
    beyond = [other for other in dimension.values if (other > value if step > 0 else other < value)]
    return (min(beyond) if step > 0 else max(beyond)) if beyond else value


def _answered(context: Context[ParameterProbes], name: str, side: str) -> bool:
    """Return whether the other side was better than where it started, so that this one is where we came from."""
    best = incumbent(context)
    other = {"up": "down", "down": "up"}.get(side)
    return best is not None and any(trial.key == f"{name}/{other}" for trial in best.trials)


def _probe(context: Context[ParameterProbes], base: Configuration, name: str, value: Scalar, key: str) -> Proposal:
    varied = completed(context.spec, {**base.params, name: value})
    params = scaled(varied, base.params, context.stage.lr_scaling)
    params = {**params, "lr": within(context.spec, "lr", nice(float(params["lr"]), DIGITS))}
    length = full_length(context.spec, params)
    schedule = decay(base.schedule.kind, start_share(base.schedule, base.num_steps), length)
    scaling = f", lr {lr_label(float(params['lr']))} by the {context.stage.lr_scaling} rule" if name in SCALED else ""
    reason = f"Probe {name} {value}{scaling}, all else as in the best so far (guide, section 7)."
    return proposal(context, key, Configuration(params, schedule, length), reason)


def scaled(params: Params, before: Params, rule: LrScaling) -> Params:
    """Return a configuration whose rate has followed batch size and 1 - momentum by a rule."""
    lr = scale_lr(float(before["lr"]), int(before["batch_size"]), int(params["batch_size"]), rule)
    if "momentum" in params:
        ratio = (1.0 - float(params["momentum"])) / (1.0 - float(before["momentum"]))
        lr *= {"linear": ratio, "sqrt": math.sqrt(ratio), "none": 1.0}[rule]
    return {**params, "lr": lr}
