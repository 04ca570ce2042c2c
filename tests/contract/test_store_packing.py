"""Packs as the store sees them: evicted attempts, room, shares, profiles, and what people are shown of devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from studies.contract.packing import EngineTiming, PackReport, RunProfile, run_class
from studies.contract.states import AttemptState, TrialState
from studies.contract.study_file import StudySpec
from studies.contract.worker_protocol import Device, DeviceReport, Lease, SyncRequest
from studies.core.actions import ContinueTrial
from studies.storage import StudyStore
from studies.storage.clearing import PATIENCE_LEASES
from tests import builders as build
from tests.contract.conftest import LEASE_SECONDS, Advance
from tests.contract.scenes import decide, running_study, take, trials

GPU = Device(name="cuda:0", model="H100", memory_bytes=80 << 30, capacity=64)


def _node(store: StudyStore, name: str = "node", *devices: Device) -> str:
    return store.register_worker(build.worker(name, devices=devices or (GPU,), allow=("*",)))


def _sync(
    store: StudyStore, worker_id: str, *leases: Lease, device: str = "cuda:0", capacity: int = 64, **status: Any
) -> Sequence[Lease]:
    """Sync with heartbeats of these leases and the status of one device; return the new leases."""
    report = DeviceReport(name=device, capacity=capacity, **status)
    request = SyncRequest(attempts=tuple(build.report(lease) for lease in leases), devices=(report,))
    return store.sync(worker_id, request).leases


def _class_of(store: StudyStore, study_id: str, number: int = 0) -> str:
    snapshot = store.load(study_id).snapshot
    spec = snapshot.spec
    return run_class(spec.objective, spec.optimizer, spec.precision, snapshot.trials[number].params)


def _evict(store: StudyStore, worker_id: str, lease: Lease) -> None:
    news = build.report(lease, outcome="evicted", reason="out of memory")
    assert store.sync(worker_id, build.sync(news, capacity=0)).acknowledged == (lease.attempt_id,)


def test_an_evicted_trial_waits_uncounted_and_then_runs_alone(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    assert not lease.alone
    _evict(store, worker_id, lease)
    assert trials(store, study_id)[0].state is TrialState.WAITING
    again = store.sync(worker_id, build.sync(capacity=1)).leases[0]
    assert again.alone
    attempts = store.get_trial(lease.run.trial_id).attempts
    assert [(item.state, item.alone, item.reason) for item in attempts] == [
        (AttemptState.EVICTED, False, "out of memory"),
        (AttemptState.RUNNING, True, ""),
    ]


def test_evicted_although_alone_is_a_failure(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    for expected in (TrialState.WAITING, TrialState.WAITING, TrialState.FAILED):
        _evict(store, worker_id, store.sync(worker_id, build.sync(capacity=1)).leases[0])
        assert trials(store, study_id)[0].state is expected
    assert "out of memory" in store.list_trials(study_id).trials[0].ended_because


def test_a_trial_stays_alone_until_it_ends_and_may_share_when_it_is_continued(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    _evict(store, worker_id, take(store, worker_id))
    for outcome in ("preempted", "completed"):
        lease = store.sync(worker_id, build.sync(capacity=1)).leases[0]
        assert lease.alone
        news = build.report(lease, build.chunk("dev_accuracy", {1: 0.5}), outcome=outcome)
        store.sync(worker_id, build.sync(news, capacity=0))
    decide(store, study_id, ContinueTrial(lease.run.trial_id, 200, "has not converged"))
    assert not store.sync(worker_id, build.sync(capacity=1)).leases[0].alone


def test_what_runs_alone_waits_for_the_others_and_shares_its_device_with_nobody(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b", "c")
    worker_id = store.register_worker(build.worker(capacity=3))
    first, *others = store.sync(worker_id, build.sync()).leases
    store.sync(worker_id, build.sync(build.report(first, outcome="evicted"), capacity=0))
    beside = [build.report(lease) for lease in others]
    assert store.sync(worker_id, build.sync(*beside, capacity=3)).leases == ()
    assert "runs alone" in store.get_study(study_id).waiting_because
    done = [build.report(lease, build.chunk("loss"), outcome="completed") for lease in others]
    decide(store, study_id, build.add_trials("d"))
    store.sync(worker_id, build.sync(*done, capacity=0))
    (fourth,) = store.sync(worker_id, build.sync(capacity=1)).leases
    assert fourth.run.trial_number == 3
    store.sync(worker_id, build.sync(build.report(fourth, build.chunk("loss"), outcome="completed"), capacity=0))
    (alone,) = store.sync(worker_id, build.sync(capacity=3)).leases
    assert (alone.run.trial_number, alone.alone) == (0, True)
    decide(store, study_id, build.add_trials("e"))
    assert store.sync(worker_id, build.sync(build.report(alone), capacity=3)).leases == ()


def _pass_the_patience(store: StudyStore, advance: Advance, *syncs: Callable[[], object]) -> None:
    """Let so much time pass that a run that must be alone has waited long; the workers are heard of meanwhile."""
    for _ in range(PATIENCE_LEASES + 1):
        advance(LEASE_SECONDS - 1)
        for sync in syncs:
            sync()


def test_a_device_is_cleared_for_what_runs_alone_and_has_waited_long(store: StudyStore, advance: Advance) -> None:
    running_study(store, "a", "b")
    worker_id = store.register_worker(build.worker(capacity=2))
    first, second = store.sync(worker_id, build.sync()).leases
    store.sync(worker_id, build.sync(build.report(first, outcome="evicted"), build.report(second), capacity=0))
    running_study(store, *"cdefgh", spec=build.spec("younger"))
    (third,) = store.sync(worker_id, build.sync(build.report(second), capacity=2)).leases
    assert not third.alone
    heartbeats = build.sync(build.report(second), build.report(third), capacity=0)
    _pass_the_patience(store, advance, lambda: store.sync(worker_id, heartbeats))
    done = build.report(second, build.chunk("loss"), outcome="completed")
    assert store.sync(worker_id, build.sync(done, build.report(third), capacity=2)).leases == ()
    done = build.report(third, build.chunk("loss"), outcome="completed")
    (alone,) = store.sync(worker_id, build.sync(done, capacity=2)).leases
    assert (alone.run.trial_id, alone.alone) == (first.run.trial_id, True)
    ended = build.report(alone, build.chunk("loss"), outcome="completed")
    assert len(store.sync(worker_id, build.sync(ended, capacity=2)).leases) == 2


def test_one_device_alone_is_cleared_the_one_with_the_fewest_runs(store: StudyStore, advance: Advance) -> None:
    running_study(store, *"abcde")
    busy, calm = (store.register_worker(build.worker(name, capacity=8)) for name in ("busy", "calm"))
    evicted, *many = store.sync(busy, build.sync(capacity=4)).leases
    few = store.sync(calm, build.sync(capacity=1)).leases
    assert len(many) > len(few)
    beside = [build.report(lease) for lease in many]
    store.sync(busy, build.sync(build.report(evicted, outcome="evicted"), *beside, capacity=0))
    both = (
        lambda: store.sync(busy, build.sync(*beside, capacity=0)),
        lambda: store.sync(calm, build.sync(*map(build.report, few), capacity=0)),
    )
    _pass_the_patience(store, advance, *both)
    running_study(store, *"fgh", spec=build.spec("younger"))
    for _ in range(2):
        assert store.sync(calm, build.sync(*map(build.report, few), capacity=8)).leases == ()
    assert len(store.sync(busy, build.sync(*beside, capacity=8)).leases) == 4


def test_room_bounds_what_a_device_gets(store: StudyStore) -> None:
    study_id = running_study(store, *"abcdef")
    worker_id = _node(store)
    name = _class_of(store, study_id)
    assert len(_sync(store, worker_id, room={"builtin": 0})) == 0
    assert "enough free memory" in store.get_study(study_id).waiting_because
    (probe,) = _sync(store, worker_id, room={"builtin": 1})
    rest = _sync(store, worker_id, probe, room={name: 3, "builtin": 0})
    assert [lease.run.trial_number for lease in rest] == [1, 2, 3]
    assert store.get_study(study_id).waiting_because == ""
    assert len(_sync(store, worker_id, probe, *rest, room={name: 0, "builtin": 9})) == 0


def test_room_is_not_given_twice_to_a_worker_that_missed_the_answer(store: StudyStore) -> None:
    running_study(store, *"abcdef")
    worker_id = _node(store)
    first = _sync(store, worker_id, room={"builtin": 2})
    again = _sync(store, worker_id, room={"builtin": 2})
    assert {lease.attempt_id for lease in again} == {lease.attempt_id for lease in first}


def test_a_class_without_room_holds_up_no_other(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b", "c")
    decide(store, study_id, build.add_trials("d", "e", params={"lr": 0.1, "batch_size": 32}))
    worker_id = _node(store)
    given = _sync(store, worker_id, room={_class_of(store, study_id): 0, "builtin": 8})
    assert [lease.run.trial_number for lease in given] == [3, 4]


def test_one_class_goes_out_together(store: StudyStore) -> None:
    study_id = running_study(store, "a")
    for key, size in (("b", 32), ("c", 64), ("d", 32), ("e", 64)):
        params = {"lr": 0.1, "batch_size": size, "momentum": 0.9}
        decide(store, study_id, build.add_trials(key, params=params))
    worker_id = _node(store)
    given = _sync(store, worker_id, capacity=4)
    assert [lease.run.trial_number for lease in given] == [0, 2, 4, 1]


def test_workers_that_idle_get_their_share(store: StudyStore, advance: Advance) -> None:
    running_study(store, *"abcdefgh")
    first, second = _node(store, "first"), _node(store, "second")
    mine = _sync(store, first)
    theirs = _sync(store, second)
    assert (len(mine), len(theirs)) == (4, 4)
    _sync(store, first, *mine, capacity=0)


def test_nothing_waits_for_a_worker_that_does_not_come(store: StudyStore, advance: Advance) -> None:
    running_study(store, *"abcdefgh")
    first, _ = _node(store, "first"), _node(store, "silent")
    held: list[Lease] = []
    for expected in (4, 6, 7, 8):
        held += _sync(store, first, *held)
        assert len(held) == expected


def test_who_is_gone_draining_or_unable_has_no_share(store: StudyStore, advance: Advance) -> None:
    _node(store, "gone")
    advance(LEASE_SECONDS + 1)
    store.register_worker(build.worker("draining", capacity=0))
    store.register_worker(build.worker("unable", objectives=(), allow=("train.py:*",)))
    running_study(store, *"abcd")
    assert len(_sync(store, _node(store))) == 4


def test_a_lease_brings_what_is_known_of_its_class_on_its_device(store: StudyStore) -> None:
    study_id = running_study(store, *"abcd")
    first = _node(store, "first")
    profile = _profile(_class_of(store, study_id))
    (probe,) = _sync(store, first, room={"builtin": 1})
    assert probe.profile is None
    store.sync(first, SyncRequest(attempts=(build.report(probe),), devices=(_full(),), profiles=(profile,)))
    other = _node(store, "other", GPU.model_copy(update={"model": "H200"}))
    assert [lease.profile for lease in _sync(store, other, capacity=1)] == [None]
    same = _node(store, "same")
    assert [lease.profile for lease in _sync(store, same, capacity=1)] == [profile]
    assert [lease.profile for lease in _sync(store, same, capacity=1)] == [profile], "given again after a lost answer"


def _profile(run_class: str, **fields: Any) -> RunProfile:
    timings = (EngineTiming(engine="serial", samples_per_second=100.0), EngineTiming(engine="vmap", refused="LSTM"))
    measured = {"engine": "batched", "width": 8, "base_bytes": 500 << 20, "timings": timings} | fields
    return RunProfile(run_class=run_class, device_model="H100", **measured)


def _full() -> DeviceReport:
    return DeviceReport(name="cuda:0", capacity=64, room={"builtin": 0})


def test_the_latest_word_on_a_class_counts_and_once_is_as_good_as_twice(store: StudyStore, advance: Advance) -> None:
    study_id = running_study(store)
    worker_id, name = _node(store), _class_of(store, study_id)
    (lease,) = _sync(store, worker_id)
    early, late, foreign = _profile(name), _profile(name, width=16), _profile("function/0123456789abcdef")
    reports = (build.report(lease),)
    store.sync(worker_id, SyncRequest(attempts=reports, profiles=(early, foreign)))
    advance(1)
    for _ in range(2):
        store.sync(worker_id, SyncRequest(profiles=(early, late)))
    listed = store.list_profiles()
    assert {(item.label, item.profile.run_class, item.profile.width) for item in listed} == {
        ("small_cnn on digits, batch size 64, sgd", name, 16),
        ("", "function/0123456789abcdef", 8),
    }
    assert {item.profile for item in listed if item.label} == {late}


@pytest.mark.parametrize("model", ["H200", "H100\x00", ""])
def test_a_worker_says_nothing_of_devices_that_it_does_not_have(store: StudyStore, model: str) -> None:
    study_id = running_study(store)
    worker_id, name = _node(store), _class_of(store, study_id)
    foreign = _profile(name).model_copy(update={"device_model": model})
    store.sync(worker_id, SyncRequest(profiles=(foreign,)))
    assert store.list_profiles() == []


def test_devices_show_their_packs_while_their_worker_is_heard_of(store: StudyStore, advance: Advance) -> None:
    study_id = running_study(store, "a", "b")
    worker_id, name = _node(store), _class_of(store, study_id)
    leases = _sync(store, worker_id)
    members = (*(lease.attempt_id for lease in leases), "at_unknown")
    pack = PackReport(run_class=name, engine="batched", attempts=members, samples_per_second=900.0, alone_rate=300.0)
    status = {"packs": (pack,), "mps": True, "utilization": 0.5, "memory_used_bytes": 1 << 30}
    for _ in range(2):
        _sync(store, worker_id, *leases, **status)
    (device,) = store.list_workers()[0].devices
    assert (device.mps, device.utilization, device.memory_used_bytes) == (True, 0.5, 1 << 30)
    (shown,) = device.packs
    assert (shown.run_class, shown.engine, shown.samples_per_second, shown.alone_rate) == (name, "batched", 900, 300)
    assert shown.trials == tuple(lease.run.trial_id for lease in leases)
    advance(LEASE_SECONDS + 1)
    (device,) = store.list_workers()[0].devices
    assert (device.packs, device.utilization) == ((), None)


def test_an_attempt_remembers_how_it_was_trained(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b")
    worker_id, name = _node(store), _class_of(store, study_id)
    first, second = _sync(store, worker_id)
    both = PackReport(run_class=name, engine="batched", attempts=(first.attempt_id, second.attempt_id))
    _sync(store, worker_id, first, second, packs=(both,))
    left = both.model_copy(update={"attempts": (first.attempt_id,)})
    _sync(store, worker_id, first, second, packs=(left,))
    shown = store.get_trial(first.run.trial_id).attempts[0]
    assert (shown.engine, shown.width) == ("batched", 2)
    _sync(store, worker_id, first, second, packs=(left.model_copy(update={"engine": "serial"}),))
    shown = store.get_trial(first.run.trial_id).attempts[0]
    assert (shown.engine, shown.width) == ("serial", 1)
    other = store.get_trial(second.run.trial_id).attempts[0]
    assert (other.engine, other.width) == ("batched", 2)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_is_told_the_studys_precision(store: StudyStore, precision: str) -> None:
    running_study(store, spec=_with_precision(precision))
    assert take(store, store.register_worker(build.worker())).run.precision == precision


def _with_precision(precision: str) -> StudySpec:
    return build.spec(precision=precision)
