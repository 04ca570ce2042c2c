"""What ended long ago is forgotten with all that belongs to it; all else stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from studies.contract.states import StudyCommand
from studies.errors import NotFound
from studies.storage import StudyStore, open_store
from studies.storage.port import Pruned
from studies.storage.sql import tables
from studies.storage.sql.engine import make_engine, reading
from studies.storage.sql.pruning import belonging
from tests import builders as build
from tests.contract.scenes import finish, running_study, take

MONTH = 30 * 86_400.0
Advance = Callable[[float], None]


def _ended(store: StudyStore, name: str) -> tuple[str, str]:
    """A cancelled study with points and output; return its id and its worker's."""
    study_id = running_study(store, "a", "b", spec=build.spec(name))
    worker_id = store.register_worker(build.worker(name))
    lease = take(store, worker_id)
    store.sync(worker_id, build.sync(build.report(lease, build.chunk("loss"), log="hello\n")))
    finish(store, worker_id, lease)
    store.command(study_id, StudyCommand.CANCEL)
    return study_id, worker_id


def test_old_studies_go_with_their_trials_workers_and_events(store: StudyStore, advance: Advance) -> None:
    old, _ = _ended(store, "old")
    trial_id = store.list_trials(old).trials[0].id
    size = store.get_study(old).size
    advance(MONTH + 60)
    recent, worker_id = _ended(store, "recent")
    planned = store.prune(MONTH, dry_run=True)
    assert [(study.id, study.name, study.optuna[0], study.size) for study in planned.studies] == [
        (old, "old", "old/lr_sweep", size)
    ]
    assert (planned.workers, planned.events > 0) == (1, True)
    assert len(store.list_studies()) == 2
    assert store.prune(MONTH) == planned
    assert [study.id for study in store.list_studies()] == [recent]
    assert [worker.id for worker in store.list_workers()] == [worker_id]
    assert {event.study_id for event in store.events(None, after=0)} == {recent}
    for call in (lambda: store.get_study(old), lambda: store.get_trial(trial_id), lambda: store.log(trial_id)):
        with pytest.raises(NotFound):
            call()
    assert store.curve(store.list_trials(recent).trials[0].id, "loss").steps.tolist() == [1, 2]
    assert store.prune(MONTH) == Pruned((), 0, 0)
    assert store.compact() >= 0
    assert store.create_study(build.spec("old")).fresh


def test_what_has_not_ended_stays_however_old_it_is(store: StudyStore, advance: Advance) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    store.sync(worker_id, build.sync(build.report(lease, build.chunk("loss"))))
    store.register_worker(build.worker("idle"))
    advance(MONTH + 60)
    pruned = store.prune(MONTH)
    assert (pruned.studies, pruned.workers) == ((), 1)
    assert store.get_study(study_id).size.points == 2
    assert [worker.id for worker in store.list_workers()] == [worker_id]


def test_events_go_on_counting_where_they_were(store: StudyStore, advance: Advance) -> None:
    _ended(store, "old")
    advance(MONTH + 60)
    last = store.last_event_id()
    store.prune(MONTH)
    assert store.events(None, after=0) == []
    study_id = store.create_study(build.spec("new")).study_id
    (event,) = store.events(None, after=last)
    assert (event.study_id, event.id > last) == (study_id, True)


def test_nothing_of_a_pruned_study_is_left_in_any_table(database: str) -> None:
    store = open_store(database)
    _ended(store, "old")
    store.prune(-60.0)
    store.close()
    engine = make_engine(database)
    kept = (tables.run_profile,)
    with reading(engine) as connection:
        rows = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables.metadata.sorted_tables
            if table not in kept
        }
    engine.dispose()
    assert set(rows.values()) == {0}, rows


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: str(table.name))
def test_every_table_that_refers_to_a_study_is_pruned(table: Any) -> None:
    of_studies = {tables.study, tables.stage, tables.trial, tables.attempt}
    refers = any(key.column.table in of_studies for key in table.foreign_keys)
    assert refers <= (belonging(table, []) is not None)
