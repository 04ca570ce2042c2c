"""A settled trial as Optuna records it: what is lost, kept and renamed on the way. Pure.

Optuna knows three ends. ``completed`` with a score is COMPLETE. ``pruned`` and ``diverged`` are PRUNED with the last
finite value that was seen, as Optuna's own pruners tell it, so that samplers and plots take them as bad, not as
missing; without such a value, and for every other end, the trial is FAIL. `STATE` keeps our own word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from studies.contract.states import TrialState
from studies.core.snapshot import Curve
from studies.storage.port import SettledTrial

TRIAL_ID = "stagetune_trial_id"
"""User attribute by which a trial that was written before is found again."""

STATE = "stagetune_state"
"""User attribute with our own word for how the trial ended."""

UNFIT = "stagetune_param_"
"""Beginning of the user attribute of a parameter whose value does not fit the distribution recorded before."""

MAX_POINTS = 100
"""Most intermediate values of one trial."""

Distributions = Mapping[str, BaseDistribution]


def optuna_trial(trial: SettledTrial, distributions: Distributions) -> FrozenTrial:
    """Return `trial` with the parameters that fit `distributions`, the others as user attributes."""
    values = {
        name: native(value, distributions[name])
        for name, value in trial.params.items()
        if name in distributions and fits(value, distributions[name])
    }
    attributes = {f"{UNFIT}{name}": value for name, value in trial.params.items() if name not in values}
    state, score = ending(trial)
    return create_trial(
        state=state,
        value=score,
        params=values,
        distributions={name: distributions[name] for name in values},
        intermediate_values=intermediate_values(trial.curve),
        user_attrs={**attributes, **trial.attributes, TRIAL_ID: trial.trial_id, STATE: trial.state.value},
    )


def ending(trial: SettledTrial) -> tuple[OptunaState, float | None]:
    """Return Optuna's state of a trial and its value, which Optuna wants for COMPLETE and refuses for FAIL."""
    if trial.state is TrialState.COMPLETED and _finite(trial.score):
        return OptunaState.COMPLETE, trial.score
    if trial.state in (TrialState.PRUNED, TrialState.DIVERGED):
        seen = intermediate_values(trial.curve)
        if seen:
            return OptunaState.PRUNED, seen[max(seen)]
    return OptunaState.FAIL, None


def intermediate_values(curve: Curve) -> dict[int, float]:
    """Return at most `MAX_POINTS` finite points of a curve, log spaced, the first and the last among them."""
    finite = np.flatnonzero(np.isfinite(curve.values))
    chosen = finite[_log_spaced(finite.size)]
    return {int(curve.steps[index]): float(curve.values[index]) for index in chosen}


def _log_spaced(size: int) -> list[int]:
    if size <= MAX_POINTS:
        return list(range(size))
    return sorted({round(index) - 1 for index in np.geomspace(1, size, MAX_POINTS)})


def _finite(score: float | None) -> bool:
    return score is not None and math.isfinite(score)


# --- distributions -----------------------------------------------------------------------------------------------


def distributions_for(trials: Sequence[SettledTrial], recorded: Distributions) -> Distributions:
    """Return a distribution for every parameter of `trials`.

    `recorded` are the distributions of the study's earlier trials. Optuna refuses another kind, or other choices, for
    a parameter that it knows, so those stay; the range of a number may grow.
    """
    names = dict.fromkeys(name for trial in trials for name in trial.params)
    return {
        name: _distribution([trial.params[name] for trial in trials if name in trial.params], recorded.get(name))
        for name in names
    }


def _distribution(values: Sequence[Any], recorded: BaseDistribution | None) -> BaseDistribution:
    if isinstance(recorded, CategoricalDistribution):
        return recorded
    if isinstance(recorded, FloatDistribution):
        low, high = _span([recorded.low, recorded.high, *filter(_is_number, values)])
        return FloatDistribution(low if low > 0 or not recorded.log else recorded.low, high, log=recorded.log)
    if isinstance(recorded, IntDistribution):
        low, high = _span([recorded.low, recorded.high, *filter(_is_integer, values)])
        return IntDistribution(int(low), int(high))
    if all(map(_is_integer, values)):
        return IntDistribution(min(values), max(values))
    if all(map(_is_number, values)):
        low, high = _span(values)
        return FloatDistribution(low, high, log=low > 0 and high >= 10 * low)
    return CategoricalDistribution(list(dict.fromkeys(values)))


def fits(value: object, distribution: BaseDistribution) -> bool:
    """Whether a parameter's value can be recorded under `distribution`."""
    if isinstance(distribution, CategoricalDistribution):
        return any(value == choice and type(value) is type(choice) for choice in distribution.choices)
    if isinstance(distribution, IntDistribution):
        return _is_integer(value)
    return (
        isinstance(distribution, FloatDistribution)
        and _is_number(value)
        and distribution.low <= value <= distribution.high
    )


def native(value: Any, distribution: BaseDistribution) -> Any:
    return float(value) if isinstance(distribution, FloatDistribution) else value


def _span(values: Iterable[float]) -> tuple[float, float]:
    numbers = [float(value) for value in values]
    return min(numbers), max(numbers)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    return _is_integer(value) or (isinstance(value, float) and math.isfinite(value))
