"""Every shape that a study can have, as a page meets it: none of its trials, all of them lost, words that bite."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from studies.contract.states import StudyCommand
from studies.contract.worker_protocol import Device
from studies.core.actions import AddTrials, AwaitApproval, EndTrial, OpenStage
from studies.storage.memory import MemoryStore
from tests import histories
from tests.builders import proposal, report, sync, worker
from tests.histories import HOSTILE, History

LONGEST = "abcdefghij" * 10
"""As long as the name of a study can be, without a place to break it at."""

WIDE = 300
"""Hyperparameters of the widest study."""


def empty(store: MemoryStore) -> History:
    return History(store, "empty")


def one_trial(store: MemoryStore) -> History:
    history = History(store, "one-trial")
    histories.sweep(history, (0.1,))
    history.run()
    return history


def paused(store: MemoryStore) -> History:
    history = histories.running(store, "paused")
    store.command(history.study_id, StudyCommand.PAUSE)
    return history


def cancelled(store: MemoryStore) -> History:
    history = histories.running(store, "cancelled")
    store.command(history.study_id, StudyCommand.CANCEL)
    return history


def at_a_gate(store: MemoryStore) -> History:
    history = History(store, "at-a-gate", gates="approve")
    histories.sweep(history)
    history.run()
    histories.close_sweep(history)
    history.act(AwaitApproval("batch_momentum", "look at the sweep first"))
    return history


def wide(store: MemoryStore) -> History:
    """A study of 300 hyperparameters, all different from trial to trial."""
    history = History(store, "wide", metric={"name": "dev_loss", "direction": "minimize"})
    more = [
        {"lr": 0.1 / place, "batch_size": 64, "momentum": 0.9}
        | {f"width_of_layer_{layer}": layer / place for layer in range(WIDE - 3)}
        for place in range(1, 7)
    ]
    trials = tuple(proposal(f"k{place}", params=params, num_steps=60) for place, params in enumerate(more))
    history.act(OpenStage("lr_sweep"), AddTrials("lr_sweep", trials))
    for lease in history.lease():
        loss = {step: 2.0 / step + lease.run.params["lr"] for step in range(1, 61)}  # type: ignore[operator]
        history.tell(lease, {"loss": loss, "dev_loss": {30: loss[30], 60: loss[60]}})
    return history


def hostile(store: MemoryStore) -> History:
    """Names as long as they can be, and markup wherever a text of a user's can stand."""
    name = f"h{LONGEST[1:]}"
    metric = f"dev_{LONGEST[:60]}"
    history = History(store, name, metric={"name": metric}, tags=["שלום-tag", "a" * 40])
    long = HOSTILE * 3
    store.register_worker(
        worker(f"{HOSTILE}{LONGEST}"[:200], devices=[Device(name="cuda:0", model=f"{HOSTILE}{LONGEST}")])
    )
    trials = tuple(
        proposal(f"{HOSTILE} {place}", params=_hostile_params(place), num_steps=60, reason=long) for place in range(4)
    )
    history.act(OpenStage("lr_sweep"), AddTrials("lr_sweep", trials))
    ends = ("completed", "failed", None, None)
    for lease, end in zip(history.lease(), ends, strict=True):
        curves = {"loss": {1: 2.0, 60: 1.0}, metric: {60: 0.5}, "a.b-c_" + "x" * 58: {1: 1.0}}
        told = report(lease, outcome=end, reason=long if end == "failed" else "", log=long)
        store.sync(history.worker_id, sync(told, capacity=64)) if end == "failed" else history.tell(
            lease, curves, end, long
        )
    history.act(EndTrial(store.list_trials(history.study_id).trials[3].id, "diverged", long))
    return history


def _hostile_params(place: int) -> Mapping[str, object]:
    choice = (HOSTILE, LONGEST, "\u202eright to left", "</script><script>alert(1)</script>")[place]
    return {"lr": 0.1 / (place + 1), "batch_size": 64, "momentum": 0.9, "x" * 64: choice, "__proto__": choice}


SHAPES: Mapping[str, Callable[[MemoryStore], History]] = {
    "empty": empty,
    "one trial": one_trial,
    "paused": paused,
    "running": histories.running,
    "waiting at a gate": at_a_gate,
    "finished": histories.finished,
    "all diverged, failed": histories.all_diverged,
    "cancelled": cancelled,
    "minimises, with gaps": histories.with_gaps,
    "300 hyperparameters": wide,
    "hostile words": hostile,
}
