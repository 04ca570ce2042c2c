"""Every float that a run can report comes back as it was."""

from __future__ import annotations

import math
import struct

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studies.contract.columns import MAX_COUNT
from studies.contract.worker_protocol import MetricChunk
from studies.storage import StudyStore
from tests import builders as build
from tests.contract.scenes import running_study, take, trials

POINTS = st.dictionaries(st.integers(0, MAX_COUNT), st.floats(), min_size=1, max_size=50)


def _same(left: float, right: float) -> bool:
    return (math.isnan(left) and math.isnan(right)) or struct.pack("<d", left) == struct.pack("<d", right)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=POINTS)
def test_points_come_back_bit_for_bit(store: StudyStore, points: dict[int, float]) -> None:
    key = f"t{store.last_event_id()}"
    spec = build.spec(key)
    study_id = running_study(store, spec=spec)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    steps = sorted(points)
    chunk = MetricChunk(name="loss", sequence=0, steps=tuple(steps), values=tuple(points[step] for step in steps))
    store.sync(worker_id, build.sync(build.report(lease, chunk, outcome="completed")))
    for curve in (store.curve(lease.run.trial_id, "loss"), trials(store, study_id)[0].curve("loss")):
        assert curve.steps.dtype == np.int64
        assert curve.steps.tolist() == steps
        assert all(_same(value, points[step]) for step, value in zip(steps, curve.values.tolist(), strict=True))
    summary = store.get_trial(lease.run.trial_id).metrics["loss"]
    finite = [value for value in points.values() if math.isfinite(value)]
    assert summary.count == len(points)
    assert summary.last_step == steps[-1]
    assert summary.last == points[steps[-1]] or math.isnan(points[steps[-1]])
    assert summary.minimum == min(finite) if finite else math.isnan(summary.minimum)
    assert summary.maximum == max(finite) if finite else math.isnan(summary.maximum)


def test_chunks_in_any_order_and_twice_give_one_curve(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    chunks = [build.chunk("loss", {2 * n: float(n), 2 * n + 1: 0.5}, sequence=n) for n in range(4)]
    for order in ((2,), (0, 2), (3, 0), (1,), (1, 2, 3)):
        store.sync(worker_id, build.sync(build.report(lease, *[chunks[n] for n in order])))
        store.load(study_id)
    for curve in (store.curve(lease.run.trial_id, "loss"), trials(store, study_id)[0].curve("loss")):
        assert curve.steps.tolist() == list(range(8))
        assert curve.values.tolist() == [0.0, 0.5, 1.0, 0.5, 2.0, 0.5, 3.0, 0.5]
    summary = store.get_trial(lease.run.trial_id).metrics["loss"]
    assert (summary.count, summary.last_step, summary.last, summary.maximum) == (8, 7, 0.5, 3.0)
    assert store.curves(study_id, "loss").keys() == {lease.run.trial_id}
    assert store.curves(study_id, "dev_accuracy") == {}


def test_a_loaded_curve_stays_as_it_was(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    store.sync(worker_id, build.sync(build.report(lease, build.chunk("loss", {1: 1.0}))))
    before = trials(store, study_id)[0].curve("loss")
    store.sync(worker_id, build.sync(build.report(lease, build.chunk("loss", {2: 1.0}, sequence=1))))
    assert before.steps.tolist() == [1]
    assert not before.values.flags.writeable
    assert trials(store, study_id)[0].curve("loss").steps.tolist() == [1, 2]
