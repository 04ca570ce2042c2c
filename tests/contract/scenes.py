"""Short ways to the situations that contract tests begin from, by the port alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from studies.contract.study_file import StudySpec
from studies.contract.worker_protocol import Lease
from studies.core.actions import Action, OpenStage
from studies.core.snapshot import Trial
from studies.storage import StudyStore
from tests import builders as build


def decide(store: StudyStore, study_id: str, *actions: Action) -> bool:
    """Apply `actions` to the study as it is now."""
    return store.apply(study_id, store.load(study_id).version, actions)


def running_study(store: StudyStore, *keys: str, spec: StudySpec | None = None, **trial: Any) -> str:
    """A running study whose first stage is open, with a waiting trial a key."""
    study_id = store.create_study(spec or build.spec()).study_id
    first = (spec or build.spec()).stages[0].kind
    assert decide(store, study_id, OpenStage(first), build.add_trials(*keys, stage=first, **trial))
    return study_id


def trials(store: StudyStore, study_id: str) -> Sequence[Trial]:
    return store.load(study_id).snapshot.trials


def seen(store: StudyStore, study_id: str) -> list[object]:
    """Return all that the engine would be told of the study, in a form that can be compared."""
    known = store.load(study_id)
    curves = [
        {name: (curve.steps.tolist(), repr(curve.values.tolist())) for name, curve in sorted(trial.curves.items())}
        for trial in known.snapshot.trials
    ]
    bare = [replace(trial, curves={}) for trial in known.snapshot.trials]
    return [known.version, replace(known.snapshot, trials=()), bare, curves]


def take(store: StudyStore, worker_id: str) -> Lease:
    """Sync without news and return the one lease that comes."""
    (lease,) = store.sync(worker_id, build.sync()).leases
    return lease


def finish(store: StudyStore, worker_id: str, lease: Lease, score: float = 0.5) -> None:
    """Report one dev evaluation and a completed run; take no new lease."""
    news = build.report(lease, build.chunk("dev_accuracy", {100: score}), outcome="completed")
    assert store.sync(worker_id, build.sync(news, capacity=0)).acknowledged == (lease.attempt_id,)
