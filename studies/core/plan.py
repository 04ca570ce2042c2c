"""How a study's budget is shared out: trials among its stages, steps between the sweep and what comes after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from studies.contract.study_file import StageKind, StudySpec
from studies.core.snapshot import Snapshot


@dataclass(frozen=True)
class Demand:
    """Trials that a stage asks for: ``minimum`` to say anything at all, ``wanted`` to do all that it would do."""

    minimum: int
    wanted: int


@lru_cache(maxsize=256)
def shares(budget: int, demands: tuple[Demand, ...]) -> tuple[int, ...]:
    """Share `budget` trials among stages; the sum never exceeds the budget, nor a share what its stage wants.

    Trials are handed out one by one: first until every stage has its minimum, evenly, then to the stage whose demand
    is met least. So no stage ever loses a trial by a larger budget, and a small budget still reaches the last stage.
    """
    given = [0] * len(demands)
    for _ in range(min(budget, sum(demand.wanted for demand in demands))):
        given[_neediest(given, demands)] += 1
    return tuple(given)


def _neediest(given: Sequence[int], demands: Sequence[Demand]) -> int:
    def fulfilment(index: int) -> tuple[bool, float, int]:
        has, demand = given[index], demands[index]
        served = has >= demand.minimum
        return served, has / demand.wanted if served else has, index

    unmet = [index for index, demand in enumerate(demands) if given[index] < demand.wanted]
    return min(unmet, key=fulfilment)


def trial_limit(snapshot: Snapshot, kind: StageKind, demands: Sequence[Demand]) -> int:
    """Return how many trials the stage `kind` may have in all.

    It is what the budget has left after the trials of the other stages and the shares of the later ones: what an
    earlier stage did not use, and what nobody demands, is common. `demands` in the order of the study's stages.
    """
    return limit_after(snapshot.spec, kind, demands, used=len(snapshot.trials) - len(snapshot.of(kind)))


def limit_after(spec: StudySpec, kind: StageKind, demands: Sequence[Demand], *, used: int) -> int:
    """Return the same where the other stages have `used` so many trials."""
    position = [stage.kind for stage in spec.stages].index(kind)
    reserved = sum(shares(spec.budget.trials, tuple(demands))[position + 1 :])
    return max(0, spec.budget.trials - used - reserved)


def sweep_steps(spec: StudySpec) -> int:
    """Return the steps of a sweep trial: two thirds of the budget's, so that 1.5x a convergence fits (guide, stage 1).

    Rounded up to a whole number of evaluations, and at most ``budget.steps``.
    """
    two_thirds = -(-2 * spec.budget.steps // 3)
    evaluations = -(-two_thirds // spec.evaluate_every)
    return min(spec.budget.steps, evaluations * spec.evaluate_every)
