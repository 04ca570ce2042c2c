"""Two stores on one database, as two servers are: what they race for is won once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from studies.contract.states import StudyCommand, TrialState
from studies.contract.worker_protocol import Lease
from studies.core.actions import CloseStage
from studies.engine import Engine
from studies.errors import NameTaken, StagetuneError
from studies.storage import StudyStore, open_store
from studies.storage.optuna_bridge.mirror import OptunaMirror
from studies.storage.sql import leases
from tests import builders as build
from tests.contract.conftest import LEASE_SECONDS, age_database
from tests.contract.scenes import running_study, take, trials
from tests.faults import crash_points
from tests.faults.ledger import Ledger
from tests.invariant import assert_whole

RACERS = 6
TRIALS = 20


@pytest.fixture
def servers(database: str) -> Iterator[tuple[StudyStore, StudyStore]]:
    both = open_store(database, LEASE_SECONDS), open_store(database, LEASE_SECONDS)
    yield both
    for store in both:
        store.close()


def _race(*calls: Callable[[], object]) -> list[object]:
    """Start all calls at the same moment and return what they returned, or the error that says no."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        start.wait(timeout=30)
        try:
            return call()
        except StagetuneError as refusal:
            return refusal

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_each_trial_is_leased_once(servers: tuple[StudyStore, StudyStore]) -> None:
    study_id = running_study(servers[0], *(f"t{number}" for number in range(TRIALS)))
    workers = [servers[0].register_worker(build.worker(f"w{number}", capacity=2)) for number in range(RACERS)]
    leased: list[Lease] = []

    def work(number: int) -> None:
        store, held = servers[number % 2], list[Lease]()
        deadline = time.monotonic() + 60
        while (held or len(leased) < TRIALS) and time.monotonic() < deadline:
            reports = [build.report(lease, build.chunk("loss", {1: 1.0}), outcome="completed") for lease in held]
            held = list(store.sync(workers[number], build.sync(*reports)).leases)
            leased.extend(held)

    _race(*[lambda number=number: work(number) for number in range(RACERS)])
    assert Counter(lease.run.trial_number for lease in leased) == Counter(range(TRIALS))
    assert {trial.state for trial in trials(servers[0], study_id)} == {TrialState.COMPLETED}


def test_a_decision_is_applied_once(servers: tuple[StudyStore, StudyStore]) -> None:
    study_id = running_study(servers[0])
    version = servers[0].load(study_id).version
    close = [CloseStage("lr_sweep", build.decision()), build.add_trials("next", stage="batch_momentum")]
    won = _race(*[lambda store=store: store.apply(study_id, version, close) for store in servers * 3])
    assert sorted(map(bool, won)) == [False] * 5 + [True]
    assert len(servers[1].decisions(study_id)) == 1
    assert [trial.key for trial in trials(servers[1], study_id)] == ["lr=0.1", "next"]


def test_a_name_is_won_once_and_a_key_answered_alike(servers: tuple[StudyStore, StudyStore]) -> None:
    answers = _race(*[lambda store=store: store.create_study(build.spec("wanted")) for store in servers * 2])
    assert sum(isinstance(answer, NameTaken) for answer in answers) == 3
    spec = build.spec("keyed")
    created = _race(*[lambda store=store: store.create_study(spec, "key") for store in servers * 2])
    assert len({answer.study_id for answer in created}) == 1  # type: ignore[attr-defined]
    assert sum(answer.fresh for answer in created) == 1  # type: ignore[attr-defined]


def test_a_request_that_arrives_twice_at_once_counts_once(servers: tuple[StudyStore, StudyStore]) -> None:
    study_id = running_study(servers[0])
    worker_id = servers[0].register_worker(build.worker())
    lease = take(servers[0], worker_id)
    chunks = [build.chunk("loss", {n: 1.0}, sequence=n) for n in range(5)]
    news = build.sync(build.report(lease, *chunks, outcome="failed", log="once"))
    answers = _race(*[lambda store=store: store.sync(worker_id, news) for store in servers * 2])
    assert {answer.acknowledged for answer in answers} == {(lease.attempt_id,)}  # type: ignore[attr-defined]
    view = servers[1].get_trial(lease.run.trial_id)
    assert (view.metrics["loss"].count, len(view.attempts)) == (5, 2)
    assert servers[0].log(view.id).text == "once"
    assert trials(servers[0], study_id)[0].state is TrialState.RUNNING


def test_expiring_and_syncing_at_once_ends_an_attempt_one_way(
    database: str, servers: tuple[StudyStore, StudyStore]
) -> None:
    study_id = running_study(servers[0])
    worker_id = servers[0].register_worker(build.worker())
    lease = take(servers[0], worker_id)
    age_database(database, LEASE_SECONDS + 1)
    done = build.sync(build.report(lease, build.chunk("loss", {1: 1.0}), outcome="completed"), capacity=0)
    answer, *expired = _race(
        lambda: servers[0].sync(worker_id, done), servers[1].expire_leases, servers[0].expire_leases
    )
    (trial,) = trials(servers[0], study_id)
    landed = answer.acknowledged == (lease.attempt_id,)  # type: ignore[attr-defined]
    assert sum(expired) == (0 if landed else 1)  # type: ignore[arg-type]
    assert trial.state is (TrialState.COMPLETED if landed else TrialState.WAITING)
    assert len(trial.curve("loss")) == landed


