"""One poisoned row or report in 500: the bad one fails with its error, everything else goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text, update

from studies.contract.states import StudyCommand, StudyState, TrialState
from studies.contract.worker_protocol import MetricChunk
from studies.core.actions import CloseStage
from studies.engine import Engine
from studies.storage import StudyStore, open_store
from studies.storage.sql import metrics, tables
from studies.storage.sql.engine import database_url
from tests import builders as build
from tests.contract.conftest import LEASE_SECONDS, age_database
from tests.contract.scenes import decide, running_study, take, trials
from tests.unit.engine.test_engine import Recorder, no_sampler

MANY = 500
BAD = 250


@pytest.fixture
def kept(database: str) -> Iterator[StudyStore]:
    store = open_store(database, LEASE_SECONDS)
    yield store
    store.close()


def execute(url: str, statement: Any) -> Any:
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        rows = connection.execute(statement)
        found = rows.all() if rows.returns_rows else None
    engine.dispose()
    return found


def spoil(url: str, table: str, column: str, where: str, content: Any = '{"half of') -> None:
    statement = text(f"UPDATE stagetune_{table} SET {column} = :content WHERE {where}")
    execute(url, statement.bindparams(content=content))


def engine_of(store: StudyStore) -> Engine:
    return Engine(store, no_sampler, Recorder(), lambda snapshot, sampler: ())


def test_one_unreadable_trial_in_many(kept: StudyStore, database: str) -> None:
    study_id = running_study(kept, *(f"t{n}" for n in range(MANY)))
    other = running_study(kept, spec=build.spec("other"))
    spoil(database, "trial", "params", f"number = {BAD} AND study_id = '{study_id}'")
    with closing(open_store(database, LEASE_SECONDS)) as fresh:
        engine_of(fresh).tick()
    found = trials(kept, study_id)
    assert [trial.number for trial in found if trial.state is not TrialState.WAITING] == [BAD]
    assert found[BAD].state is TrialState.FAILED
    assert "poisoned: stagetune_trial.params cannot be read" in found[BAD].ended_because
    assert kept.get_trial(found[BAD].id).params == {}
    assert {kept.get_study(name).state for name in (study_id, other)} == {StudyState.RUNNING}
    ((place, content, trial_id),) = execute(
        database, select(tables.poison.c.place, tables.poison.c.content, tables.poison.c.trial_id)
    )
    assert (place, content, trial_id) == ("stagetune_trial.params", '{"half of', found[BAD].id)
    assert kept.isolate() == 0


def test_a_node_whose_trial_cannot_be_read_syncs_on(kept: StudyStore, database: str) -> None:
    study_id = running_study(kept, "good", "bad", "next")
    worker_id = kept.register_worker(build.worker(capacity=2))
    good, bad = kept.sync(worker_id, build.sync()).leases
    spoil(database, "trial", "schedule", f"id = '{bad.run.trial_id}'")
    news = [build.report(lease, build.chunk("loss", {1: 1.0})) for lease in (good, bad)]
    assert set(kept.sync(worker_id, build.sync(*news)).acknowledged) == {good.attempt_id, bad.attempt_id}
    news[1] = build.report(bad, outcome="preempted")  # now the trial itself has to be read
    assert set(kept.sync(worker_id, build.sync(*news)).acknowledged) == {good.attempt_id, bad.attempt_id}
    states = {trial.id: trial.state for trial in trials(kept, study_id)}
    assert states[bad.run.trial_id] is TrialState.FAILED
    assert len(kept.curve(good.run.trial_id, "loss")) == 1


def test_a_trial_in_the_queue_that_cannot_be_read_holds_nobody_back(kept: StudyStore, database: str) -> None:
    study_id = running_study(kept, "bad", "good")
    spoil(database, "trial", "params", f"number = 0 AND study_id = '{study_id}'")
    worker_id = kept.register_worker(build.worker())
    assert take(kept, worker_id).run.trial_number == 1


def test_an_expired_lease_of_a_trial_that_cannot_be_read_lets_the_others_expire(
    kept: StudyStore, database: str
) -> None:
    study_id = running_study(kept, "good", "bad")
    worker_id = kept.register_worker(build.worker(capacity=2))
    _, bad = kept.sync(worker_id, build.sync()).leases
    engine = engine_of(kept)
    engine.tick()
    age_database(database, LEASE_SECONDS + 1)
    spoil(database, "trial", "params", f"id = '{bad.run.trial_id}'")
    engine.tick()
    engine.tick()
    states = {trial.id: trial.state for trial in trials(kept, study_id)}
    assert states.pop(bad.run.trial_id) is TrialState.FAILED
    assert set(states.values()) == {TrialState.WAITING}


@pytest.mark.parametrize("column", ["values", "steps"])
def test_a_chunk_that_cannot_be_decoded_fails_its_trial(kept: StudyStore, database: str, column: str) -> None:
    study_id = running_study(kept, "good", "bad")
    worker_id = kept.register_worker(build.worker(capacity=2))
    leases = kept.sync(worker_id, build.sync()).leases
    points = build.chunk("loss", {1: 1.0, 2: 0.5, 4: 0.25})
    kept.sync(worker_id, build.sync(*[build.report(lease, points) for lease in leases]))
    c = tables.metric_chunk.c
    bad = leases[1]
    execute(database, update(tables.metric_chunk).where(c.attempt_id == bad.attempt_id).values({column: b"abc"}))
    with closing(open_store(database, LEASE_SECONDS)) as fresh:
        engine_of(fresh).tick()
    states = {trial.id: trial for trial in trials(kept, study_id)}
    assert states[bad.run.trial_id].state is TrialState.FAILED
    assert "its bytes are not those of 3 points of loss" in states[bad.run.trial_id].ended_because
    assert states[leases[0].run.trial_id].state is TrialState.RUNNING
    assert len(kept.curve(bad.run.trial_id, "loss")) == 0


@pytest.mark.parametrize("place", ["study.spec", "stage.decision", "decision.decision"])
def test_a_study_that_cannot_be_read_fails_and_the_others_go_on(kept: StudyStore, database: str, place: str) -> None:
    bad = running_study(kept, spec=build.spec("bad"))
    assert decide(kept, bad, CloseStage("lr_sweep", build.decision()))
    good = running_study(kept, spec=build.spec("good"))
    table, column = place.split(".")
    spoil(database, table, column, f"{'id' if table == 'study' else 'study_id'} = '{bad}'")
    engine = engine_of(kept)
    engine.tick()
    kept.isolate()  # a decision's own row is not read by a tick
    views = {view.id: view for view in kept.list_studies()}
    assert (views[bad].state, views[good].state) == (StudyState.FAILED, StudyState.RUNNING)
    assert f"stagetune_{place} cannot be read" in views[bad].reason
    assert views[bad].name == "bad"
    worker_id = kept.register_worker(build.worker())
    assert take(kept, worker_id).run.study_id == good


def test_one_report_that_the_store_cannot_take_in_many(kept: StudyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw: an error while one report is stored."""
    study_id = running_study(kept, *(f"t{n}" for n in range(60)))
    worker_id = kept.register_worker(build.worker(capacity=60))
    leases = kept.sync(worker_id, build.sync()).leases
    monkeypatch.setattr(metrics, "points", _refusing(metrics.points))
    news = [
        build.report(lease, build.chunk("unforeseen" if lease is leases[7] else "loss", {1: 1.0})) for lease in leases
    ]
    answer = kept.sync(worker_id, build.sync(*news, capacity=0))
    assert set(answer.acknowledged) == {lease.attempt_id for lease in leases}
    states = {trial.id: trial for trial in trials(kept, study_id)}
    assert states[leases[7].run.trial_id].state is TrialState.WAITING
    (attempt,) = kept.get_trial(leases[7].run.trial_id).attempts
    assert "cannot be taken, ZeroDivisionError: nobody foresaw this" in attempt.reason
    assert sum(len(trial.curve("loss")) for trial in states.values()) == 59
    assert list(kept.sync(worker_id, build.sync(*news, capacity=0)).lost) == [leases[7].attempt_id]


