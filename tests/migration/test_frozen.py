"""Databases of earlier schemas upgrade, keep what they hold, and go on working."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from studies.contract.states import AttemptState, StudyState, TrialState, WorkerHold
from studies.contract.study_query import StudyQuery
from studies.contract.worker_protocol import AttemptReport, DeviceReport, Lease, SyncAnswer, SyncRequest
from studies.errors import SchemaMismatch
from studies.migrations import versions
from studies.storage import StudyStore, open_store, upgrade_database
from studies.storage.sql import tables
from studies.storage.sql.engine import database_url, make_engine, reading
from studies.storage.sql.tables import PREFIX
from tests import builders as build
from tests.migration.thawing import SCHEMAS, rows_of, thaw

WORKER = "wk_ca42avjac7a7m4"
COMPLETED, RUNNING = "tr_tc9xv6mvejzxzj", "tr_1h3dweyr38zbwf"
ATTEMPT, TOKEN = "at_b3da5nv47jhvt1", "6e20b3d5ed850ca906b811da596cc89f"


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


# --- every schema ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_older_database_is_refused_until_it_is_upgraded_and_loses_nothing(
    schema: str, empty: str, tmp_path: Path
) -> None:
    store = open_store(thaw(schema, empty, tmp_path))
    before = rows_of(empty)
    with pytest.raises(SchemaMismatch, match=rf"{schema} is older than this program's .*stagetune db upgrade"):
        store.check()
    upgrade_database(empty)
    store.check()
    after = rows_of(empty)
    assert {name: after[name] for name in before} == before
    assert len(store.list_studies()) == before[f"{PREFIX}study"]
    assert sum(store.census().trials.values()) == before[f"{PREFIX}trial"]
    store.close()


def test_what_an_older_database_lacks_is_said_with_both_versions(empty: str, tmp_path: Path) -> None:
    store = open_store(thaw("0001", empty, tmp_path))
    with pytest.raises(SchemaMismatch, match=r"0001 is older than this program's \d{4}"):
        store.get_trial(COMPLETED)
    store.close()


def test_every_schema_before_this_one_is_frozen() -> None:
    released = sorted(path.name[:4] for path in Path(versions.__file__).parent.glob("0*.py"))
    assert released[:-1] == SCHEMAS[: len(released) - 1]


# --- 0001 ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def upgraded(empty: str, tmp_path: Path) -> StudyStore:
    """A store on what was a database of schema 0001."""
    upgrade_database(thaw("0001", empty, tmp_path))
    return open_store(empty)


def test_what_it_held_is_still_there(upgraded: StudyStore) -> None:
    study_id = upgraded.list_studies()[0].id
    states = [trial.state for trial in upgraded.list_trials(study_id).trials]
    assert states == [TrialState.COMPLETED, TrialState.DIVERGED, TrialState.RUNNING, TrialState.WAITING]
    assert upgraded.curve(COMPLETED, "loss").values.tolist() == [2.0, 1.5, 1.25]
    assert upgraded.log(COMPLETED).text == "ended well\n"
    assert upgraded.get_trial(COMPLETED).attempts[0].state is AttemptState.COMPLETED
    assert upgraded.list_profiles() == []
    (worker,) = upgraded.list_workers()
    assert (worker.devices[0].packs, worker.devices[0].running) == ((), (RUNNING,))
    upgraded.close()


def test_the_run_that_was_under_way_goes_on_and_the_new_words_are_understood(upgraded: StudyStore) -> None:
    (lease,) = upgraded.sync(WORKER, build.sync(capacity=1)).leases
    assert (lease.attempt_id, lease.token, lease.alone) == (ATTEMPT, TOKEN, False)
    news = build.report(lease, build.chunk("loss", {3: 1.0}, sequence=1), outcome="evicted", reason="out of memory")
    answer = upgraded.sync(WORKER, build.sync(news, capacity=0))
    assert answer.acknowledged == (ATTEMPT,)
    assert len(upgraded.curve(RUNNING, "loss")) == 3
    assert upgraded.get_trial(RUNNING).attempts[0].state is AttemptState.EVICTED
    assert _leased(upgraded) == (3, False)
    assert _leased(upgraded) == (2, True)
    upgraded.close()


def _leased(store: StudyStore) -> tuple[int, bool]:
    """Take the one trial that comes, complete it, and return its number and whether it ran alone."""
    (lease,) = store.sync(WORKER, build.sync(capacity=1)).leases
    store.sync(WORKER, build.sync(_completed(lease), capacity=0))
    return lease.run.trial_number, lease.alone


def _completed(lease: Lease) -> AttemptReport:
    return build.report(lease, build.chunk("dev_accuracy", {3: 0.5}), outcome="completed")


# --- 0002 ------------------------------------------------------------------------------------------------------------

NODE, IN_USE = "wk_a7jtxnh5hypw6x", "st_1trjtpg5tsftwa"
RESUMED, ALONE = "tr_ds33c9ytf7wy21", "tr_pzzbva5gzzsz9r"
HELD = "at_g9e2awbtnw7n68", "95aadc3f61adf048432915605bfa20af"


@pytest.fixture
def packed(empty: str, tmp_path: Path) -> StudyStore:
    """A store on what was a database of schema 0002."""
    upgrade_database(thaw("0002", empty, tmp_path))
    return open_store(empty)


def test_packs_and_measured_classes_are_still_there(packed: StudyStore) -> None:
    assert {study.name: study.state for study in packed.list_studies()} == {
        "ended": StudyState.COMPLETED,
        "cancelled": StudyState.CANCELLED,
        "queued": StudyState.QUEUED,
        "in-use": StudyState.RUNNING,
    }
    states = [trial.state for trial in packed.list_trials(IN_USE).trials]
    assert states == ["completed", "diverged", "waiting", "running", "waiting", "pruned"]
    ends = [attempt.state for attempt in packed.get_trial(RESUMED).attempts]
    assert ends == [AttemptState.PREEMPTED, AttemptState.EXPIRED, AttemptState.RUNNING]
    assert packed.curve(RESUMED, "loss").values.tolist() == [2.0, 1.5, 1.375]
    (profile,) = packed.list_profiles()
    assert (profile.profile.engine, profile.profile.width) == ("batched", 8)
    assert [attempt.engine for attempt in packed.get_trial(RESUMED).attempts] == ["batched", None, "serial"]
    packed.close()


def test_a_resumed_run_ends_and_the_evicted_trial_runs_alone(packed: StudyStore) -> None:
    (lease,) = _sync(packed).leases
    assert (lease.attempt_id, lease.token) == HELD
    news = build.report(lease, build.chunk("dev_accuracy", {4: 0.5}), outcome="completed", started_from=2)
    assert _sync(packed, news).acknowledged == (lease.attempt_id,)
    assert packed.get_trial(RESUMED).state is TrialState.COMPLETED
    given = {}
    for _ in range(2):
        (lease,) = _sync(packed, capacity=1).leases
        given[lease.run.trial_id] = lease.alone
        _sync(packed, _completed(lease))
    assert given.pop(ALONE)
    assert list(given.values()) == [False]
    assert packed.census().trials[TrialState.COMPLETED] == 5
    packed.close()


def _sync(store: StudyStore, *reports: AttemptReport, capacity: int = 0) -> SyncAnswer:
    device = DeviceReport(name="cuda:0", capacity=capacity)
    return store.sync(NODE, SyncRequest(attempts=reports, devices=(device,)))


# --- 0003 ------------------------------------------------------------------------------------------------------------

GOOD, SERVED = "wk_36xhj7k3qrfb5s", "st_f95vq7feqwg4n9"
RETURNED = ("at_kywzar9ezm42k5", "279477f981c00ad7acf9d2d4156a279f")


@pytest.fixture
def served(empty: str, tmp_path: Path) -> StudyStore:
    """A store on what was a database of schema 0003."""
    upgrade_database(thaw("0003", empty, tmp_path))
    return open_store(empty)


def test_studies_of_every_state_nodes_and_tokens_are_still_there(served: StudyStore) -> None:
    assert {study.name: study.state for study in served.list_studies()} == {
        "ended": StudyState.COMPLETED,
        "gated": StudyState.AWAITING_APPROVAL,
        "cancelled": StudyState.CANCELLED,
        "paused": StudyState.PAUSED,
        "in-use": StudyState.RUNNING,
        "spoiled": StudyState.RUNNING,
    }
    holds = {worker.name: worker.hold for worker in served.list_workers()}
    assert (holds["bad"], holds["south"], holds["good"]) == (WorkerHold.QUARANTINED, WorkerHold.DRAINED, None)
    states = {token.name: token.state for token in served.credentials.tokens()}
    assert states == {"ada": "live", "gone": "revoked", "old": "expired"}
    served.close()


def test_its_studies_are_found_and_sorted_like_new_ones(empty: str, tmp_path: Path) -> None:
    upgrade_database(thaw("0003", empty, tmp_path))
    engine = make_engine(empty)
    with reading(engine) as connection:
        metrics = connection.execute(select(tables.study.c.metric, tables.study.c.direction).distinct()).all()
    engine.dispose()
    assert metrics == [("dev_accuracy", "maximize")]
    store = open_store(empty)
    found = store.find_studies(StudyQuery(sort="best", states=(StudyState.COMPLETED, StudyState.PAUSED)))
    assert [(study.name, study.owner, study.tags) for study in found.studies] == [("ended", "", ()), ("paused", "", ())]
    assert all(study.device_seconds > 0 for study in found.studies)
    store.close()


def test_a_run_with_a_checkpoint_goes_on_in_it(served: StudyStore) -> None:
    kept = served.kept_checkpoint(*RETURNED)
    assert kept is not None
    assert kept.step == 2
    request = SyncRequest(devices=(DeviceReport(name="cpu", capacity=1),))
    (lease,) = served.sync(GOOD, request).leases
    assert (lease.attempt_id, lease.token) == RETURNED
    served.sync(GOOD, SyncRequest(attempts=(_completed(lease),), devices=(DeviceReport(name="cpu", capacity=0),)))
    assert served.best_trials(SERVED, 1)[0].id == lease.run.trial_id
    served.close()


# --- what nobody can read any more -----------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param("UPDATE stagetune_study SET spec = '{\"half of'", id="a study"),
        pytest.param("UPDATE stagetune_study SET spec = '[]'", id="a study that is none"),
        pytest.param('UPDATE stagetune_metric_chunk SET "values" = {bytes}', id="a chunk"),
        pytest.param('UPDATE stagetune_metric_chunk SET "values" = {eighty}', id="a chunk of another length"),
    ],
)
def test_an_upgrade_passes_by_what_nobody_can_read(schema: str, empty: str, tmp_path: Path, spoil: str) -> None:
    """One poisoned row must not keep a whole database from the program that would set it aside."""
    thaw(schema, empty, tmp_path)
    postgres = empty.startswith("postgres")
    engine = create_engine(database_url(empty))
    with engine.begin() as connection:
        given = {name: f"'\\x{data}'::bytea" if postgres else f"x'{data}'" for name, data in BROKEN.items()}
        connection.exec_driver_sql(spoil.replace("{bytes}", given["bytes"]).replace("{eighty}", given["eighty"]))
    engine.dispose()
    upgrade_database(empty)
    with closing(open_store(empty)) as store:
        store.check()
        assert store.isolate() > 0
        assert store.list_studies()


BROKEN = {"bytes": "616263", "eighty": "00" * 80}
