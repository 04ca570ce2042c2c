"""Whole studies through the engine: real rules, real stores, real samplers; only the training is synthetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import optuna
import pytest

from studies.contract.states import StageState, StudyCommand, StudyState, TrialState
from studies.contract.study_file import StudySpec
from studies.engine import Engine
from studies.storage import open_store, upgrade_database
from studies.storage.memory import MemoryStore
from studies.storage.optuna_bridge import OptunaMirror, OptunaSampler
from studies.storage.port import SettledTrial, StudyStore
from tests import builders
from tests.integration.scripted_worker import ScriptedWorker
from tests.simulation.worlds import diverging, quadratic

WORLD = diverging(0.5, quadratic())
MOST_TURNS = 2_000


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, sqlite_url: str) -> Iterator[tuple[StudyStore, str]]:
    """A store, and the address of the database that Optuna's record goes to."""
    if request.param == "memory":
        yield MemoryStore(), sqlite_url
        return
    url = sqlite_url if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    upgrade_database(url)
    store = open_store(url)
    yield store, url
    store.close()


@pytest.fixture
def engine(place: tuple[StudyStore, str]) -> Iterator[Engine]:
    store, url = place
    with closing(Engine(store, OptunaSampler(), OptunaMirror(url))) as opened:
        yield opened


def small_spec(**changes: Any) -> StudySpec:
    fields: dict[str, Any] = {
        "budget": {"steps": 60, "trials": 30},
        "evaluate_every": 5,
        "stages": [
            {"kind": "lr_sweep", "grid": [1, 0.1, 0.01, 0.001], "refine": 2},
            {"kind": "batch_momentum", "batch_sizes": [32, 64], "momenta": [0.8, 0.9], "lr_bracket": [1]},
            {"kind": "decay_schedule", "forms": ["linear", "cosine"]},
        ],
    }
    return builders.spec(**(fields | changes))


def work(
    store: StudyStore, study_id: str, engine: Engine, worker: ScriptedWorker, until: Callable[[StudyState], bool]
) -> StudyState:
    for _ in range(MOST_TURNS):
        engine.tick()
        worker.turn()
        state = store.get_study(study_id).state
        if until(state):
            return state
    raise AssertionError(f"still {state} after {MOST_TURNS} turns")


def ended(state: StudyState) -> bool:
    return state.ended


def record_of(url: str, name: str) -> dict[str, optuna.trial.FrozenTrial]:
    """Return what Optuna has of a study, by our trial ids."""
    address = url.replace("postgresql://", "postgresql+psycopg://")
    storage = optuna.storages.RDBStorage(address)
    try:
        studies = [summary.study_name for summary in optuna.get_all_study_summaries(storage)]
        told = [
            trial
            for study_name in studies
            if study_name.startswith(f"{name}/")
            for trial in optuna.load_study(study_name=study_name, storage=storage).trials
        ]
    finally:
        storage.remove_session()
        storage.engine.dispose()
    by_id = {trial.user_attrs["stagetune_trial_id"]: trial for trial in told}
    assert len(by_id) == len(told), "a trial was recorded twice"
    return by_id


def assert_recorded(store: StudyStore, study_id: str, url: str) -> None:
    """Hold Optuna's record against our own tables."""
    view = store.get_study(study_id)
    told = record_of(url, view.name)
    ours = {trial.id: trial for trial in store.list_trials(study_id, limit=1_000).trials}
    assert told.keys() == ours.keys()
    for trial_id, trial in ours.items():
        assert told[trial_id].params == trial.params
        assert told[trial_id].user_attrs["stagetune_state"] == trial.state
        if trial.state is TrialState.COMPLETED:
            summary = trial.metrics[view.spec.metric.name]
            assert summary.minimum <= (told[trial_id].value or 0.0) <= summary.maximum


def test_a_study_goes_through_its_stages_and_optuna_agrees(place: tuple[StudyStore, str], engine: Engine) -> None:
    store, url = place
    study_id = store.create_study(small_spec()).study_id
    worker = ScriptedWorker(store, WORLD)
    assert work(store, study_id, engine, worker, ended) is StudyState.COMPLETED
    engine.flush()
    view = store.get_study(study_id)
    assert [stage.state for stage in view.stages] == [StageState.COMPLETED] * 3
    assert [record.stage for record in store.decisions(study_id)] == ["lr_sweep", "batch_momentum", "decay_schedule"]
    assert view.best is not None
    trials = store.list_trials(study_id, limit=1_000).trials
    assert any(trial.state is TrialState.DIVERGED for trial in trials)
    assert {trial.id for trial in trials} == set(worker.leased)
    assert_recorded(store, study_id, url)