def _refusing(points: Callable[[Sequence[MetricChunk]], Any]) -> Callable[[Sequence[MetricChunk]], Any]:
    def refuse(chunks: Sequence[MetricChunk]) -> Any:
        if any(chunk.name == "unforeseen" for chunk in chunks):
            raise ZeroDivisionError("nobody foresaw this")
        return points(chunks)

    return refuse


def test_an_event_that_is_just_being_written_keeps_no_poison_in(postgres_store_url: str) -> None:
    """What a sync writes refers to its study: who waited for that, then for its trials, would meet it halfway."""
    with closing(open_store(postgres_store_url, LEASE_SECONDS)) as store:
        study_id = running_study(store, "bad")
        spoil(postgres_store_url, "trial", "params", f"study_id = '{study_id}'")
        engine = create_engine(database_url(postgres_store_url))
        with engine.connect() as syncing, syncing.begin():
            syncing.execute(
                text(
                    "INSERT INTO stagetune_event (study_id, kind, message, at) "
                    f"VALUES ('{study_id}', 'metrics', 'points of 1 trial', 0)"
                )
            )
            assert store.isolate() == 1
        engine.dispose()


@pytest.mark.parametrize(("table", "column"), [("study", "spec"), ("stage", "decision")], ids=str)
def test_a_study_that_ended_long_ago_takes_no_list_down(
    kept: StudyStore, database: str, table: str, column: str
) -> None:
    """A server that starts looks at all studies: what it cannot read it sets aside, and the study stays as it ended."""
    study_id = running_study(kept, "a")
    decide(kept, study_id, CloseStage("lr_sweep", build.decision()))
    kept.command(study_id, StudyCommand.CANCEL)
    other = running_study(kept, "b", spec=build.spec("other"))
    spoil(
        database, table, column, f"{'id' if table == 'study' else 'study_id'} = '{study_id}' AND {column} IS NOT NULL"
    )
    with closing(open_store(database, LEASE_SECONDS)) as fresh:
        engine = engine_of(fresh)
        engine.tick()
        engine.tick()
        assert {study.id: study.state for study in fresh.list_studies()} == {
            study_id: StudyState.CANCELLED,
            other: StudyState.RUNNING,
        }
        assert fresh.get_study(study_id).state is StudyState.CANCELLED
        assert len(fresh.decisions(study_id)) == 1
