"""Trials by a filter, in an order, a window of them: every store says what `studies.core.query` says in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.study_file import Metric
from studies.contract.trial_query import Fact, Filter, Measure, Order, Param, TrialQuery
from studies.contract.worker_protocol import AttemptReport, Lease
from studies.core.actions import AddTrials, EndTrial, OpenStage
from studies.core.query import Vocabulary, matches, ordered, parse_filter, parse_term, reader
from studies.errors import NotFound
from studies.storage import StudyStore
from studies.storage.port import KnownParam
from tests import builders as build
from tests import filters
from tests.contract.http_store import HttpStore
from tests.contract.scenes import decide

KNOWN = Vocabulary(
    Metric(name="dev_accuracy", direction="maximize"), ("lr", "batch_size", "optimizer", "nesterov"), ("loss",)
)
CONFIGURATIONS: Sequence[Params] = (
    {"lr": 0.1, "batch_size": 64, "optimizer": "adam", "nesterov": True, "seed": 7},
    {"lr": 0.01, "batch_size": 32, "optimizer": "sgd", "nesterov": False, "val.scale": 2},
    {"lr": 1, "optimizer": 'a "quoted" one', "nesterov": "true", "seed": math.nan},
    {"lr": math.inf, "batch_size": 64, "optimizer": "größe", "val.scale": -0.5},
    {"lr": -math.inf, "batch_size": 10**400, "optimizer": "🚀", "seed": -(10**400)},
    {"lr": "0.1", "batch_size": 64.0, "optimizer": 'lr": 5, "x', "nesterov": 1},
    {"batch_size": 2**53 + 2, "optimizer": "", "seed": "a\0b"},
    {"lr": 0.1, "batch_size": 32, "optimizer": "NaN, Infinity", "seed": "a\\b"},
    {"lr": 1e-300, "batch_size": True, "optimizer": "Adam", "val.scale": "ADAM\\u0000"},
)
TOLD = (
    (0.5, 0.5, None),
    (math.nan, math.nan, "diverged"),
    (math.inf, 0.75, "completed"),
    (0.25, 0.5, "completed"),
    (1.0, 0.25, None),
)
"""Last loss, dev accuracy and outcome of the first trials; the others wait."""


def _sendable(params: Params) -> Params:
    """Leave out what JSON cannot carry; it counts as missing anyway."""
    return {name: value for name, value in params.items() if not isinstance(value, float) or math.isfinite(value)}


@pytest.fixture
def study_id(store: StudyStore) -> str:
    """A study whose trials differ in all that can be asked about."""
    study_id = store.create_study(build.spec()).study_id
    proposals = tuple(
        build.proposal(
            f"k{place}",
            params=_sendable(params) if isinstance(store, HttpStore) else params,
            seed=place % 3,
            num_steps=100 * (1 + place % 2),
            reason="a new Seed" if place % 2 else "a point of the grid",
            schedule=Schedule(kind="linear", end=100) if place % 4 == 1 else Schedule(),
        )
        for place, params in enumerate(CONFIGURATIONS)
    )
    later = AddTrials("batch_momentum", (build.proposal("late", params={"lr": 0.5}),))
    decide(store, study_id, OpenStage("lr_sweep"), AddTrials("lr_sweep", proposals), OpenStage("batch_momentum"), later)
    _run(store, "first", 3)
    _run(store, "second", 2)
    trial = store.list_trials(study_id).trials[7]
    decide(store, study_id, EndTrial(trial.id, "pruned", "the loss is no longer needed"))
    return study_id


def _run(store: StudyStore, name: str, capacity: int) -> None:
    """Let a worker take trials, and tell of each of them something else."""
    worker_id = store.register_worker(build.worker(name, capacity=capacity))
    leases = store.sync(worker_id, build.sync()).leases
    store.sync(worker_id, build.sync(*map(_told, leases), capacity=0))


def _told(lease: Lease) -> AttemptReport:
    loss, dev, outcome = TOLD[lease.run.trial_number]
    chunks = build.chunk("loss", {1: 2.0, 5: loss}), build.chunk("dev_accuracy", {5: dev})
    return build.report(lease, *chunks, outcome=outcome, reason="it went wrong" if outcome == "diverged" else "")


def _expected(store: StudyStore, study_id: str, query: Filter | None, order: Order) -> list[int]:
    """Return the numbers of the trials asked for, by what the API says of each."""
    trials = [(trial.number, reader(trial, now=0.0), trial.number) for trial in store.list_trials(study_id).trials]
    return list(ordered([item for item in trials if query is None or matches(query, item[1])], order))


def _numbers(store: StudyStore, study_id: str, text: str, by: str = "", *, descending: bool = False) -> list[int]:
    order = Order(parse_term(by, KNOWN) if by else Fact("number"), descending)
    found = store.find_trials(study_id, TrialQuery(parse_filter(text, KNOWN), order))
    assert found.total == len(found.trials)
    return [trial.number for trial in found.trials]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=filters.filters, order=filters.orders)
def test_every_store_means_what_the_language_says(
    store: StudyStore, study_id: str, query: Filter, order: Order
) -> None:
    expected = _expected(store, study_id, query, order)
    found = store.find_trials(study_id, TrialQuery(query, order))
    assert [trial.number for trial in found.trials] == expected
    assert found.total == len(expected)
    assert store.find_numbers(study_id, TrialQuery(query, order, offset=3, limit=1)) == expected


CONDITIONS = {
    "lr = 0.1": [0, 7],
    'lr = "0.1"': [5],
    "lr != 0.1": [1, 2, 5, 8, 9],
    "not lr = 0.1": [1, 2, 3, 4, 5, 6, 8, 9],
    "lr is missing": [3, 4, 6],
    "lr < 0.1": [1, 8],
    "batch_size in (32, 64)": [0, 1, 3, 5, 7],
    "nesterov = true": [0],
    "nesterov = 1": [5],
    "nesterov = 'true'": [2],
    "optimizer contains ADAM": [0, 8],
    'optimizer = "größe"': [3],
    'optimizer = "🚀"': [4],
    "stage = batch_momentum": [9],
    "schedule = linear": [1, 5],
    "seed = 1 and num_steps > 100": [1, 7],
    "state in (completed, diverged) or worker = second": [1, 2, 3, 4],
    "worker is missing": [5, 6, 7, 8, 9],
    "steps >= 5 and loss > 0": [0, 2, 3, 4],
    "loss is missing": [1, 5, 6, 7, 8, 9],
    "min(loss) = 2 or max(loss) < 2": [1, 2],
    "dev_accuracy > 0.5": [2],
    'reason contains "SEED"': [1, 3, 5, 7],
    "ended_because contains needed": [7],
    "duration >= 0": [0, 1, 2, 3, 4],
    "number >= 8": [8, 9],
}

ORDERS = {
    "number": ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    "lr": ([8, 1, 0, 7, 9, 2, 5, 3, 4, 6], [5, 2, 9, 0, 7, 1, 8, 3, 4, 6]),
    "nesterov": ([1, 0, 5, 2, 3, 4, 6, 7, 8, 9], [2, 0, 5, 1, 3, 4, 6, 7, 8, 9]),
    "dev_accuracy": ([4, 0, 3, 2, 1, 5, 6, 7, 8, 9], [2, 0, 3, 4, 1, 5, 6, 7, 8, 9]),
    "state": ([5, 6, 8, 9, 0, 4, 2, 3, 1, 7], [7, 1, 2, 3, 0, 4, 5, 6, 8, 9]),
    "stage": ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [9, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
}
"""Ascending, descending."""


def test_what_conditions_find(store: StudyStore, study_id: str) -> None:
    assert {text: _numbers(store, study_id, text) for text in CONDITIONS} == CONDITIONS


def test_what_has_no_value_comes_last_either_way(store: StudyStore, study_id: str) -> None:
    for by, (ascending, descending) in ORDERS.items():
        assert (by, _numbers(store, study_id, "", by)) == (by, ascending)
        assert (by, _numbers(store, study_id, "", by, descending=True)) == (by, descending)


def test_a_window_says_how_many_there_are(store: StudyStore, study_id: str) -> None:
    query = parse_filter("number < 7", KNOWN)
    window = store.find_trials(study_id, TrialQuery(query, offset=2, limit=3))
    assert ([trial.number for trial in window.trials], window.total) == ([2, 3, 4], 7)
    beyond = store.find_trials(study_id, TrialQuery(query, offset=7, limit=3))
    assert (beyond.trials, beyond.total) == ((), 7)


def test_what_is_found_is_what_is_listed(store: StudyStore, study_id: str) -> None:
    listed = store.list_trials(study_id).trials
    found = store.find_trials(study_id, TrialQuery()).trials
    assert [trial.model_dump_json() for trial in found] == [trial.model_dump_json() for trial in listed]
    assert [trial.worker for trial in listed[:6]] == ["first"] * 3 + ["second"] * 2 + [""]
    assert [trial.last_step for trial in listed[:7]] == [5] * 5 + [0] * 2


def test_a_metric_is_that_of_this_study(store: StudyStore, study_id: str) -> None:
    other = store.create_study(build.spec("other")).study_id
    decide(store, other, OpenStage("lr_sweep"), build.add_trials("a"))
    assert store.find_trials(other, TrialQuery(None, Order(Measure("loss", "last")))).total == 1
    assert store.find_trials(other, TrialQuery(parse_filter("loss > 0", KNOWN))).total == 0


def test_hyperparameters_that_vary_come_first(store: StudyStore) -> None:
    study_id = store.create_study(build.spec()).study_id
    assert store.known_params(study_id) == []
    trials = [build.proposal(f"k{n}", params={"decay": 0.0, "fixed": 1, "lr": 10.0**-n}) for n in range(3)]
    decide(store, study_id, OpenStage("lr_sweep"), AddTrials("lr_sweep", tuple(trials)))
    names = [KnownParam("lr", varies=True), KnownParam("decay", varies=False), KnownParam("fixed", varies=False)]
    assert store.known_params(study_id) == names
    late = build.proposal("late", params={"decay": 0.0, "fixed": 1, "lr": 0.1, "momentum": 0.9})
    decide(store, study_id, OpenStage("batch_momentum"), AddTrials("batch_momentum", (late,)))
    assert [(param.name, param.varies) for param in store.known_params(study_id)] == [
        ("lr", True),
        ("momentum", True),
        ("decay", False),
        ("fixed", False),
    ]


def test_both_ends_of_a_stage_say_what_varies(store: StudyStore) -> None:
    study_id = store.create_study(build.spec(budget={"steps": 600, "trials": 500})).study_id
    trials = [build.proposal(f"k{n}", params={"first": n == 0, "middle": n == 50, "last": n == 99}) for n in range(100)]
    decide(store, study_id, OpenStage("lr_sweep"), AddTrials("lr_sweep", tuple(trials)))
    assert {param.name: param.varies for param in store.known_params(study_id)} == {
        "first": True,
        "middle": False,
        "last": True,
    }


def test_a_study_that_is_not_there_is_not_found(store: StudyStore) -> None:
    with pytest.raises(NotFound):
        store.find_trials("st_none", TrialQuery())
    with pytest.raises(NotFound):
        store.find_trials("st_none", TrialQuery(None, Order(Param("lr"))))
