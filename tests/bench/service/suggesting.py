"""Suggestions of TPE per second, by the length of the history: as a stage asks for them, and by Optuna's own study."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator

import optuna
from optuna.distributions import FloatDistribution, IntDistribution

from studies.core.sampling import ChoiceAxis, FloatAxis, Observation, SearchRequest
from studies.storage.optuna_bridge import OptunaSampler
from tests.bench.service.section import Bench, Figure

BATCH = 32
AIM = 60.0

SPACE = (
    ChoiceAxis("batch_size", (16, 32, 64, 128, 256, 512)),
    FloatAxis("momentum", 0.0, 0.99),
    FloatAxis("lr_factor", 0.1, 10.0, log=True),
)


def section(bench: Bench) -> Iterator[Figure]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    requests = {size: _request(size) for size in bench.sizes}
    own: dict[int, list[float]] = {size: [] for size in bench.sizes}
    theirs: dict[int, list[float]] = {size: [] for size in bench.sizes}
    for _ in range(bench.repeats):
        for size, request in requests.items():
            own[size].append(_rate(request))
            theirs[size].append(_optunas_rate(request))
    what = f"TPE suggestions in requests of {BATCH}"
    for size in bench.sizes:
        yield Figure(what, "points/s", "none", tuple(own[size]), size, aim=AIM)
    for size in bench.sizes:
        yield Figure(what, "points/s", "none", tuple(theirs[size]), size, by="Optuna's TPESampler")


def _request(size: int) -> SearchRequest:
    drawn = random.Random(0)
    history = tuple(_observation(drawn) for _ in range(size))
    return SearchRequest("batch_momentum", "tpe", SPACE, history, BATCH, maximize=True, seed=0)


def _observation(drawn: random.Random) -> Observation:
    momentum, factor = drawn.random() * 0.99, 10 ** drawn.uniform(-1, 1)
    batch = drawn.choice((16, 32, 64, 128, 256, 512))
    score = -(math.log10(factor) ** 2) - (momentum - 0.9) ** 2 - abs(math.log2(batch / 64)) / 10
    return Observation({"batch_size": batch, "momentum": momentum, "lr_factor": factor}, score)


def _rate(request: SearchRequest) -> float:
    sampler = OptunaSampler()
    began = time.perf_counter()
    sampler(request)
    return BATCH / (time.perf_counter() - began)


def _optunas_rate(request: SearchRequest) -> float:
    """Optuna keeps its study in memory, which costs it nothing here; its sampler sees the whole history."""
    space = {
        "batch_size": IntDistribution(0, 5),
        "momentum": FloatDistribution(0.0, 0.99),
        "lr_factor": FloatDistribution(0.1, 10.0, log=True),
    }
    choices = SPACE[0].choices
    sampler = optuna.samplers.TPESampler(seed=0, multivariate=True, constant_liar=True)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                value=seen.score,
                params=dict(seen.point) | {"batch_size": choices.index(seen.point["batch_size"])},  # type: ignore[arg-type]
                distributions=space,
            )
            for seen in request.history
        ]
    )
    began = time.perf_counter()
    for _ in range(BATCH // 4):
        study.ask(space)
    return BATCH // 4 / (time.perf_counter() - began)
