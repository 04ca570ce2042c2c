"""The trials of stage 3: linear decay against the undecayed run, then the classic forms (guide, stage 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from studies.contract.schedule import Schedule
from studies.contract.study_file import DecaySchedule, StudySpec
from studies.core import curves, schedules
from studies.core.actions import Proposal
from studies.core.contest import Contest, contest, finalists, settled
from studies.core.context import Context, Phase
from studies.core.decay_forms import late
from studies.core.judging import Contender, has_values, pooled
from studies.core.plan import Demand
from studies.core.remembering import once
from studies.core.repeating import ROUNDS, repeats
from studies.core.snapshot import LOSS
from studies.core.starting import reusable, start

Verdict = Literal["gain", "loss", "unclear", "unknown"]
"""What a decay did against no decay: beyond noise better, worse, neither; or one of the two gave no result."""


def demand(spec: StudySpec, stage: DecaySchedule) -> Demand:
    """Return what the stage asks for: baseline, linear, four repeats in doubt, every form, two more repeats."""
    del spec
    return Demand(minimum=2, wanted=2 + 4 + len({"linear", *stage.forms}) + 2)


# --- the phases --------------------------------------------------------------------------------------------------


def first_comparison(context: Context[DecaySchedule]) -> Sequence[Proposal]:
    """Lazy linear decay from step 0, against the undecayed winner, which is reused where it was run already."""
    reused = reusable(context, {_configuration(context)})
    baseline = _proposal(context, "undecayed", start(context).schedule, "Baseline: no decay, at the length chosen.")
    linear = _proposal(
        context,
        _key(from_the_start(context)),
        from_the_start(context),
        "Lazy linear decay to zero from step 0, the first form to try (guide, stage 3).",
    )
    return [linear] if reused else [baseline, linear]


def doubt(context: Context[DecaySchedule]) -> Sequence[Proposal]:
    """Further seeds of the linear decay and of the baseline while the lead is within noise."""
    return _doubt(linear_of(context), baseline_of(context), "whether decay helps at all is within noise")


def later_start(context: Context[DecaySchedule]) -> Sequence[Proposal]:
    """Linear decay from just before the old dev peak, before any verdict.

    From step 0 a decay also lowers the mean rate, and the one may hide what the other gains: most of what decay gives
    comes from late ones (guide, section 7). A peak that came much later was asking for this run anyhow (stage 3).
    """
    if linear_verdict(context) == "unknown":
        return ()
    return [_late(context, "linear", "Linear decay from just before the old dev peak (guide, stage 3).")]


def later_doubt(context: Context[DecaySchedule]) -> Sequence[Proposal]:
    """The same for the later decay, where it is the only one that may be better than none."""
    if linear_verdict(context) == "gain":
        return ()
    return _doubt(late_linear_of(context), baseline_of(context), "whether a later decay helps is within noise")


def _doubt(decayed: Contender | None, baseline: Contender | None, why: str) -> Sequence[Proposal]:
    if decayed is None or baseline is None:
        return ()
    pair = (decayed, baseline)
    return repeats(pair, lambda done: beyond_doubt(decayed, baseline, done), f"{why} (guide, stage 3; T).")


def classic_forms(context: Context[DecaySchedule]) -> Sequence[Proposal]:
    """The other forms, once a linear decay has shown a clear gain."""
    if not decay_pays(context):
        return ()
    reason = "Refine with the classic forms: decay has shown a clear gain (guide, stage 3)."
    return [_late(context, form, reason) for form in context.stage.forms]


def repetition(context: Context[DecaySchedule]) -> Sequence[Proposal]:
    """Further seeds of the best two while their order is within noise (T)."""
    if not decay_pays(context):
        return ()
    pair = finalists(standing(context).contenders)
    return repeats(pair, lambda done: settled(pair, done), "the lead of the best schedule is within noise (T).")


PHASES: tuple[Phase[DecaySchedule], ...] = (
    first_comparison,
    doubt,
    later_start,
    later_doubt,
    classic_forms,
    repetition,
)


# --- what they stand on ------------------------------------------------------------------------------------------


@once
def standing(context: Context[DecaySchedule]) -> Contest:
    """Return the contest among the decayed runs and the undecayed ones, of whatever stage."""
    return contest(context, reusable(context, {_configuration(context)}))


def _configuration(context: Context[DecaySchedule]) -> object:
    origin = start(context)
    return tuple(sorted(origin.params.items())), origin.schedule, origin.num_steps


def baseline_of(context: Context[DecaySchedule]) -> Contender | None:
    return _with_schedule(context, start(context).schedule)


def linear_of(context: Context[DecaySchedule]) -> Contender | None:
    return _with_schedule(context, from_the_start(context))


def late_linear_of(context: Context[DecaySchedule]) -> Contender | None:
    return _with_schedule(context, late("linear", old_peak(context), start(context).num_steps))


def _with_schedule(context: Context[DecaySchedule], schedule: Schedule) -> Contender | None:
    return next((each for each in standing(context).contenders if each.schedule == schedule), None)


def from_the_start(context: Context[DecaySchedule]) -> Schedule:
    return schedules.linear_to_zero(start(context).num_steps)


def verdict(decayed: Contender | None, baseline: Contender | None) -> Verdict:
    """Return what a decay did, by all the runs of both."""
    if decayed is None or baseline is None:
        return "unknown"
    first, second = pooled([decayed, baseline])
    lead = first.leads(second)
    if not lead.clear:
        return "unclear"
    return "gain" if lead.value > 0 else "loss"


def linear_verdict(context: Context[DecaySchedule]) -> Verdict:
    """Return what linear decay from step 0 did, by the runs that it took to be beyond doubt."""
    return _settled_verdict(linear_of(context), baseline_of(context))


def _settled_verdict(decayed: Contender | None, baseline: Contender | None) -> Verdict:
    if decayed is None or baseline is None:
        return "unknown"
    rounds = next((done for done in range(ROUNDS) if beyond_doubt(decayed, baseline, done)), ROUNDS)
    return verdict(decayed.after(rounds), baseline.after(rounds))


def beyond_doubt(decayed: Contender, baseline: Contender, rounds: int) -> bool:
    """Return whether nothing is to be learnt from a further seed: a clear lead, or repeated and still behind."""
    behind = rounds > 0 and decayed.after(rounds).mean <= baseline.after(rounds).mean
    return behind or settled([decayed, baseline], rounds)


def decay_pays(context: Context[DecaySchedule]) -> bool:
    """Return whether a linear decay, from step 0 or from the old peak, was clearly better than none."""
    return "gain" in (linear_verdict(context), _settled_verdict(late_linear_of(context), baseline_of(context)))


def old_peak(context: Context[DecaySchedule]) -> int:
    """Return the step of the undecayed run's dev peak; without that run or its metric, the last step."""
    baseline = baseline_of(context)
    return peak_step(context, baseline) if baseline else start(context).num_steps


def peak_step(context: Context[DecaySchedule], contender: Contender) -> int:
    """Return the step of a contender's dev peak in its first run; where the metric is missing, of its lowest loss."""
    trial = contender.trials[0]
    dev = trial.curve(context.spec.metric.name)
    if has_values(dev):
        return curves.peak(dev, maximize=context.maximize)[0]
    return curves.peak(trial.curve(LOSS), maximize=False)[0]


def _late(context: Context[DecaySchedule], form: str, reason: str) -> Proposal:
    schedule = late(form, old_peak(context), start(context).num_steps)
    return _proposal(context, _key(schedule), schedule, reason)


def _key(schedule: Schedule) -> str:
    return f"{schedule.kind}/start={schedule.start}"


def _proposal(context: Context[DecaySchedule], key: str, schedule: Schedule, reason: str) -> Proposal:
    origin = start(context)
    return Proposal(
        key=key,
        params=origin.params,
        schedule=schedule,
        num_steps=origin.num_steps,
        seed=context.spec.seed,
        reason=reason,
        parent_id=origin.trial_id or None,
    )
