"""Studies with a history, told to a store through its port as the engine and a worker would tell it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from studies.contract.decision import Candidate, Decision
from studies.contract.packing import EngineTiming, PackReport, RunProfile
from studies.contract.schedule import Schedule
from studies.contract.study_file import STAGE_ORDERS
from studies.contract.views import TrialView
from studies.contract.worker_protocol import Device, DeviceReport, Lease, MetricChunk, SyncRequest
from studies.core.actions import Action, AddTrials, CloseStage, EndTrial, Fail, Finish, OpenStage, Proposal
from studies.core.schedules import cosine, factors, linear_to_zero
from studies.storage.port import StudyStore
from tests.builders import chunk, decision, report, spec, sync, worker

STEPS = 600
HOSTILE = '<a href="javascript:alert(1)">click</a> "quoted" & <b>bold</b> \u202eesrever'
"""What a user's code may say in a reason, an error or a log."""

Curves = Mapping[str, Mapping[int, float]]


class History:
    """A study being told: what the engine decides through `act`, what a worker reports through `run`."""

    def __init__(self, store: StudyStore, name: str = "digits-cnn", **fields: Any) -> None:
        self.store = store
        self.study_id = store.create_study(spec(name, **{"budget": {"steps": STEPS}, **fields})).study_id
        node = Device(name="cpu", model="Imaginary 9000", capacity=64)
        self.worker_id = store.register_worker(worker(f"{name}-node", devices=[node]))

    def act(self, *actions: Action) -> None:
        known = self.store.load(self.study_id)
        assert self.store.apply(self.study_id, known.version, actions)

    def lease(self) -> list[Lease]:
        """Let the worker take all that waits, though it leaves a share to others at first; nobody else comes."""
        held: tuple[Lease, ...] = ()
        while len(leases := self.store.sync(self.worker_id, sync(capacity=64)).leases) > len(held):
            held = leases
        return list(held)

    def tell(self, lease: Lease, curves: Curves, outcome: str | None = "completed", log: str | None = None) -> None:
        chunks = [part for name, points in curves.items() for part in _chunks(name, points)]
        self.store.sync(self.worker_id, sync(report(lease, *chunks, outcome=outcome, log=log), capacity=64))

    def run(self, outcome: str | None = "completed") -> None:
        """Let everything that waits run to its end (or not, with an `outcome` of None), on synthetic curves."""
        for lease in self.lease():
            curves = curves_of(lease.run.params, lease.run.schedule, lease.run.num_steps, lease.run.seed)
            end = "diverged" if math.isnan(list(curves["loss"].values())[-1]) else outcome
            self.tell(lease, curves, end, log=_log(curves))

    def trial(self, key: str) -> TrialView:
        return next(t for t in self.store.list_trials(self.study_id, limit=1000).trials if t.key == key)


def _chunks(name: str, points: Mapping[int, float]) -> list[MetricChunk]:
    return [chunk(name, points, sequence=0)] if points else []


def _log(curves: Curves) -> str:
    return "".join(f"step {step:4d}  loss {value:.4f}\n" for step, value in list(curves["loss"].items())[::50])


def curves_of(params: Mapping[str, Any], schedule: Schedule, num_steps: int, seed: int) -> Curves:
    """Return plausible curves: too small a rate is slow, too large a one diverges, decay helps at the end."""
    lr = params["lr"] / (1 - params.get("momentum", 0.0)) * 0.1
    noise = np.random.default_rng([seed, round(lr * 1e9), params["batch_size"], len(schedule.kind)])
    batch_penalty = 0.004 * math.log2(params["batch_size"] / 32)
    steps = np.arange(1, num_steps + 1)
    if lr > 0.4:
        loss = 2.3 * np.exp(np.minimum(steps / 9, 80)) + noise.normal(0, 0.1, num_steps)
        dead = np.where(steps < 60, loss, np.nan)[:60]
        return {"loss": dict(zip(steps[:60].tolist(), dead.tolist(), strict=True))}
    speed = min(6.0, 600 * lr) / 100
    floor = 0.05 + 0.5 * lr * np.asarray(factors(schedule, steps))
    loss = floor + (2.3 - floor) * np.exp(-speed * steps) + np.abs(noise.normal(0, 0.02 + 0.2 * lr, num_steps))
    at = steps[steps % 50 == 0]
    dev = 0.985 - batch_penalty - 0.12 * loss[at - 1] + noise.normal(0, 0.003, at.size)
    return {
        "loss": dict(zip(steps.tolist(), loss.tolist(), strict=True)),
        "dev_accuracy": dict(zip(at.tolist(), np.clip(dev, 0.05, 1).tolist(), strict=True)),
    }


