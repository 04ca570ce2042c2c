"""The budget of a guided search, counted in steps consumed, and hard: what is under way counts with all it may take."""

from __future__ import annotations

from collections.abc import Sequence

from studies.contract.states import TrialState
from studies.contract.study_file import StageKind, StudySpec
from studies.core.actions import Proposal
from studies.core.snapshot import Snapshot, Trial

SHARES: dict[StageKind, float] = {"lr_halving": 0.25, "decay_probes": 0.1, "parameter_probes": 0.1, "search": 0.3}
"""Share of the budget that a stage may spend; what it leaves, or a stage that is left out, falls to the later ones.

The guide spends about half before the joint search (section 7), whose model is told of runs at their ends alone. Here
it learns from every rung, so that it makes more of a step than a probe does: where the schedule is not to be chosen, it
begins after a third. A search of the user's own has about as much as the joint search that comes after it.
"""

LEAST = 2
"""Full runs that a stage may come to where there are as many: less would not show a single result."""

CONFIRMING = 1 / 8
"""Share of the budget that is kept for repeats with new seeds: the last 10 to 15 % (guide, section 7)."""


def total(spec: StudySpec) -> int:
    """Return the steps that the whole study may take."""
    return spec.budget.steps * spec.budget.trials


def cost(trial: Trial, evaluate_every: int) -> int:
    """Return the steps that a trial has taken or may still take: a run that was stopped costs what it ran.

    One that failed may have taken up to an evaluation's steps more than it has reported.
    """
    if not trial.state.ended or trial.state is TrialState.COMPLETED:
        return trial.num_steps
    unreported = evaluate_every if trial.state is TrialState.FAILED else 0
    return min(trial.num_steps, reached(trial) + unreported)


def reached(trial: Trial) -> int:
    """Return the last step that a trial has reported."""
    return max((int(curve.steps[-1]) for curve in trial.curves.values() if len(curve)), default=0)


def spent(snapshot: Snapshot) -> int:
    return sum(cost(trial, snapshot.spec.evaluate_every) for trial in snapshot.trials)


def kept_for_repeats(spec: StudySpec) -> int:
    """Return the steps kept for `confirm`: whole rounds of its finalists, none where not even one round fits."""
    stage = next((stage for stage in spec.stages if stage.kind == "confirm"), None)
    if stage is None:
        return 0
    round_of_runs = stage.finalists * spec.budget.steps
    return int(CONFIRMING * total(spec) // round_of_runs) * round_of_runs


def ceiling(spec: StudySpec, kind: StageKind) -> int:
    """Return the steps that may be spent in all when a stage closes; what an earlier one left is common.

    The last stage may take all, and the last before the repeats all but these.
    """
    kinds = [stage.kind for stage in spec.stages]
    place = kinds.index(kind)
    later = set(kinds[place + 1 :])
    if not later:
        return total(spec)
    rest = total(spec) - kept_for_repeats(spec)
    if later == {"confirm"}:
        return rest
    share = sum(SHARES[earlier] for earlier in kinds[: place + 1])
    return min(rest, max(round(share * total(spec)), LEAST * spec.budget.steps))


def left(snapshot: Snapshot, kind: StageKind) -> int:
    """Return the steps that a stage may still commit."""
    return max(0, ceiling(snapshot.spec, kind) - spent(snapshot))


def affordable(proposals: Sequence[Proposal], steps: int) -> tuple[Proposal, ...]:
    """Return the first of some proposals that fit into so many steps together."""
    fitting: list[Proposal] = []
    for proposal in proposals:
        if proposal.num_steps > steps:
            break
        fitting.append(proposal)
        steps -= proposal.num_steps
    return tuple(fitting)
