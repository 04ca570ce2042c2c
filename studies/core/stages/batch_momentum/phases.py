"""The trials of stage 2: baseline, grid or search, repeats of the finalists (guide, stage 2)."""

from __future__ import annotations

from collections.abc import Sequence

from studies.contract.base import Params
from studies.contract.states import TrialState
from studies.contract.study_file import BatchMomentum, StudySpec
from studies.core.actions import Proposal
from studies.core.contest import Contest, contest, finalists, judged_by, measure, settled
from studies.core.context import Context, Phase
from studies.core.judging import Contender
from studies.core.plan import Demand
from studies.core.remembering import once
from studies.core.repeating import REPEAT, repeats
from studies.core.sampling import Axis, ChoiceAxis, FloatAxis, Observation, SearchRequest
from studies.core.snapshot import Trial
from studies.core.stages.batch_momentum.cells import (
    UNDECAYED,
    Cell,
    cell,
    centre_lr,
    grid_cells,
    incoming_cells,
    momenta,
    spread,
)
from studies.core.starting import has_momentum, reusable, start

IN_FLIGHT = 4
"""Points that a sampler has under way at once: few, so that it learns before it is asked again."""

REPEATS = 3
"""Trials that are kept back for one repeat of each finalist, what came in included..."""

ENOUGH_TO_KEEP_BACK = 8
"""...where the stage has at least this many: below, seeing more of the space comes first."""

POINT = "point="
"""Begins the key of a trial that a sampler asked for."""


def demand(spec: StudySpec, stage: BatchMomentum) -> Demand:
    """Return what the stage asks for: its grid or search, the two incoming candidates, one repeat of the finalists."""
    momentum_axis = len(stage.momenta) if has_momentum(spec) else 1
    grid = len(stage.batch_sizes) * momentum_axis * len(stage.lr_bracket)
    return Demand(minimum=2, wanted=(stage.trials or grid) + 2 + REPEATS)


# --- the phases --------------------------------------------------------------------------------------------------


def exploration(context: Context[BatchMomentum]) -> Sequence[Proposal]:
    """The incoming candidates, and the grid or as much of it as the budget has room for, spread around them."""
    carried = incoming_cells(context)
    grid = grid_cells(context) if context.stage.search == "grid" else []
    keys = {each.key for each in carried}
    others = [each for each in grid if each.key not in keys]
    fresh = without_reused(context, carried)
    chosen = spread(others, carried[0], max(0, room_to_explore(context) - len(fresh)))
    why = ["Baseline: the best of the stage before.", *["Carried on by the stage before."] * len(carried)]
    return [
        *(_proposal(context, each, reason) for each, reason in zip(carried, why, strict=False) if each in fresh),
        *(_proposal(context, each, why_grid(context)) for each in without_reused(context, chosen)),
    ]


def search(context: Context[BatchMomentum]) -> Sequence[Proposal]:
    """The sampler's next points, a few at a time."""
    asked = [trial for trial in context.trials if _is_point(trial)]
    free = IN_FLIGHT - sum(not trial.state.ended for trial in asked)
    count = min(free, (context.stage.trials or 0) - len(asked), room_to_explore(context) - len(context.trials))
    axes = space(context)
    if count <= 0 or not axes:
        return ()
    points = context.sampler(_request(context, axes, asked, count))
    return [_point(context, point, len(asked) + index) for index, point in enumerate(points)]


def repetition(context: Context[BatchMomentum]) -> Sequence[Proposal]:
    """Further seeds of the best two, and of what came in, while the best is within noise of them (T)."""
    field = standing(context).contenders
    last = finalists(field, baseline_of(context, field))
    why = "the lead of the best configuration is within noise (guide, stage 2; T)."
    return repeats(last, lambda done: settled(last, done), why)


PHASES: tuple[Phase[BatchMomentum], ...] = (exploration, search, repetition)


# --- what they stand on ------------------------------------------------------------------------------------------


def room_to_explore(context: Context[BatchMomentum]) -> int:
    return context.limit - (REPEATS if context.limit >= ENOUGH_TO_KEEP_BACK else 0)


def all_cells(context: Context[BatchMomentum]) -> list[Cell]:
    return incoming_cells(context) + (grid_cells(context) if context.stage.search == "grid" else [])


@once
def standing(context: Context[BatchMomentum]) -> Contest:
    """Return the contest among this stage's trials and the runs of the sweep that are the same as one of its cells."""
    return contest(context, reusable(context, {each.configuration for each in all_cells(context)}))