def sweep(history: History, rates: tuple[float, ...] = (1.0, 0.1, 0.03, 0.01, 0.003, 0.001, 1e-4, 1e-5)) -> None:
    """Open the first stage and ask for a trial a rate."""
    proposals = tuple(_proposal(f"lr={rate:g}", {"lr": rate, "batch_size": 64, "momentum": 0.9}) for rate in rates)
    history.act(OpenStage("lr_sweep"), AddTrials("lr_sweep", proposals))


def _proposal(key: str, params: Mapping[str, Any], **fields: Any) -> Proposal:
    defaults: dict[str, Any] = {"schedule": Schedule(), "num_steps": STEPS, "seed": 0, "reason": "a point of the grid"}
    return Proposal(key=key, params={**params, "weight_decay": 0.0}, **{**defaults, **fields})


def candidate(trial: TrialView, score: float | None = None, note: str = "") -> Candidate:
    return Candidate(
        trial_id=trial.id, params=trial.params, schedule=trial.schedule, num_steps=STEPS, score=score, note=note
    )


def close_sweep(history: History) -> None:
    chosen, second = history.trial("lr=0.03"), history.trial("lr=0.01")
    history.act(
        CloseStage(
            "lr_sweep",
            Decision(
                rule="fastest and deepest curve (guide, stage 1)",
                choice={"lr": 0.03, "num_steps": 570},
                reason="lr 0.03 falls fastest among the deepest curves: its loss ends at 0.071, lr 0.01 at 0.083",
                evidence={
                    "convergence_step": 380,
                    "noise": 0.004,
                    "lead": 0.012,
                    "dev_before": 0.951,
                    "dev_after": 0.972,
                },
                runners_up=(candidate(second, 0.968, "ends 0.012 higher, and falls half as fast"),),
                what_would_flip_it="a final loss of lr 0.01 that is lower by more than 0.012",
                candidates=(candidate(chosen, 0.972), candidate(second, 0.968)),
                warnings=("the curve of lr 0.001 was still falling at the end of its budget",),
            ),
        )
    )


def batch_momentum(history: History) -> None:
    parent = history.trial("lr=0.03")
    proposals = tuple(
        _proposal(
            f"b={batch}/m={momentum}/x={factor}",
            {
                "lr": round(0.03 * batch / 64 * (1 - momentum) / 0.1 * factor, 5),
                "batch_size": batch,
                "momentum": momentum,
            },
            parent_id=parent.id,
            reason=f"the centre of batch size {batch} and momentum {momentum}, times {factor}",
        )
        for batch in (32, 64, 128)
        for momentum in (0.8, 0.9, 0.95)
        for factor in (0.5, 1.0)
    )
    history.act(OpenStage("batch_momentum"), AddTrials("batch_momentum", proposals))


def close_batch_momentum(history: History) -> None:
    chosen, second = history.trial("b=32/m=0.9/x=1.0"), history.trial("b=64/m=0.95/x=0.5")
    history.act(
        CloseStage(
            "batch_momentum",
            Decision(
                rule="dev metric among sound curves (guide, stage 2)",
                choice={"batch_size": 32, "momentum": 0.9, "lr": 0.015, "num_steps": 600},
                reason="batch size 32 with momentum 0.9 reaches 0.978 dev accuracy, 0.006 above where the stage began",
                evidence={"noise": 0.005, "lead": 0.003, "dev_before": 0.972, "dev_after": 0.978},
                runners_up=(candidate(second, 0.975, "within the noise of the winner"),),
                what_would_flip_it="a repeat of batch size 64 that gains 0.003",
                candidates=(candidate(chosen, 0.978),),
                warnings=("the lead is smaller than the noise: a tie, the cheaper one was taken",),
            ),
        )
    )


def decay(history: History) -> None:
    parent = history.trial("b=32/m=0.9/x=1.0")
    shapes = {"linear": linear_to_zero(STEPS), "linear-late": linear_to_zero(STEPS, 430), "cosine": cosine(STEPS)}
    proposals = tuple(
        _proposal(
            key, {n: v for n, v in parent.params.items() if n != "weight_decay"}, schedule=shape, parent_id=parent.id
        )
        for key, shape in shapes.items()
    )
    history.act(OpenStage("decay_schedule"), AddTrials("decay_schedule", proposals))


def close_decay(history: History) -> None:
    chosen, second = history.trial("linear-late"), history.trial("cosine")
    history.act(
        CloseStage(
            "decay_schedule",
            Decision(
                rule="late decay against no decay (guide, stage 3)",
                choice={"schedule": "linear to zero from step 430 to 600"},
                reason="decaying from step 430 on gains 0.007 over no decay, 2.3 times the noise",
                evidence={"noise": 0.003, "lead": 0.007, "old_peak_step": 480, "dev_before": 0.978, "dev_after": 0.985},
                runners_up=(candidate(second, 0.983, "as good within the noise, but slower to get there"),),
                what_would_flip_it="a cosine run that gains 0.003",
                candidates=(candidate(chosen, 0.985),),
            ),
        )
    )


