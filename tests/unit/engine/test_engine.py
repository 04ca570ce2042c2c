"""The engine on the store in memory, with decisions written by hand."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from studies.contract.states import StudyCommand, StudyState, TrialState
from studies.core.actions import Action, AddTrials, EndTrial, Fail, OpenStage
from studies.core.sampling import SearchRequest
from studies.core.snapshot import Snapshot
from studies.engine import MAX_FAILURES, MAX_STEPS, MIRROR_BATCH, RECORDING_SECONDS, REFRESH_TICKS, Engine
from studies.errors import StorageUnavailable
from studies.storage.memory import MemoryStore
from studies.storage.port import SettledTrial
from tests.builders import proposal, spec, sync, worker

LEASE_SECONDS = 30.0


def no_sampler(request: SearchRequest) -> tuple[Any, ...]:
    raise AssertionError(f"nothing here samples, yet {request} was asked")


class Recorder:
    """A mirror that remembers what it was given and raises when told to."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, int]] = []
        self.failing = False

    def write(self, study_name: str, direction: str, trials: Sequence[SettledTrial]) -> Mapping[str, int]:
        if self.failing:
            raise RuntimeError("Optuna's tables are gone")
        self.written.append((study_name, direction, len(trials)))
        return {trial.trial_id: number for number, trial in enumerate(trials)}

    def close(self) -> None:
        self.written.append(("closed", "", 0))


def scripted(snapshot: Snapshot, _: object) -> tuple[Action, ...]:
    """Open the sweep, then ask for one trial, then wait."""
    if snapshot.state is StudyState.QUEUED:
        return (OpenStage("lr_sweep"),)
    return () if snapshot.trials else (AddTrials("lr_sweep", (proposal(),)),)


class Counted:
    """A decision function that counts how often it is asked about each study."""

    def __init__(self, decide: Callable[[Snapshot, Any], tuple[Action, ...]] = scripted) -> None:
        self.decide = decide
        self.asked: list[str] = []

    def __call__(self, snapshot: Snapshot, sampler: Any) -> tuple[Action, ...]:
        self.asked.append(snapshot.spec.name)
        return self.decide(snapshot, sampler)


def engine_of(store: Any, decide: Any = scripted, mirror: Recorder | None = None) -> Engine:
    """An engine whose ticks have time for one round of recording."""
    times = itertools.count(step=0.7 * RECORDING_SECONDS)
    return Engine(store, no_sampler, mirror or Recorder(), decide, clock=times.__next__)


def test_a_tick_steps_a_study_until_it_waits() -> None:
    store = MemoryStore()
    study = store.create_study(spec()).study_id
    engine_of(store).tick()
    view = store.get_study(study)
    assert (view.state, view.stages[0].state.value, view.progress.trials) == (StudyState.RUNNING, "running", 1)


def test_a_study_that_was_pruned_meanwhile_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    study = store.create_study(spec()).study_id
    engine = engine_of(store)
    engine.tick()
    store.command(study, StudyCommand.CANCEL)
    store.prune(-1.0)
    assert engine.flush()
    engine.tick()
    assert caplog.records == []


def test_a_step_says_whether_the_study_moved() -> None:
    store = MemoryStore()
    study = store.create_study(spec()).study_id
    engine = engine_of(store)
    assert [engine.step(study) for _ in range(4)] == [True, True, False, False]


def test_a_study_without_news_is_not_asked_about_until_the_refresh() -> None:
    store, decide = MemoryStore(), Counted()
    store.create_study(spec())
    engine = engine_of(store, decide)
    engine.tick()
    engine.tick()  # takes note of the first tick's own events
    decide.asked.clear()
    for _ in range(REFRESH_TICKS - 2):
        engine.tick()
    assert not decide.asked
    engine.tick()
    assert decide.asked == ["digits-cnn"]


def test_news_of_one_study_asks_about_that_study_alone() -> None:
    store, decide = MemoryStore(), Counted()
    store.create_study(spec("first"))
    second = store.create_study(spec("second")).study_id
    engine = engine_of(store, decide)
    engine.tick()
    engine.tick()
    decide.asked.clear()
    store.command(second, StudyCommand.PAUSE)
    engine.tick()
    assert not decide.asked
    store.command(second, StudyCommand.RESUME)
    engine.tick()
    assert decide.asked == ["second"]


