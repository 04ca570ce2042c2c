"""The sentences of a contest on the dev set: who stands where, how sure that is, and what would change it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from studies.contract.states import TrialState
from studies.core.contest import Contest, equal
from studies.core.context import Context, StageT
from studies.core.judging import Contender, dev_peak
from studies.core.records import gap, number, plain, plural, trouble
from studies.core.snapshot import LOSS, Trial
from studies.core.stats import Lead, Z


def shown(context: Context[StageT], judged_by: str, contender: Contender) -> str:
    """Say what a contender was judged by, in the metric's own direction."""
    return number(_sign(context, judged_by) * contender.mean)


def _sign(context: Context[StageT], judged_by: str) -> int:
    return 1 if judged_by == context.spec.metric.name and context.maximize else -1


def runs_of(contender: Contender) -> str:
    return f" (mean of {len(contender.trials)} seeds)" if len(contender.trials) > 1 else ""


def against_noise(lead: Lead) -> str:
    """Say whether a lead is more than noise: ``beyond the noise (two standard errors: 0.012)``."""
    if not math.isfinite(lead.standard_error):
        return "from single runs whose noise is not known"
    side = "beyond" if lead.clear else "within"
    return f"{side} the noise (two standard errors: {gap(Z * lead.standard_error)}{_pairs(lead)})"


def note(best: Contender, other: Contender, stays: str = "") -> str:
    """Say where a runner-up stands against the choice.

    ``stays`` says what is kept in doubt, where the choice is what stood there before: only then, or when it is known
    from fewer seeds, may a runner-up be ahead.
    """
    lead = best.leads(other)
    if lead.value >= 0:
        return f"{f'Behind by {gap(lead.value)}' if lead.value else 'Equal'}, {against_noise(lead)}."
    ahead = f"Ahead by {gap(-lead.value)}"
    if stays and not lead.clear:
        return f"{ahead}, {against_noise(lead)}, so {stays}."
    return f"{ahead}, but known from {plural(len(other.trials), 'seed')} against {len(best.trials)}."


def certainty(best: Contender, other: Contender, stays: str = "") -> str:
    """Say how sure the order of two contenders is, and what decided it; ``stays`` as for `note`."""
    lead = best.leads(other)
    apart = f"difference {gap(abs(lead.value))}, standard error {gap(lead.standard_error)}{_pairs(lead)}"
    if lead.value < 0 and stays:
        return f"a tie ({apart}), so {stays}"
    if lead.value == 0:
        return f"a tie ({apart}), and the smaller rate is the more stable"
    if equal(best, other):
        return f"a tie ({apart}) that the higher mean decides"
    return f"a lead of {gap(lead.value)}, {against_noise(lead)}"


def flip(judged_by: str, best: Contender, other: Contender, *, name: str, errors: float) -> str:
    """Say how much better a runner-up would have to be: to lead by more than so many standard ``errors``.

    They are negative where the runner-up is what stood there before, which a tie would leave as it was.
    """
    lead = best.leads(other)
    margin = errors * (plain(lead.standard_error) or 0.0)
    missing = lead.value + margin
    better = f"better by more than {gap(missing)}" if missing > 0 else "any better"
    return f"{name} doing {better} in {judged_by}: it is {_place(lead)}{_bar(margin, abs(errors))}."


def _bar(margin: float, errors: float) -> str:
    """Say where a runner-up has to come, where that is not simply ahead: two standard errors are called the noise."""
    if not margin:
        return ""
    named = "one standard error" if errors == 1 else "the noise"
    noise = f"{named}, {gap(abs(margin))}"
    return f", and has to lead by more than {noise}" if margin > 0 else f", and need only come within {noise}"


def _place(lead: Lead) -> str:
    """Say where the second of two is: ``behind by 0.012 over 3 seeds in common``."""
    where = f"{'behind' if lead.value > 0 else 'ahead'} by {gap(abs(lead.value))}" if lead.value else "equal"
    return where + _pairs(lead)


def _pairs(lead: Lead) -> str:
    return f" over {lead.pairs} seeds in common" if lead.pairs else ""


def contest_warnings(context: Context[StageT], field: Contest, best: Contender) -> tuple[str, ...]:
    """Say what a reader should know of how a contest was judged."""
    return (
        *trouble(context.ended_as(TrialState.FAILED)),
        *_judge_warning(context, field.judged_by),
        *unsteady_warning(field.unsteady),
        *_flagged_warning(context, field.flagged, best),
    )


def unsteady_warning(runs: Iterable[Trial]) -> tuple[str, ...]:
    """Say which completed runs take no part because the same configuration diverged with another seed."""
    return tuple(f"{trial.key} takes no part: it diverged with another seed." for trial in runs)


def _judge_warning(context: Context[StageT], judged_by: str) -> tuple[str, ...]:
    """Say that the metric could not decide, where the training loss had to."""
    metric = context.spec.metric.name
    if judged_by != LOSS or metric == LOSS:
        return ()
    return (f"{metric} was never reported as a number, so the training loss decided instead.",)


def _flagged_warning(context: Context[StageT], flagged: Iterable[Trial], best: Contender) -> tuple[str, ...]:
    """Flag runs with a bad loss curve and a wonderful dev metric, which nobody expects (guide, stage 2)."""
    read = dev_peak(context.spec.metric.name, maximize=context.maximize)
    wonders = [trial.key for trial in flagged if (reading := read(trial)) and reading.value >= best.mean]
    return tuple(
        f"{key} has a loss that does not fall, and yet the best {context.spec.metric.name}: look at it before trusting "
        "the metric."
        for key in wonders
        if key not in {trial.key for trial in best.trials}
    )
