"""What the store knows of checkpoints: one a trial, written under a live lease, told to the next attempt."""

from __future__ import annotations

import pytest

from studies.contract.states import StudyCommand, TrialState
from studies.contract.worker_protocol import CheckpointInfo, Lease
from studies.core.actions import EndTrial
from studies.errors import LeaseLost
from studies.storage import StudyStore
from tests import builders as build
from tests.contract.conftest import LEASE_SECONDS, Advance
from tests.contract.scenes import decide, finish, running_study, take


def info(lease: Lease, step: int = 100) -> CheckpointInfo:
    return CheckpointInfo(attempt_id=lease.attempt_id, step=step, bytes=2**33, sha256=f"{step:064x}")


def keep(store: StudyStore, lease: Lease, step: int = 100) -> CheckpointInfo | None:
    return store.keep_checkpoint(lease.attempt_id, lease.token, info(lease, step))


def test_the_latest_checkpoint_replaces_the_one_before(store: StudyStore) -> None:
    running_study(store, "a")
    lease = take(store, store.register_worker(build.worker()))
    assert store.kept_checkpoint(lease.attempt_id, lease.token) is None
    assert keep(store, lease, 100) is None
    assert keep(store, lease, 200) == info(lease, 100)
    assert store.kept_checkpoint(lease.attempt_id, lease.token) == info(lease, 200)


def test_the_next_attempt_is_told_of_it(store: StudyStore, advance: Advance) -> None:
    running_study(store, "a", "b")
    worker_id = store.register_worker(build.worker())
    first = take(store, worker_id)
    assert first.checkpoint is None
    keep(store, first)
    advance(LEASE_SECONDS + 1)
    assert store.expire_leases() == 1
    second = take(store, store.register_worker(build.worker("another")))  # the node that fell silent gets it last
    assert (second.run.trial_id, second.checkpoint) == (first.run.trial_id, info(first))
    assert store.kept_checkpoint(second.attempt_id, second.token) == info(first)


def test_a_lease_that_is_told_again_is_told_of_it_too(store: StudyStore) -> None:
    running_study(store, "a")
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    keep(store, lease)
    assert take(store, worker_id).checkpoint == info(lease)


def test_only_the_holder_of_the_lease_may_write_and_read(store: StudyStore, advance: Advance) -> None:
    running_study(store, "a")
    lease = take(store, store.register_worker(build.worker()))
    keep(store, lease)
    with pytest.raises(LeaseLost):
        store.keep_checkpoint(lease.attempt_id, "another-token", info(lease))
    with pytest.raises(LeaseLost):
        store.kept_checkpoint("at_nobody", lease.token)
    advance(LEASE_SECONDS + 1)
    store.expire_leases()
    with pytest.raises(LeaseLost):
        keep(store, lease, 300)
    with pytest.raises(LeaseLost):
        store.kept_checkpoint(lease.attempt_id, lease.token)


def test_an_attempt_that_has_ended_writes_no_more(store: StudyStore) -> None:
    running_study(store, "a")
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    finish(store, worker_id, lease)
    with pytest.raises(LeaseLost):
        keep(store, lease)


def test_what_nobody_resumes_from_is_forgotten(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b", "c")
    worker_id = store.register_worker(build.worker(capacity=3))
    leases = store.sync(worker_id, build.sync()).leases
    for lease in leases:
        keep(store, lease)
    done, pruned, running = leases
    finish(store, worker_id, done)
    assert decide(store, study_id, EndTrial(pruned.run.trial_id, TrialState.PRUNED, "behind"))
    assert set(store.retire_checkpoints()) == {done.run.trial_id, running.run.trial_id}
    assert store.retire_checkpoints()[running.run.trial_id] == info(running)
    store.command(study_id, StudyCommand.CANCEL)
    assert store.retire_checkpoints() == {}