def test_a_lost_race_decides_again_on_what_is_known_now() -> None:
    store = MemoryStore()
    study = store.create_study(spec()).study_id

    def overtaken(snapshot: Snapshot, sampler: Any) -> tuple[Action, ...]:
        actions = scripted(snapshot, sampler)
        if snapshot.state is StudyState.QUEUED:
            store.apply(study, store.load(study).version, actions)
        return actions

    decide = Counted(overtaken)
    assert engine_of(store, decide).step(study)
    assert len(decide.asked) == 2
    assert store.get_study(study).progress.trials == 1


def test_a_study_that_always_moves_keeps_nobody_waiting() -> None:
    store = MemoryStore()
    store.create_study(spec("restless"))
    calm = store.create_study(spec("calm")).study_id

    def restless(snapshot: Snapshot, sampler: Any) -> tuple[Action, ...]:
        if snapshot.spec.name == "calm":
            return scripted(snapshot, sampler)
        return (AddTrials("lr_sweep", (proposal(key=f"{len(snapshot.trials)}"),)),)

    decide = Counted(restless)
    engine = engine_of(store, decide)
    engine.tick()
    assert decide.asked.count("restless") == MAX_STEPS
    assert store.get_study(calm).progress.trials == 1
    engine.tick()
    assert decide.asked.count("restless") == 2 * MAX_STEPS


def test_a_poisoned_study_is_failed_with_the_reason_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    bad = store.create_study(spec("bad")).study_id
    good = store.create_study(spec("good")).study_id

    def poisoned(snapshot: Snapshot, sampler: Any) -> tuple[Action, ...]:
        if snapshot.spec.name == "bad":
            raise ZeroDivisionError("no steps")
        return scripted(snapshot, sampler)

    engine = engine_of(store, poisoned)
    engine.tick()
    assert store.get_study(good).progress.trials == 1
    for _ in range(MAX_FAILURES - 1):
        assert store.get_study(bad).state is StudyState.QUEUED
        engine.tick()
    view = store.get_study(bad)
    assert view.state is StudyState.FAILED
    assert "ZeroDivisionError: no steps" in view.reason
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == MAX_FAILURES


def test_a_success_forgives_earlier_failures() -> None:
    store = MemoryStore()
    study = store.create_study(spec()).study_id
    outcomes = iter([ValueError, ValueError, None, ValueError, ValueError, None])

    def flaky(snapshot: Snapshot, _: object) -> tuple[Action, ...]:
        outcome = next(outcomes, None)
        if outcome is not None:
            raise outcome("now and then")
        return ()

    engine = engine_of(store, flaky)
    for _ in range(6):
        engine.tick()
        store.command(study, StudyCommand.RESUME)
    assert store.get_study(study).state is StudyState.QUEUED


class Unloadable(MemoryStore):
    """A store that cannot load one of its studies."""

    error: Exception = KeyError("a row that nobody can read")
    broken = ""

    def load(self, study_id: str) -> Any:
        if study_id == self.broken:
            raise self.error
        return super().load(study_id)


def test_a_study_that_cannot_even_be_failed_is_left_alone_until_there_is_news(caplog: pytest.LogCaptureFixture) -> None:
    store = Unloadable()
    store.broken = store.create_study(spec("broken")).study_id
    good = store.create_study(spec("good")).study_id
    engine = engine_of(store)
    for _ in range(MAX_FAILURES + 5):
        engine.tick()
    assert sum("could not be moved" in record.message for record in caplog.records) == MAX_FAILURES
    assert "cannot even be failed" in caplog.text
    assert store.get_study(good).progress.trials == 1


def test_a_database_that_is_away_is_nobodys_fault() -> None:
    store = Unloadable()
    store.error = StorageUnavailable()
    study = store.broken = store.create_study(spec()).study_id
    engine = engine_of(store)
    for _ in range(MAX_FAILURES + 1):
        with pytest.raises(StorageUnavailable):
            engine.tick()
    store.broken = ""
    engine.tick()
    assert store.get_study(study).progress.trials == 1