@pytest.mark.parametrize("place", ["memory"], indirect=True)
@pytest.mark.parametrize("search", ["random", "qmc", "tpe"])
def test_a_stage_may_search_by_sampler(place: tuple[StudyStore, str], engine: Engine, search: str) -> None:
    store, _ = place
    stages = [
        {"kind": "lr_sweep", "grid": [0.1, 0.01], "refine": 0},
        {"kind": "batch_momentum", "search": search, "trials": 6},
    ]
    study_id = store.create_study(small_spec(stages=stages)).study_id
    assert work(store, study_id, engine, ScriptedWorker(store, WORLD), ended) is StudyState.COMPLETED


@pytest.mark.parametrize("place", ["memory", "sqlite"], indirect=True)
def test_a_paused_study_goes_on_from_its_checkpoints(place: tuple[StudyStore, str], engine: Engine) -> None:
    store, url = place
    study_id = store.create_study(small_spec()).study_id
    worker = ScriptedWorker(store, WORLD, stride=10)
    for _ in range(3):
        engine.tick()
        worker.turn()
    store.command(study_id, StudyCommand.PAUSE)
    for _ in range(5):
        engine.tick()
        worker.turn()
    before = len(worker.leased)
    trials = store.list_trials(study_id, limit=1_000).trials
    assert not any(trial.state is TrialState.RUNNING for trial in trials)
    engine.tick()
    worker.turn()
    assert len(worker.leased) == before
    assert not worker.resumed_from
    store.command(study_id, StudyCommand.RESUME)
    assert work(store, study_id, engine, worker, ended) is StudyState.COMPLETED
    assert worker.resumed_from
    losses = store.curves(study_id, "loss")
    assert all(list(curve.steps) == list(range(1, len(curve) + 1)) for curve in losses.values())
    engine.flush()
    assert_recorded(store, study_id, url)


@pytest.mark.parametrize("place", ["memory"], indirect=True)
def test_each_gate_waits_for_a_person(place: tuple[StudyStore, str], engine: Engine) -> None:
    store, _ = place
    study_id = store.create_study(small_spec(gates="approve")).study_id
    worker = ScriptedWorker(store, WORLD)
    approvals = 0
    while not (state := work(store, study_id, engine, worker, halted)).ended:
        leased = len(worker.leased)
        for _ in range(3):
            engine.tick()
            worker.turn()
        assert len(worker.leased) == leased
        store.command(study_id, StudyCommand.APPROVE)
        approvals += 1
    assert (state, approvals) == (StudyState.COMPLETED, 2)


def halted(state: StudyState) -> bool:
    return state.ended or state is StudyState.AWAITING_APPROVAL


class CrashingMirror(OptunaMirror):
    """Writes Optuna's record and is killed before our tables learn of it."""

    def write(self, study_name: str, direction: Any, trials: Sequence[SettledTrial]) -> Mapping[str, int]:
        super().write(study_name, direction, trials[: len(trials) // 2 + 1])
        raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["memory", "sqlite"], indirect=True)
def test_a_crash_before_the_note_of_the_record_leaves_no_copy(place: tuple[StudyStore, str]) -> None:
    store, url = place
    study_id = store.create_study(small_spec()).study_id
    worker = ScriptedWorker(store, WORLD)
    crashes = 0
    while not store.get_study(study_id).state.ended or store.settled_trials(study_id):
        mirror = CrashingMirror(url) if crashes < 3 else OptunaMirror(url)
        with closing(Engine(store, OptunaSampler(), mirror)) as engine:
            try:
                work(store, study_id, engine, worker, ended)
                engine.flush()
            except KeyboardInterrupt:
                crashes += 1
    assert crashes == 3
    assert_recorded(store, study_id, url)


@pytest.mark.parametrize("place", ["sqlite", "postgres"], indirect=True)
def test_two_servers_on_one_database_decide_each_thing_once(place: tuple[StudyStore, str], engine: Engine) -> None:
    store, url = place
    study_id = store.create_study(small_spec()).study_id
    worker = ScriptedWorker(store, WORLD)
    with (
        closing(open_store(url)) as other_store,
        closing(Engine(other_store, OptunaSampler(), OptunaMirror(url))) as other,
    ):
        for _ in range(MOST_TURNS):
            engine.tick()
            other.tick()
            worker.turn()
            if store.get_study(study_id).state.ended:
                break
    assert store.get_study(study_id).state is StudyState.COMPLETED
    assert len(store.decisions(study_id)) == 3
    engine.flush()
    assert_recorded(store, study_id, url)
