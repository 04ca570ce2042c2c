"""Small builders of contract values for tests: sensible defaults, every field can be given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from studies.contract.decision import Candidate, Decision
from studies.contract.schedule import Schedule
from studies.contract.study_file import StudySpec
from studies.contract.worker_protocol import (
    AttemptReport,
    Device,
    DeviceReport,
    Lease,
    LogChunk,
    MetricChunk,
    Outcome,
    RegisterWorker,
    SyncRequest,
)
from studies.core.actions import AddTrials, Proposal
from studies.storage.records import TrialRecord

BUILTIN = {
    "kind": "builtin",
    "name": "image_classification",
    "args": {"dataset": "digits", "model": "small_cnn"},
}


def spec(name: str = "digits-cnn", **fields: Any) -> StudySpec:
    """A study of the builtin objective with the guide's three stages."""
    return StudySpec.model_validate({"name": name, "objective": BUILTIN, "strategy": "guide", **fields})


def function_spec(name: str = "own-code", target: str = "train.py:train", **fields: Any) -> StudySpec:
    return spec(name, objective={"kind": "function", "target": target}, **fields)


def worker(
    name: str = "node",
    capacity: int = 1,
    objectives: Iterable[str] = ("image_classification",),
    allow: Iterable[str] = (),
    devices: Sequence[Device] | None = None,
) -> RegisterWorker:
    """A worker with one CPU of `capacity` unless devices are given."""
    return RegisterWorker(
        name=name,
        hostname=f"{name}.example",
        version="0.1.0",
        devices=tuple(devices or (Device(name="cpu", capacity=capacity),)),
        objectives=tuple(objectives),
        allow=tuple(allow),
    )


def proposal(key: str = "lr=0.1", lr: float = 0.1, **fields: Any) -> Proposal:
    defaults: dict[str, Any] = {
        "params": {"lr": lr, "batch_size": 64, "momentum": 0.9},
        "schedule": Schedule(),
        "num_steps": 100,
        "seed": 0,
        "reason": "a point of the coarse grid",
    }
    return Proposal(key=key, **(defaults | fields))


def add_trials(*keys: str, stage: Any = "lr_sweep", **fields: Any) -> AddTrials:
    """Add one trial a key (default: one)."""
    return AddTrials(stage, tuple(proposal(key, **fields) for key in keys or ("lr=0.1",)))


def trial_record(number: int = 0) -> TrialRecord:
    """A waiting trial as stores hold it."""
    return TrialRecord("tr_0", "st_0", number, "lr=0.1", "lr_sweep", {"lr": 0.1}, Schedule(), 100, 0, 0.0)


def decision(trial_id: str = "tr_none", reason: str = "lr 0.1 fell fastest and deepest", **fields: Any) -> Decision:
    candidate = Candidate(trial_id=trial_id, params={"lr": 0.1}, schedule=Schedule(), num_steps=100)
    defaults: dict[str, Any] = {
        "rule": "fastest and deepest curve (guide, stage 1)",
        "choice": {"lr": 0.1, "num_steps": 100},
        "reason": reason,
        "evidence": {"noise": 0.01, "ranking": [1, 2]},
        "what_would_flip_it": "a loss at lr 0.03 that is lower by 0.02",
        "candidates": (candidate,),
    }
    return Decision(**(defaults | fields))


def chunk(name: str = "loss", points: Mapping[int, float] | None = None, sequence: int = 0) -> MetricChunk:
    """One chunk of `points` by step."""
    given = {1: 2.0, 2: 1.0} if points is None else points
    return MetricChunk(name=name, sequence=sequence, steps=tuple(given), values=tuple(given.values()))


def report(
    lease: Lease,
    *chunks: MetricChunk,
    outcome: str | None = None,
    reason: str = "",
    log: str | None = None,
    started_from: int = 0,
) -> AttemptReport:
    """News of a leased attempt; ``log`` becomes its first log chunk."""
    ended = None if outcome is None else Outcome.model_validate({"state": outcome, "reason": reason})
    logs = () if log is None else (LogChunk(sequence=0, text=log),)
    return AttemptReport(
        attempt_id=lease.attempt_id,
        token=lease.token,
        started_from=started_from,
        metrics=chunks,
        logs=logs,
        outcome=ended,
    )


def sync(*reports: AttemptReport, capacity: int | None = None) -> SyncRequest:
    """A sync with these reports; ``capacity`` sets the CPU's."""
    devices = () if capacity is None else (DeviceReport(name="cpu", capacity=capacity),)
    return SyncRequest(attempts=reports, devices=devices)
