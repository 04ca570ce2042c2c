"""Which checkpoints the server keeps, and who is told of them. Pure.

The store knows of one checkpoint a trial, the latest that a worker has handed in; its bytes lie in the service's
artifact folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studies.contract.states import StudyState, TrialState
from studies.contract.worker_protocol import CheckpointInfo, Lease

RESUMED = (TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETED)
"""States of trials that may go on from their checkpoint: a completed one may be continued while its study runs."""


def is_wanted(trial: TrialState, study: StudyState) -> bool:
    """Return whether a later attempt may need the checkpoint of a trial in this state."""
    return trial in RESUMED and not study.ended


def with_checkpoints(leases: Sequence[Lease], known: Mapping[str, CheckpointInfo]) -> list[Lease]:
    """Return the leases, each with the checkpoint that is kept of its trial, by trial id."""
    return [
        lease.model_copy(update={"checkpoint": known[lease.run.trial_id]}) if lease.run.trial_id in known else lease
        for lease in leases
    ]