def finished(store: StudyStore, name: str = "digits-cnn") -> History:
    """Tell a whole study of three stages."""
    history = History(store, name)
    for stage, close in ((sweep, close_sweep), (batch_momentum, close_batch_momentum), (decay, close_decay)):
        stage(history)
        history.run()
        close(history)
    history.act(Finish(history.trial("linear-late").id, "dev accuracy 0.951 became 0.985"))
    return history


def running(store: StudyStore, name: str = "in-progress") -> History:
    """Tell a study whose second stage is on its way."""
    history = History(store, name)
    sweep(history)
    history.run()
    close_sweep(history)
    batch_momentum(history)
    for lease in history.lease()[:11]:
        curves = curves_of(lease.run.params, lease.run.schedule, 400, lease.run.seed)
        history.tell(lease, curves, None if lease.run.trial_number % 3 else "completed")
    return history


def packed(store: StudyStore, name: str = "packed", note: str = "batched at width 8 is 3.4x as fast") -> History:
    """Tell a sweep whose first four trials train as one program, the fifth beside them, while a class is measured."""
    history = History(store, name)
    sweep(history, (0.1, 0.03, 0.01, 0.003, 0.001))
    leases = history.lease()
    run_class = leases[0].run.run_class
    fused = PackReport(
        run_class=run_class,
        engine="batched",
        attempts=tuple(lease.attempt_id for lease in leases[:4]),
        samples_per_second=40_800.0,
        alone_rate=12_000.0,
        memory_bytes=3 << 30,
        note=note,
    )
    beside = PackReport(run_class=run_class, attempts=(leases[4].attempt_id,), samples_per_second=9_000.0)
    probe = PackReport(run_class="function/0123456789abcdef", note="measuring how to train this class")
    device = DeviceReport(
        name="cpu", capacity=64, packs=(fused, beside, probe), mps=True, utilization=0.57, memory_used_bytes=9 << 30
    )
    profile = RunProfile(
        run_class=run_class,
        device_model="Imaginary 9000",
        engine="batched",
        width=8,
        base_bytes=1 << 30,
        member_bytes=200 << 20,
        alone_rate=12_000.0,
        timings=(
            EngineTiming(engine="serial", samples_per_second=12_000.0, memory_bytes=1 << 30),
            EngineTiming(engine="batched", width=8, samples_per_second=40_800.0, memory_bytes=3 << 30),
            EngineTiming(engine="vmap", width=8, refused=note),
        ),
        note=note,
    )
    heard = tuple(report(lease) for lease in leases)
    store.sync(history.worker_id, SyncRequest(attempts=heard, devices=(device,), profiles=(profile,)))
    return history


def all_diverged(store: StudyStore, name: str = "too-hot") -> History:
    history = History(store, name)
    sweep(history, (1.0, 3.0, 10.0))
    history.run()
    history.act(Fail("all learning rates diverged, down to 1: give lr_sweep a grid of smaller rates"))
    return history


def with_gaps(store: StudyStore, name: str = "with-gaps") -> History:
    """Tell a study that minimises a loss with NaN and infinite points in it, and whose code says hostile things."""
    history = History(store, name, metric={"name": "dev_loss", "direction": "minimize"})
    sweep(history, (0.1, 0.01))
    leases = history.lease()
    loss = {step: math.nan if 40 < step < 80 else 2.0 / step for step in range(1, 200)}
    history.tell(leases[0], {"loss": loss, "dev_loss": {50: 0.4, 100: math.inf, 150: 0.3}}, log=HOSTILE)
    only_nan = {"loss": dict.fromkeys(range(1, 50), math.nan), "dev_loss": {50: math.nan}}
    history.tell(leases[1], only_nan, outcome=None)
    history.act(EndTrial(leases[1].run.trial_id, "diverged", HOSTILE))
    return history


VARIED = (("momentum/up", 0.1), ("momentum/down", 0.3), ("batch_size/up", 0.05))
"""Trials of each stage of a guided search that is told: by key, with their rates."""


def guided(store: StudyStore, name: str = "guided") -> History:
    """Tell a guided search: in every stage three trials, of which the first is chosen and the second is stopped."""
    kinds = STAGE_ORDERS["guided_search"]
    history = History(store, name, strategy="guided_search", stages=[{"kind": kind} for kind in kinds])
    parent = None
    for kind in kinds:
        varied = tuple(_proposal(key, _varied(lr), parent_id=parent) for key, lr in VARIED)
        history.act(OpenStage(kind), AddTrials(kind, varied))
        history.run()
        first, second = store.list_trials(history.study_id, limit=1000).trials[-len(VARIED) :][:2]
        parent = first.id
        history.act(EndTrial(second.id, "pruned", "Behind."))
        history.act(CloseStage(kind, decision(first.id, evidence={"dev_before": 0.8, "dev_after": 0.9})))
    return history


def _varied(lr: float) -> dict[str, Any]:
    return {"lr": lr, "batch_size": 64, "momentum": 0.9}