class Clocked(MemoryStore):
    """A store whose time the test sets, and whose list of studies cannot always be read."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now, LEASE_SECONDS)
        self.now = 1_000.0
        self.away = False

    def active_studies(self) -> Sequence[str]:
        if self.away:
            raise StorageUnavailable
        return super().active_studies()


def test_workers_are_excused_for_the_time_in_which_nobody_could_hear_them() -> None:
    store = Clocked()
    study = store.create_study(spec()).study_id
    first = engine_of(store)
    first.tick()
    store.sync(store.register_worker(worker()), sync())

    def state() -> TrialState:
        return store.list_trials(study).trials[0].state

    store.now += 10 * LEASE_SECONDS  # the server was away, and another one begins
    engine = engine_of(store)
    engine.tick()
    assert state() is TrialState.RUNNING
    store.away = True
    with pytest.raises(StorageUnavailable):
        engine.tick()
    store.now += 10 * LEASE_SECONDS  # the database was away
    store.away = False
    engine.tick()
    assert state() is TrialState.RUNNING
    store.now += LEASE_SECONDS + 1
    engine.tick()
    assert state() is TrialState.WAITING


def ending(snapshot: Snapshot, _: object) -> tuple[Action, ...]:
    """Ask for trials, then fail the study, which settles them."""
    if snapshot.state is StudyState.QUEUED:
        return (OpenStage("lr_sweep"),)
    if not snapshot.trials:
        return (AddTrials("lr_sweep", tuple(proposal(key=f"{number}") for number in range(MIRROR_BATCH + 5))),)
    return (Fail("enough"),)


def test_settled_trials_are_recorded_once_and_in_batches() -> None:
    store, mirror = MemoryStore(), Recorder()
    study = store.create_study(spec(metric={"name": "dev_loss", "direction": "minimize"})).study_id
    engine = engine_of(store, ending, mirror)
    for _ in range(REFRESH_TICKS + 5):
        engine.tick()
    assert mirror.written == [("digits-cnn", "minimize", MIRROR_BATCH), ("digits-cnn", "minimize", 5)]
    assert not store.settled_trials(study)


def test_flushing_records_everything_at_once(caplog: pytest.LogCaptureFixture) -> None:
    store, mirror = MemoryStore(), Recorder()
    study = store.create_study(spec()).study_id
    engine = engine_of(store, ending, mirror)
    engine.tick()
    engine.flush()
    assert not store.settled_trials(study)
    store.create_study(spec("second"))
    mirror.failing = True
    engine.tick()
    engine.flush()
    assert "could not be recorded with Optuna" in caplog.text


def test_what_a_crash_left_unrecorded_is_recorded_by_the_next_engine() -> None:
    store, mirror = MemoryStore(), Recorder()
    store.create_study(spec())
    mirror.failing = True
    engine_of(store, ending, mirror).tick()
    mirror.failing = False
    engine_of(store, ending, mirror).tick()
    assert mirror.written == [("digits-cnn", "maximize", MIRROR_BATCH)]


def test_a_record_that_fails_is_tried_again_with_the_refresh(caplog: pytest.LogCaptureFixture) -> None:
    store, mirror = MemoryStore(), Recorder()
    study = store.create_study(spec()).study_id
    mirror.failing = True
    engine = engine_of(store, ending, mirror)
    for _ in range(REFRESH_TICKS - 1):
        engine.tick()
    assert store.get_study(study).state is StudyState.FAILED
    assert store.get_study(study).reason == "enough"
    mirror.failing = False
    for _ in range(3):
        engine.tick()
    assert sum(count for _, _, count in mirror.written) == MIRROR_BATCH + 5
    assert "could not be recorded with Optuna" in caplog.text


def test_flushing_stops_where_it_is_told_to() -> None:
    store, mirror = MemoryStore(), Recorder()
    study = store.create_study(spec()).study_id
    engine = engine_of(store, ending, mirror)
    engine.tick()
    assert not engine.flush(more=lambda: False)
    assert len(store.settled_trials(study)) == 5
    assert engine.flush()
    assert not store.settled_trials(study)


def test_closing_closes_the_mirror() -> None:
    mirror = Recorder()
    engine_of(MemoryStore(), scripted, mirror).close()
    assert mirror.written == [("closed", "", 0)]


def test_one_study_in_500_that_raises_fails_alone() -> None:
    store = MemoryStore()
    studies = [store.create_study(spec(f"s{number}")).study_id for number in range(500)]

    def decide(snapshot: Snapshot, sampler: Any) -> tuple[Action, ...]:
        if snapshot.study_id == studies[250]:
            raise ZeroDivisionError("poisoned")
        return scripted(snapshot, sampler)

    engine = engine_of(store, decide)
    for _ in range(MAX_FAILURES):
        engine.tick()
    views = {view.id: view for view in store.list_studies()}
    poisoned = views.pop(studies[250])
    assert poisoned.state is StudyState.FAILED
    assert "ZeroDivisionError: poisoned" in poisoned.reason
    assert {(view.state, view.progress.trials) for view in views.values()} == {(StudyState.RUNNING, 1)}


def test_an_action_that_the_store_refuses_fails_its_study_alone() -> None:
    store = MemoryStore()
    bad, good = (store.create_study(spec(name)).study_id for name in ("bad", "good"))

    def decide(snapshot: Snapshot, sampler: Any) -> tuple[Action, ...]:
        if snapshot.study_id == bad:
            return (EndTrial("tr_nowhere", "pruned", "no reason"),)
        return scripted(snapshot, sampler)

    engine = engine_of(store, decide)
    for _ in range(MAX_FAILURES):
        engine.tick()
    assert (store.get_study(bad).state, store.get_study(good).state) == (StudyState.FAILED, StudyState.RUNNING)
    assert "tr_nowhere" in store.get_study(bad).reason


class Poisoned(MemoryStore):
    """A store on which leases cannot be expired until what is to blame is out of the way."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = 1

    def expire_leases(self) -> int:
        if self.rows:
            raise ZeroDivisionError("poisoned")
        return super().expire_leases()

    def isolate(self) -> int:
        found, self.rows = self.rows, 0
        return found