def test_no_lease_escapes_a_pause(servers: tuple[StudyStore, StudyStore]) -> None:
    study_id = running_study(servers[0], *(f"t{number}" for number in range(8)))
    workers = [servers[0].register_worker(build.worker(f"w{number}")) for number in range(4)]
    syncs = [
        lambda worker=worker, store=store: store.sync(worker, build.sync())
        for worker, store in zip(workers, servers * 2, strict=True)
    ]
    _race(*syncs, lambda: servers[1].command(study_id, StudyCommand.PAUSE))
    for worker in workers:
        servers[0].sync(worker, build.sync())
    assert {trial.state for trial in trials(servers[0], study_id)} == {TrialState.WAITING}


def test_a_reader_of_events_misses_none(servers: tuple[StudyStore, StudyStore]) -> None:
    study_ids = [running_study(servers[0], spec=build.spec(f"s{number}")) for number in range(4)]
    seen: list[int] = []
    finished = threading.Event()

    def read() -> None:
        last = 0
        while not finished.is_set() or servers[0].last_event_id() > last:
            for event in servers[1].events(None, last):
                last = event.id
                seen.append(event.id)

    def write(number: int) -> None:
        store, study_id = servers[number % 2], study_ids[number]
        for turn in range(8):
            store.command(study_id, StudyCommand.PAUSE if turn % 2 == 0 else StudyCommand.RESUME)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        _race(*[lambda number=number: write(number) for number in range(4)])
    finally:
        finished.set()
        reader.join(timeout=60)
    stored = [event.id for event in servers[0].events(None, 0)]
    assert seen == stored
    assert len(stored) >= 4 * (4 + 8)


def test_an_attempt_begins_after_the_end_of_the_one_before(
    postgres_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that has looked at the clock waits its turn while another server lets the trial's lease run out."""
    east, west = open_store(postgres_store_url, LEASE_SECONDS), open_store(postgres_store_url, LEASE_SECONDS)
    running_study(east)
    gone, waiting = east.register_worker(build.worker("gone")), east.register_worker(build.worker("waiting"))
    lease = take(east, gone)
    age_database(postgres_store_url, LEASE_SECONDS + 1)
    grant = leases.grant

    def grant_after_the_expiry(*arguments: Any) -> Any:
        assert west.expire_leases() == 1
        return grant(*arguments)

    monkeypatch.setattr(leases, "grant", grant_after_the_expiry)
    (again,) = east.sync(waiting, build.sync()).leases
    assert again.run.trial_id == lease.run.trial_id
    before, after = east.get_trial(lease.run.trial_id).attempts
    assert before.ended_at is not None
    assert before.ended_at <= after.started_at
    for store in (east, west):
        store.close()


def test_two_engines_close_each_stage_once(database: str, servers: tuple[StudyStore, StudyStore]) -> None:
    """Both tick at the same moments, again and again, while two workers run what they ask for."""
    study_ids = [servers[0].create_study(crash_points.spec(f"s{number}")).study_id for number in range(3)]
    mirrors = [OptunaMirror(database) for _ in servers]
    if database.startswith("sqlite"):  # which is for one server, so for one writer of Optuna's record
        mirrors[1] = mirrors[0]
    engines = [
        Engine(store, crash_points.no_sampler, mirror, crash_points.decide)
        for store, mirror in zip(servers, mirrors, strict=True)
    ]
    ledger, script = Ledger(), crash_points.Script()
    nodes = [crash_points.Node(f"n{number}", ledger, script, capacity=4) for number in range(2)]
    deadline = time.monotonic() + 60
    while not all(servers[0].get_study(study_id).state.ended for study_id in study_ids):
        assert time.monotonic() < deadline, "the studies did not end"
        _race(*[engine.tick for engine in engines])
        _race(*[lambda node=node, store=store: node.turn(store) for node, store in zip(nodes, servers, strict=True)])
    assert all(engine.flush() for engine in engines)
    for study_id in study_ids:
        assert_whole(servers[0], study_id, database, ledger=ledger)
        assert [record.stage for record in servers[1].decisions(study_id)] == list(crash_points.KEYS)
    for mirror in mirrors:
        mirror.close()


def test_a_worker_is_judged_while_it_syncs_and_is_drained(servers: tuple[StudyStore, StudyStore]) -> None:
    """What changes workers' rows at once: their syncs, reviews of the quarantine, people. Nobody waits for ever."""
    running_study(servers[0], *(f"t{number}" for number in range(40)), spec=build.spec(max_attempts=1))
    workers = [servers[0].register_worker(build.worker(f"w{number}", capacity=2)) for number in range(4)]

    def fail_all(number: int) -> None:
        store, held = servers[number % 2], list[Lease]()
        for _ in range(12):
            reports = [build.report(lease, outcome="failed") for lease in held]
            held = list(store.sync(workers[number], build.sync(*reports)).leases)

    def review() -> None:
        for turn in range(12):
            servers[turn % 2].review_quarantine()
            servers[turn % 2].drain_worker(workers[3])
            servers[turn % 2].release_worker(workers[3])

    answers = _race(*[lambda number=number: fail_all(number) for number in range(4)], review)
    assert not [answer for answer in answers if answer is not None]
    while servers[0].review_quarantine():
        pass
    assert any(worker.hold is None for worker in servers[0].list_workers())
