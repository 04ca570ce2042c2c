"""Optuna's samplers as pure functions of a request.

Each request rebuilds a small in-memory Optuna study from the points asked for so far, so nothing is kept between
requests: two servers, or one that was started again, ask the same and get the same.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import warnings
from typing import Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from studies.contract.base import Params, Scalar
from studies.contract.study_file import SamplerName
from studies.core.sampling import Axis, CategoryAxis, ChoiceAxis, FloatAxis, Observation, SearchRequest, index_of
from studies.storage.optuna_bridge.cma_es import evolve

MAX_HISTORY = 1_000
"""Most scored points that a sampler sees. TPE's cost grows with them: 150 points a second at first, 14 at 10,000."""


def missing(search: SamplerName) -> str | None:
    """Return what has to be installed for this search, None where it can be used."""
    if search == "gp" and importlib.util.find_spec("torch") is None:
        return "gp needs PyTorch on the server: pip install torch there, or use tpe"
    return None


class OptunaSampler:
    """Implements `studies.core.sampling.Sampler`: random, qmc (scrambled Sobol), tpe, gp and cma-es.

    The points of one request are kept apart as the sampler's kind allows: each stays in the history as running, so
    that TPE's constant liar and the Gaussian process's fantasies see it. Choices are passed on as ordered values.
    A run that was stopped is told as Optuna's pruners tell it: TPE learns from it, the Gaussian process does not.
    """

    def __call__(self, request: SearchRequest) -> tuple[Params, ...]:
        """Return `request.count` points; the same request gives the same points.

        Raises:
            ModuleNotFoundError: ``gp`` without PyTorch; `missing` says so beforehand.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        if request.sampler == "cma-es":
            return evolve(request, _derived_seed(request))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study = optuna.create_study(sampler=_sampler(request), direction=_direction(request))
            study.add_trials([_told(observation, request) for observation in _seen(request)])
            return tuple(_ask(study, request) for _ in range(request.count))


def _ask(study: optuna.Study, request: SearchRequest) -> Params:
    """Return one point, axis by axis: one whose condition does not hold is not asked for (define by run)."""
    trial, point = study.ask(), dict[str, Scalar]()
    distributions = _distributions(request)
    for axis in request.space:
        if request.counts(axis.name, point):
            point[axis.name] = _value(axis, _suggested(trial, axis.name, distributions[axis.name]))
    return point


def _suggested(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> float | int:
    match distribution:
        case IntDistribution():
            return trial.suggest_int(name, distribution.low, distribution.high)
        case FloatDistribution():
            return trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
        case CategoricalDistribution():
            return distribution.choices.index(trial.suggest_categorical(name, distribution.choices))
        case _:
            raise TypeError(f"no axis is of {type(distribution).__name__}")


# --- samplers ----------------------------------------------------------------------------------------------------


def _sampler(request: SearchRequest) -> BaseSampler:
    seed = _derived_seed(request)
    match request.sampler:
        case "random":
            return RandomSampler(seed=seed)
        case "qmc":
            return _Sobol(_distributions(request), seed=request.seed, start=len(request.history))
        case "tpe":
            return TPESampler(seed=seed, multivariate=True, constant_liar=True, group=bool(request.conditions))
        case "gp":
            return GPSampler(seed=seed)
        case _:
            raise ValueError(f"search: {request.sampler} needs no sampler: its points are the axes' own")


def _derived_seed(request: SearchRequest) -> int:
    """Return a seed that differs from one request of a search to the next, and from one stage to another."""
    digest = hashlib.sha256(f"{request.seed}/{request.stage}/{len(request.history)}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _direction(request: SearchRequest) -> Literal["maximize", "minimize"]:
    return "maximize" if request.maximize else "minimize"


class _Sobol(QMCSampler):
    """A scrambled Sobol sequence that knows its space from the first point on and goes on where the history ends.

    Optuna's own draws the first point at random and keeps its place in the study, which is a new one each time here.
    """

    def __init__(self, space: dict[str, BaseDistribution], seed: int, start: int) -> None:
        super().__init__(qmc_type="sobol", scramble=True, seed=seed)
        self._known = space
        self._start = start

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        for _ in range(self._start):
            super().sample_relative(study, trial, self._moving())
        self._start = 0
        return self._moving()

    def _moving(self) -> dict[str, BaseDistribution]:
        return {name: distribution for name, distribution in self._known.items() if not distribution.single()}


# --- history -----------------------------------------------------------------------------------------------------


def _seen(request: SearchRequest) -> tuple[Observation, ...]:
    """Return the best and the latest scored points up to `MAX_HISTORY`, and every point that still runs."""
    known = [observation for observation in request.history if _fits(observation, request)]
    scored = [index for index, observation in enumerate(known) if observation.score is not None]
    ranked = sorted(scored, key=lambda index: _badness(known[index].score, request))
    kept = {*ranked[: MAX_HISTORY // 2], *scored[-(MAX_HISTORY // 2) :]}
    return tuple(seen for index, seen in enumerate(known) if seen.score is None or index in kept)


def _badness(score: float | None, request: SearchRequest) -> float:
    """Return what grows as a score gets worse; scores that are not finite are the worst."""
    if score is None or not math.isfinite(score):
        return math.inf
    return -score if request.maximize else score


def _worst(request: SearchRequest) -> float:
    """Return the worst finite score of the history, which stands for scores that are not finite; 0 without any."""
    finite = [seen.score for seen in request.history if seen.score is not None and math.isfinite(seen.score)]
    return min(finite, default=0.0) if request.maximize else max(finite, default=0.0)


def _told(observation: Observation, request: SearchRequest) -> FrozenTrial:
    score = observation.score
    if score is not None and not math.isfinite(score):
        score = _worst(request)
    if score is None:
        state = TrialState.RUNNING
    else:
        state = TrialState.COMPLETE if observation.stopped_at is None else TrialState.PRUNED
    had = [axis for axis in request.space if axis.name in observation.point]
    return create_trial(
        state=state,
        value=score,
        intermediate_values=_last(observation),
        params={axis.name: _coordinate(axis, observation.point[axis.name]) for axis in had},
        distributions={axis.name: _distributions(request)[axis.name] for axis in had},
    )


def _last(observation: Observation) -> dict[int, float]:
    """Return the last value of a run that was stopped, by its step: what TPE ranks it by."""
    if observation.score is None or observation.stopped_at is None:
        return {}
    return {observation.stopped_at: observation.score}


# --- axes --------------------------------------------------------------------------------------------------------


def _distributions(request: SearchRequest) -> dict[str, BaseDistribution]:
    """Return the space for Optuna. A sequence knows numbers alone: there values without order are numbered."""
    numbered = {
        axis.name: IntDistribution(0, len(axis.choices) - 1)
        for axis in request.space
        if isinstance(axis, CategoryAxis) and request.sampler == "qmc"
    }
    return {axis.name: numbered.get(axis.name, _distribution(axis)) for axis in request.space}


def _distribution(axis: Axis) -> BaseDistribution:
    """Return the axis for Optuna; choices as their indices, which keeps the order where there is one."""
    match axis:
        case ChoiceAxis():
            return IntDistribution(0, len(axis.choices) - 1)
        case CategoryAxis():
            return CategoricalDistribution(range(len(axis.choices)))
        case FloatAxis():
            return FloatDistribution(axis.low, axis.high, log=axis.log)


def _fits(observation: Observation, request: SearchRequest) -> bool:
    """Whether a point has a place in the space: a value on every axis that counts, of choices one of them."""
    point = observation.point
    return all(
        axis.name in point and (isinstance(axis, FloatAxis) or point[axis.name] in axis.choices)
        for axis in request.space
        if axis.name in point or request.counts(axis.name, point)
    )


def _coordinate(axis: Axis, value: Scalar) -> float | int:
    if isinstance(axis, FloatAxis):
        return min(max(float(value), axis.low), axis.high)
    return index_of(axis.choices, value)


def _value(axis: Axis, coordinate: float) -> Scalar:
    return float(coordinate) if isinstance(axis, FloatAxis) else axis.choices[int(coordinate)]
