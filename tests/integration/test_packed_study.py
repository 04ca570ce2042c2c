"""A builtin study trained for real, with its runs fused and one by one: the same decisions, stage by stage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from studies.contract.decision import Candidate
from studies.contract.states import StudyState
from studies.contract.worker_protocol import AttemptReport, DeviceReport, Lease, MetricChunk, Outcome, SyncRequest
from studies.engine import Engine
from studies.storage import upgrade_database
from studies.storage.memory import MemoryStore
from studies.storage.optuna_bridge import OptunaMirror, OptunaSampler
from tests import builders
from tests.unit.workers.packs import METRICS, Script, run_pack

MOST_TURNS = 200


@dataclass
class TrainingWorker:
    """Trains whatever it is leased to the end, turn by turn, in packs by class of runs or each run alone."""

    store: MemoryStore
    folder: Path
    fused: bool
    capacity: int = 6
    delivered: dict[str, int] = field(default_factory=dict)
    widths: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._id = self.store.register_worker(builders.worker(capacity=self.capacity))

    def turn(self) -> None:
        devices = (DeviceReport(name="cpu", capacity=self.capacity),)
        answer = self.store.sync(self._id, SyncRequest(devices=devices))
        reports = [report for pack in self._packs(answer.leases) for report in self._train(pack)]
        self.store.sync(self._id, SyncRequest(attempts=tuple(reports), devices=()))

    def _packs(self, leases: Sequence[Lease]) -> list[list[Lease]]:
        if not self.fused:
            return [[lease] for lease in leases]
        classes: dict[str, list[Lease]] = defaultdict(list)
        for lease in leases:
            classes[lease.run.run_class].append(lease)
        return list(classes.values())

    def _train(self, leases: Sequence[Lease]) -> Iterator[AttemptReport]:
        """Train a pack of up to four; later ones join when there is room."""
        scripts = {lease.run.trial_id: self._script(lease, late) for late, lease in enumerate(leases)}
        pack = run_pack(*scripts.values(), engine="batched" if self.fused else "serial", width=4 if self.fused else 1)
        assert (pack.failures, pack.evictions) == ({}, {})
        self.widths.append(len(leases))
        for lease in leases:
            ending, script = pack.endings[lease.run.trial_id], scripts[lease.run.trial_id]
            self.delivered[lease.run.trial_id] = ending.step
            yield AttemptReport(
                attempt_id=lease.attempt_id,
                token=lease.token,
                started_from=script.started_from,
                metrics=tuple(_chunks(script)),
                outcome=Outcome(state=ending.state, reason=ending.reason),
            )

    def _script(self, lease: Lease, late: int) -> Script:
        run = lease.run
        return Script(run, self.folder / run.trial_id, arrives=2 * late, delivered=self.delivered.get(run.trial_id, 0))


def _chunks(script: Script) -> Iterator[MetricChunk]:
    for name in METRICS:
        curve = script.curve(name)
        if curve:
            yield MetricChunk(name=name, sequence=0, steps=tuple(curve), values=tuple(curve.values()))


def decided(folder: Path, *, fused: bool) -> tuple[list[dict[str, Any]], TrainingWorker]:
    """Run the study to its end; return each stage's decision without ids, and the worker."""
    store = MemoryStore()
    url = f"sqlite:///{folder / 'optuna.db'}"
    upgrade_database(url)
    spec = builders.spec(
        precision="float64",
        budget={"steps": 40, "trials": 20},
        evaluate_every=10,
        stages=[
            {"kind": "lr_sweep", "grid": [1, 0.1, 0.01, 0.001], "refine": 2},
            {"kind": "batch_momentum", "batch_sizes": [32, 64], "momenta": [0.8, 0.9], "lr_bracket": [1]},
            {"kind": "decay_schedule", "forms": ["linear", "cosine"]},
        ],
    )
    study_id = store.create_study(spec).study_id
    worker = TrainingWorker(store, folder, fused)
    with closing(Engine(store, OptunaSampler(), OptunaMirror(url))) as engine:
        for _ in range(MOST_TURNS):
            engine.tick()
            if store.get_study(study_id).state.ended:
                break
            worker.turn()
    assert store.get_study(study_id).state is StudyState.COMPLETED
    records = store.decisions(study_id)
    return [_without_ids(record.stage, record.decision) for record in records], worker


def _without_ids(stage: str, decision: Any) -> dict[str, Any]:
    return {
        "stage": stage,
        "rule": decision.rule,
        "choice": decision.choice,
        "candidates": [_configuration(candidate) for candidate in decision.candidates],
        "runners_up": [_configuration(candidate) for candidate in decision.runners_up],
        "warnings": len(decision.warnings),
    }


def _configuration(candidate: Candidate) -> tuple[Any, ...]:
    score = None if candidate.score is None else round(candidate.score, 8)
    return candidate.params, candidate.schedule, candidate.num_steps, score


def test_a_study_comes_to_the_same_decisions_fused_and_one_by_one(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    folders = [tmp_path / "fused", tmp_path / "alone"]
    for folder in folders:
        folder.mkdir()
    together, worker = decided(folders[0], fused=True)
    apart, _ = decided(folders[1], fused=False)
    assert [decision["stage"] for decision in together] == ["lr_sweep", "batch_momentum", "decay_schedule"]
    assert together == apart
    fused = [width for width in worker.widths if width > 1]
    assert sum(fused) > sum(worker.widths) / 2, "the study was to run mostly fused"


@pytest.fixture(autouse=True)
def as_many_threads_afterwards() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