def baseline_of(context: Context[BatchMomentum], field: Sequence[Contender]) -> Contender | None:
    """Return the contender that is what the stage before chose, if it could be judged."""
    origin = incoming_cells(context)[0]
    return next((each for each in field if each.params == origin.params and each.num_steps == origin.num_steps), None)


def without_reused(context: Context[BatchMomentum], cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells that no earlier stage has run already."""
    known = [(trial.params, trial.num_steps) for trial in reusable(context, {each.configuration for each in cells})]
    return [each for each in cells if (each.params, each.num_steps) not in known]


def why_grid(context: Context[BatchMomentum]) -> str:
    scaling = "kept" if context.stage.lr_scaling == "none" else f"scaled by the {context.stage.lr_scaling} rule"
    return f"Grid of batch size and momentum, a small bracket around the {scaling} rate (guide, stage 2)."


def _proposal(context: Context[BatchMomentum], each: Cell, reason: str, key: str = "") -> Proposal:
    limit = f" Fewer epochs than its peers: budget.steps caps it at {each.num_steps:,} steps." if each.capped else ""
    return Proposal(
        key=key or each.key,
        params=each.params,
        schedule=UNDECAYED,
        num_steps=each.num_steps,
        seed=context.spec.seed,
        reason=f"{reason}{limit}",
        parent_id=start(context).trial_id or None,
    )


# --- search by a sampler -----------------------------------------------------------------------------------------


def space(context: Context[BatchMomentum]) -> tuple[Axis, ...]:
    """Return the axes that the stage spans; one with a single value is not an axis."""
    stage = context.stage
    axes: list[Axis] = []
    if len(stage.batch_sizes) > 1:
        axes.append(ChoiceAxis("batch_size", stage.batch_sizes))
    if has_momentum(context.spec) and len(stage.momenta) > 1:
        axes.append(FloatAxis("momentum", min(stage.momenta), max(stage.momenta)))
    if len(stage.lr_bracket) > 1:
        axes.append(FloatAxis("lr_factor", min(stage.lr_bracket), max(stage.lr_bracket), log=True))
    return tuple(axes)


def _request(
    context: Context[BatchMomentum], axes: tuple[Axis, ...], asked: Sequence[Trial], count: int
) -> SearchRequest:
    return SearchRequest(
        stage=context.stage.kind,
        sampler=context.stage.search,
        space=axes,
        history=_history(context, axes, asked),
        count=count,
        maximize=context.maximize,
        seed=context.spec.seed,
    )


def _history(
    context: Context[BatchMomentum], axes: tuple[Axis, ...], asked: Sequence[Trial]
) -> tuple[Observation, ...]:
    """Return the points asked for with their scores; one that diverged counts as bad as the worst that did not."""
    read = measure(context, judged_by(context, context.completed))
    readings = {trial.id: read(trial) for trial in asked if trial.state is TrialState.COMPLETED}
    values = {trial_id: reading.value for trial_id, reading in readings.items() if reading}
    worst = min(values.values(), default=None)
    sign = 1 if context.maximize else -1

    def score(trial: Trial) -> float | None:
        value = worst if trial.state is TrialState.DIVERGED else values.get(trial.id)
        return None if value is None else sign * value

    return tuple(Observation(_coordinates(context, axes, trial), score(trial)) for trial in asked)


def _coordinates(context: Context[BatchMomentum], axes: tuple[Axis, ...], trial: Trial) -> Params:
    """Return where in the space a trial lies: its parameters on the axes, the rate as a multiple of the scaled one."""
    batch_size, momentum = int(trial.params["batch_size"]), trial.params.get("momentum")
    centre = centre_lr(context, batch_size, None if momentum is None else float(momentum))
    found: Params = {
        **trial.params,
        "lr_factor": _clipped(float(trial.params["lr"]) / centre, context.stage.lr_bracket),
    }
    return {axis.name: found[axis.name] for axis in axes}


def _clipped(value: float, values: Sequence[float]) -> float:
    """Return `value` within the range of the axis: rounding the rate may have moved it out by a hair."""
    return min(max(value, min(values)), max(values))


def _point(context: Context[BatchMomentum], point: Params, index: int) -> Proposal:
    stage = context.stage
    momentum = point.get("momentum", momenta(context)[0])
    each = cell(
        context,
        int(point.get("batch_size", stage.batch_sizes[0])),
        None if momentum is None else float(momentum),
        float(point.get("lr_factor", stage.lr_bracket[0])),
    )
    reason = f"Point {index + 1} of {stage.trials} of the {stage.search} search (guide, stage 2)."
    return _proposal(context, each, reason, key=f"{POINT}{index}")


def _is_point(trial: Trial) -> bool:
    return trial.key.startswith(POINT) and REPEAT not in trial.key