def test_a_part_of_the_tick_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    store = Poisoned()
    study = store.create_study(spec()).study_id
    with caplog.at_level(logging.ERROR):
        engine_of(store).tick()
    assert store.get_study(study).state is StudyState.RUNNING
    assert "poisoned" in caplog.text


def test_a_part_of_the_tick_that_fails_without_poison_is_told() -> None:
    store = MemoryStore()
    study = store.create_study(spec()).study_id
    engine = engine_of(store)
    store.expire_leases = lambda: 1 // 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        engine.tick()
    assert store.get_study(study).state is StudyState.RUNNING


class Picky(Recorder):
    """A mirror that refuses one trial, whatever comes with it."""

    def __init__(self, refused: int) -> None:
        super().__init__()
        self.refused = refused
        self.numbers: set[int] = set()

    def write(self, study_name: str, direction: str, trials: Sequence[SettledTrial]) -> Mapping[str, int]:
        if self.refused in {trial.attributes["number"] for trial in trials}:
            raise ValueError("Optuna does not want it")
        self.numbers |= {int(str(trial.attributes["number"])) for trial in trials}
        return {trial.trial_id: int(str(trial.attributes["number"])) for trial in trials}


def test_one_trial_that_optuna_refuses_does_not_hold_back_the_others() -> None:
    store, mirror = MemoryStore(), Picky(3)
    study = store.create_study(spec()).study_id
    many = AddTrials("lr_sweep", tuple(proposal(f"t{number}") for number in range(3 * MIRROR_BATCH)))
    store.apply(study, store.load(study).version, [OpenStage("lr_sweep"), many])
    store.apply(study, store.load(study).version, [Fail("over")])
    engine = engine_of(store, mirror=mirror)
    for _ in range(REFRESH_TICKS + 10):
        engine.tick()
    assert mirror.numbers == set(range(3 * MIRROR_BATCH)) - {3}
