"""The probes: every form of decay, from just before the dev peak of the best run so far on."""

from __future__ import annotations

from collections.abc import Sequence

from studies.contract.study_file import DecayProbes
from studies.core import curves, schedules
from studies.core.actions import Proposal
from studies.core.context import Context
from studies.core.judging import Contender
from studies.core.search.lengths import full_length
from studies.core.search.space import Configuration, decay, starting_params
from studies.core.search.standing import standing, standing_before
from studies.core.search.starting import DEFAULTS, proposal

PROBED = ("linear", "cosine")
"""Forms that were the best of those that start late, and without a knob (guide, section 7)."""


def probes(context: Context[DecayProbes]) -> Sequence[Proposal]:
    """Return one full run for every form that is probed."""
    best = reference(context)
    base = _base(context, best)
    start = late_start(context, best)
    return [
        proposal(
            context,
            f"{form}/start={start:g}",
            Configuration(base.params, decay(form, start, base.num_steps), base.num_steps),
            f"{form.capitalize()} decay from just before the dev peak (guide, section 7: late decays, early).",
        )
        for form in probed(context.stage)
    ]


def probed(stage: DecayProbes) -> list[str]:
    """Return the forms that are probed; the joint search tries the others."""
    return [form for form in PROBED if form in stage.forms] or list(stage.forms[:1])


def reference(context: Context[DecayProbes]) -> Contender | None:
    """Return what the probes are held against: the best before the stage, else the stage's own run of the defaults."""
    before = standing_before(context).order
    own = (each for each in standing(context).order if any(trial.key == DEFAULTS for trial in each.trials))
    return before[0] if before else next(own, None)


def _base(context: Context[DecayProbes], best: Contender | None) -> Configuration:
    if best is not None:
        return Configuration(best.params, best.schedule, best.num_steps)
    params = starting_params(context.spec)
    return Configuration(params, schedules.constant(), full_length(context.spec, params))


def late_start(context: Context[DecayProbes], best: Contender | None) -> float:
    """Return the share of the run at which the decay starts: of the allowed ones the nearest to 0.9x the dev peak."""
    step, length = peak_step(context, best), best.num_steps if best else 1
    wanted = curves.decay_start(step) / length if best else curves.decay_start(100) / 100
    return min(context.stage.starts, key=lambda share: abs(share - wanted))


def peak_step(context: Context[DecayProbes], best: Contender | None) -> int:
    """Return the step of the best run's dev peak, its last where the metric is missing."""
    if best is None:
        return 0
    step, _ = curves.peak(best.best_trial.curve(context.spec.metric.name), maximize=context.maximize)
    return step or best.num_steps
