"""Optuna's samplers behind the port: pure, inside the space, diverse, and able to learn."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studies.contract.base import Params
from studies.contract.study_file import SamplerName
from studies.core.sampling import Axis, CategoryAxis, ChoiceAxis, FloatAxis, Observation, Sampler, SearchRequest
from studies.storage.optuna_bridge import cma_es
from studies.storage.optuna_bridge import sampler as bridge
from studies.storage.optuna_bridge.sampler import OptunaSampler, missing

SPACE = (
    ChoiceAxis("batch_size", (32, 64, 128)),
    FloatAxis("momentum", 0.8, 0.95),
    FloatAxis("lr_factor", 0.5, 2.0, log=True),
)
ask: Sampler = OptunaSampler()


def request(sampler: SamplerName = "tpe", **changes: Any) -> SearchRequest:
    asked = SearchRequest("batch_momentum", sampler, SPACE, history=(), count=4, maximize=True, seed=1)
    return dataclasses.replace(asked, **changes)


def score(point: Params) -> float:
    """A hill with its top at batch size 64, momentum 0.9, factor 1."""
    batch = {32: 0.5, 64: 0.0, 128: 0.5}[int(point["batch_size"])]
    return -batch - 100 * (float(point["momentum"]) - 0.9) ** 2 - math.log2(float(point["lr_factor"])) ** 2


def searched(sampler: SamplerName, trials: int, batch: int = 4, **changes: Any) -> tuple[Observation, ...]:
    history: tuple[Observation, ...] = ()
    while len(history) < trials:
        points = ask(request(sampler, history=history, count=batch, **changes))
        history += tuple(Observation(point, score(point)) for point in points)
    return history


def inside(point: Params, space: tuple[Axis, ...]) -> bool:
    return list(point) == [axis.name for axis in space] and all(
        point[axis.name] in axis.choices
        if not isinstance(axis, FloatAxis)
        else axis.low <= float(point[axis.name]) <= axis.high
        for axis in space
    )


SAMPLERS: tuple[SamplerName, ...] = ("random", "qmc", "tpe", "gp", "cma-es")
HISTORIES = {
    "nothing known": (),
    "start": (Observation({"batch_size": 64, "momentum": 0.9, "lr_factor": 1.0}, 0.5),),
    "one runs": (Observation({"batch_size": 64, "momentum": 0.9, "lr_factor": 1.0}, None),),
    "learning": searched("random", 12),
    "not finite": tuple(
        Observation(seen.point, value)
        for seen, value in zip(searched("random", 12), [math.nan, math.inf, -math.inf] * 4, strict=True)
    ),
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_request_gives_the_same_different_points(
    sampler: SamplerName, history: tuple[Observation, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = request(sampler, history=history, count=2 if sampler == "gp" else 4)
    points = ask(asked)
    assert points == ask(asked)
    assert len({tuple(point.values()) for point in points}) == asked.count
    assert all(inside(point, SPACE) for point in points)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_another_seed_and_a_longer_history_give_other_points(sampler: SamplerName) -> None:
    first = ask(request(sampler))
    later = request(sampler, history=tuple(Observation(point, None) for point in first))
    assert set(map(str, first)).isdisjoint(map(str, ask(later)))
    assert set(map(str, first)).isdisjoint(map(str, ask(request(sampler, seed=2))))


def test_qmc_goes_on_with_its_sequence_whatever_the_batches() -> None:
    assert [seen.point for seen in searched("qmc", 8, batch=2)] == [seen.point for seen in searched("qmc", 8, batch=8)]


def test_qmc_covers_the_space_evenly() -> None:
    points = ask(request("qmc", count=16))
    assert sum(float(point["momentum"]) < 0.875 for point in points) == 8
    assert sum(float(point["lr_factor"]) < 1 for point in points) == 8


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cma-es"])
@pytest.mark.parametrize("maximize", [True, False])
def test_a_sampler_that_learns_ends_nearer_to_the_top(sampler: SamplerName, maximize: bool) -> None:
    def signed(seen: Observation) -> Observation:
        return seen if maximize else Observation(seen.point, -float(seen.score or 0.0))

    history = tuple(map(signed, searched("random", 24)))
    (learned,) = ask(request(sampler, history=history, maximize=maximize, count=1))
    mean_random = sum(score(seen.point) for seen in history) / len(history)
    assert score(learned) > mean_random


def test_axes_of_one_value_stand_still() -> None:
    space = (
        FloatAxis("momentum", 0.9, 0.9),
        ChoiceAxis("batch_size", (64,)),
        FloatAxis("lr_factor", 0.5, 2.0, log=True),
    )
    for sampler in SAMPLERS:
        points = ask(request(sampler, space=space, count=3))
        assert {(point["momentum"], point["batch_size"]) for point in points} == {(0.9, 64)}
        assert len({point["lr_factor"] for point in points}) == 3


def test_points_from_elsewhere_are_clipped_or_left_out() -> None:
    history = (
        Observation({"batch_size": 48, "momentum": 0.9, "lr_factor": 1.0}, 1.0),
        Observation({"momentum": 0.9}, 1.0),
        Observation({"batch_size": 64, "momentum": 0.99, "lr_factor": 8.0}, 1.0),
    )
    assert all(inside(point, SPACE) for point in ask(request("tpe", history=history)))


MIXED = (
    CategoryAxis("activation", ("relu", "gelu", True, 1)),
    ChoiceAxis("depth", (1, 2)),
    FloatAxis("rate", 0.0, 1.0),
)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_values_without_an_order_are_all_tried_and_learnt_from(sampler: SamplerName) -> None:
    history: tuple[Observation, ...] = ()
    for _ in range(6):
        points = ask(request(sampler, space=MIXED, history=history, count=4))
        assert all(inside(point, MIXED) for point in points)
        history += tuple(Observation(point, float(point["activation"] == "gelu")) for point in points)
    assert {(type(seen.point["activation"]), seen.point["activation"]) for seen in history} >= {
        (str, "relu"),
        (str, "gelu"),
    }


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_was_stopped_may_be_told(sampler: SamplerName) -> None:
    whole = searched("random", 12)
    stopped = tuple(dataclasses.replace(seen, stopped_at=10 * (index + 1)) for index, seen in enumerate(whole))
    points = ask(request(sampler, history=(*whole, *stopped), count=2))
    assert len(points) == 2
    assert all(inside(point, SPACE) for point in points)


def test_tpe_keeps_away_from_where_runs_are_stopped() -> None:
    def at(momentum: float, **told: int) -> Observation:
        return Observation({"momentum": momentum}, 0.5, **told)

    space = (FloatAxis("momentum", 0.0, 1.0),)
    low = tuple(at(0.1 + 0.002 * index, stopped_at=5) for index in range(40))
    high = tuple(at(0.9 + 0.002 * index) for index in range(10))
    points = ask(request("tpe", space=space, history=(*low, *high), count=8))
    assert sum(float(point["momentum"]) > 0.5 for point in points) > 4


def test_cma_es_takes_what_was_stopped_for_worse_than_what_finished() -> None:
    point = {"batch_size": 64, "momentum": 0.9, "lr_factor": 1.0}
    seen = [Observation(point, 0.9, stopped_at=10), Observation(point, 0.1), Observation(point, 0.2, stopped_at=20)]
    assert cma_es._costs(seen, maximize=True) == [2.0, 0.0, 1.0]
    assert cma_es._costs([Observation(point, math.nan), Observation(point, 5.0)], maximize=False) == [1.0, 0.0]


def test_a_grid_needs_no_sampler() -> None:
    with pytest.raises(ValueError, match="search: grid needs no sampler"):
        ask(request("grid"))


def test_a_long_history_is_cut_to_the_best_and_the_latest() -> None:
    numbered = tuple(
        Observation({"batch_size": 64, "momentum": 0.8 + index / 50_000, "lr_factor": 1.0}, float(-index))
        for index in range(5_000)
    )
    running = (Observation({"batch_size": 32, "momentum": 0.9, "lr_factor": 1.0}, None),)
    seen = bridge._seen(request(history=running + numbered))
    assert len(seen) == bridge.MAX_HISTORY + 1
    assert seen == running + numbered[:500] + numbered[-500:]
    started = time.monotonic()
    ask(request("tpe", history=numbered, count=1))
    assert time.monotonic() - started < 5


def test_gp_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing("gp") is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert missing("gp") == "gp needs PyTorch on the server: pip install torch there, or use tpe"
    assert missing("tpe") is None


def test_nothing_stays_behind(recwarn: pytest.WarningsRecorder) -> None:
    ask(request("qmc"))
    assert not recwarn.list
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR


points_of_space = st.fixed_dictionaries(
    {
        "batch_size": st.sampled_from([32, 64, 128]),
        "momentum": st.floats(0.8, 0.95),
        "lr_factor": st.floats(0.5, 2.0),
    }
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    history=st.lists(st.builds(Observation, points_of_space, st.none() | st.floats()), max_size=15),
    sampler=st.sampled_from(["random", "qmc", "tpe"]),
    count=st.integers(0, 3),
    maximize=st.booleans(),
)
def test_any_history_gives_points_of_the_space(
    history: list[Observation], sampler: SamplerName, count: int, maximize: bool
) -> None:
    points = ask(request(sampler, history=tuple(history), count=count, maximize=maximize))
    assert len(points) == count
    assert all(inside(point, SPACE) for point in points)
