"""The points of a user-defined search: as many as there is room for, from its sampler or its grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from studies.contract.base import Params
from studies.contract.states import TrialState
from studies.contract.study_file import SamplerName, SamplerSearch
from studies.core.actions import Proposal
from studies.core.context import Context
from studies.core.repeating import REPEAT
from studies.core.sampling import Observation, SearchRequest
from studies.core.search.room import room
from studies.core.search.space import Configuration
from studies.core.search.standing import identity
from studies.core.stages.search.history import coordinates, observations, points
from studies.core.stages.search.space import axis_of, conditions, counting, grid, parent, value_at, varied

NAMES: dict[SamplerName, str] = {
    "random": "random search",
    "qmc": "a Sobol sequence",
    "tpe": "TPE",
    "gp": "a Gaussian process",
    "cma-es": "CMA-ES",
    "grid": "the grid",
}


def next_points(context: Context[SamplerSearch]) -> Sequence[Proposal]:
    """Return the next runs: further seeds of the points that lack some, then new points."""
    count = min(room(context, context.stage.parallel), _trials_left(context))
    if count <= 0:
        return ()
    seeds = list(_seeds_missing(context))[:count]
    return [*seeds, *_new_runs(context, count - len(seeds))]


def _trials_left(context: Context[SamplerSearch]) -> int:
    return (context.stage.trials or context.limit) - len(context.trials)


def _seeds_missing(context: Context[SamplerSearch]) -> Iterator[Proposal]:
    """Yield further seeds of the points that nothing speaks against so far."""
    for index, runs in enumerate(points(context)):
        bad = any(trial.state in (TrialState.DIVERGED, TrialState.PRUNED, TrialState.FAILED) for trial in runs)
        first = runs[0]
        for seed in range(len(runs), 1 if bad else context.stage.seeds):
            again = Configuration(first.params, first.schedule, first.num_steps)
            key = f"{first.key}{REPEAT}{first.seed + seed}"
            yield _proposal(context, key, again, first.seed + seed, f"Seed {seed + 1} of point {index + 1}.")


def _new_runs(context: Context[SamplerSearch], count: int) -> list[Proposal]:
    """Return the first seeds of `count` new points; one that was run before gets the seed after its last."""
    first = len(points(context))
    used: dict[object, int] = {}
    for trial in context.snapshot.trials:
        used[identity(trial)] = max(trial.seed, used.get(identity(trial), -1))
    found = []
    for index, (values, reason) in enumerate(_values(context, first, count), start=first):
        wanted = varied(context, values)
        same = tuple(sorted(wanted.params.items())), wanted.schedule
        seed = used[same] + 1 if same in used else context.spec.seed
        used[same] = seed + context.stage.seeds - 1
        found.append(_proposal(context, f"point={index}", wanted, seed, reason))
    return found


def _values(context: Context[SamplerSearch], first: int, count: int) -> list[tuple[Params, str]]:
    """Return what the next points have in place of the base's values, and why."""
    if context.stage.sampler == "grid":
        cells = grid(context.spec, context.stage)[first : first + max(0, count)]
        return [(cell, f"Point {at} of the grid.") for at, cell in enumerate(cells, start=first + 1)]
    begins = not first and parent(context) is None and count > 0
    start: list[tuple[Params, str]] = [({}, "Point 1 of the search: the defaults.")] if begins else []
    sampled = _sampled(context, count - len(start), pending=len(start))
    numbered = enumerate(sampled, start=first + len(start) + 1)
    return [*start, *((each, f"Point {at} of the search, by {NAMES[context.stage.sampler]}.") for at, each in numbered)]


def _sampled(context: Context[SamplerSearch], count: int, *, pending: int) -> list[Params]:
    """Return the sampler's next points; `pending` is 1 where the defaults are about to run, else 0."""
    dimensions = counting(context)
    if count <= 0 or not dimensions:
        return []
    origin = Observation(coordinates(varied(context, {}).params, dimensions), None)
    request = SearchRequest(
        stage=context.stage.kind,
        sampler=context.stage.sampler,
        space=tuple(map(axis_of, dimensions)),
        history=(*observations(context, dimensions), *[origin] * pending),
        count=count,
        maximize=True,
        seed=context.spec.seed,
        conditions=conditions(context, dimensions),
    )
    return [
        {each.name: value_at(each, point[each.name]) for each in dimensions if each.name in point}
        for point in context.sampler(request)
    ]


def _proposal(context: Context[SamplerSearch], key: str, wanted: Configuration, seed: int, reason: str) -> Proposal:
    base = parent(context)
    return Proposal(
        key=key,
        params=wanted.params,
        schedule=wanted.schedule,
        num_steps=wanted.num_steps,
        seed=seed,
        reason=reason,
        parent_id=base.best_trial.id if base else None,
    )
