"""What a stage is going to take, before it begins: how many trials at least and at most, and at most how many steps.

An upper bound by the same rules that the stage will follow: shares of the trial budget for the guide, shares of the
steps for a guided search. What its trials will show is not known yet, so a stage often takes less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studies.contract.decision import Candidate
from studies.contract.study_file import (
    BatchMomentum,
    Confirm,
    DecayProbes,
    LrHalving,
    LrSweep,
    ParameterProbes,
    SamplerSearch,
    Stage,
    StageKind,
    StudySpec,
)
from studies.core.plan import Demand, limit_after, sweep_steps
from studies.core.search.budget import ceiling
from studies.core.search.dimensions import Categorical
from studies.core.search.lengths import full_length, rungs
from studies.core.search.space import FORM, START, space_of, starting_params
from studies.core.space import equal_epochs_steps
from studies.core.stages import demands_of
from studies.core.stages.decay_probes.probes import probed
from studies.core.stages.lr_halving.rates import rates
from studies.core.stages.search.space import grid


@dataclass(frozen=True)
class Price:
    """Trials from ``least`` to ``most``, and at most ``steps`` steps together.

    ``open_ended``: what runs that are stopped leave is spent on further trials.
    """

    least: int
    most: int
    steps: int
    open_ended: bool = False


def price(
    spec: StudySpec, kind: StageKind, asked: Mapping[StageKind, int], spent: int, incoming: Candidate | None
) -> Price:
    """Return what the stage `kind` will take at most.

    Args:
        spec: the study.
        kind: the stage, which has no trials yet.
        asked: trials that each stage before it has asked for.
        spent: steps that the study has trained.
        incoming: what the stage starts from, None for the defaults.
    """
    stage = next(stage for stage in spec.stages if stage.kind == kind)
    demands = demands_of(spec)
    if demands:
        return _of_guide(spec, stage, demands, sum(asked.values()), incoming)
    return _of_search(spec, stage, max(0, ceiling(spec, kind) - spent), incoming)


# --- the guide, which counts trials ------------------------------------------------------------------------------


def _of_guide(
    spec: StudySpec, stage: Stage, demands: tuple[Demand, ...], used: int, incoming: Candidate | None
) -> Price:
    demand = demands[[each.kind for each in spec.stages].index(stage.kind)]
    most = min(demand.wanted, limit_after(spec, stage.kind, demands, used=used))
    return Price(min(demand.minimum, most), most, round(most * _steps_each(spec, stage, incoming)))


def _steps_each(spec: StudySpec, stage: Stage, incoming: Candidate | None) -> float:
    """Return the steps of a trial, on average over the batch sizes: each sees as many samples (guide, stage 2)."""
    length = incoming.num_steps if incoming else spec.budget.steps
    match stage:
        case LrSweep():
            return sweep_steps(spec)
        case BatchMomentum() if spec.hold == "epochs":
            batch0 = int(incoming.params["batch_size"]) if incoming else spec.defaults.batch_size
            lengths = [equal_epochs_steps(length, batch0, batch, spec.budget.steps) for batch in stage.batch_sizes]
            return sum(lengths) / len(lengths)
        case _:
            return length


# --- a guided search, which counts steps -------------------------------------------------------------------------


def _of_search(spec: StudySpec, stage: Stage, left: int, incoming: Candidate | None) -> Price:
    length = incoming.num_steps if incoming else full_length(spec, starting_params(spec))
    runs = left // length
    match stage:
        case LrHalving():
            begun = len(rates(spec, stage))
            return Price(min(1, begun), begun, min(left, begun * rungs(spec, length)[0] + 2 * length))
        case DecayProbes():
            count = min(len(probed(stage)), runs)
            return Price(count, count, count * length)
        case ParameterProbes():
            count = _probes(spec)
            return Price(min(1, runs), count, min(left, count * length))
        case SamplerSearch():
            wanted = stage.trials or (stage.seeds * len(grid(spec, stage)) if stage.sampler == "grid" else None)
            least = min(runs, wanted or runs)
            most = wanted or least
            return Price(least, most, min(left, most * length), open_ended=wanted is None)
        case Confirm():
            rounds = runs // stage.finalists
            return Price(stage.finalists * min(1, rounds), stage.finalists * rounds, stage.finalists * rounds * length)
        case _:
            return Price(runs, runs, left, open_ended=True)


def _probes(spec: StudySpec) -> int:
    """Return how many steps to a side there are: two for a number, one for every other value of a choice."""
    moving = (each for each in space_of(spec).dimensions if each.name not in ("lr", START, FORM))
    return sum(len(each.values) - 1 if isinstance(each, Categorical) else 2 for each in moving)
