"""How much of everything there is, as a monitoring system asks for it: few numbers, whatever the size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studies.contract.states import StudyState, TrialState, WorkerHold


@dataclass(frozen=True)
class Census:
    """What the database holds at a moment.

    Attributes:
        studies, trials: how many by state; states without any may be missing.
        queue_seconds: for how long the trial has waited that has waited longest in a running study; 0 where none does.
        workers_alive: workers that were heard of within a lease.
        workers_held: those of them that are given nothing new, by why.
    """

    studies: Mapping[StudyState, int]
    trials: Mapping[TrialState, int]
    queue_seconds: float
    workers_alive: int
    workers_held: Mapping[WorkerHold, int]
