"""The trials that a filter asks for, from those of the memory store; `sql.finding` does it in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from studies.contract.base import Params, Timestamp
from studies.contract.trial_query import TrialQuery
from studies.contract.views import TrialView
from studies.core.query import matches, ordered, reader
from studies.storage.port import SAMPLED_PARAMS
from studies.storage.records import TrialRecord


def found(trials: Sequence[TrialView], query: TrialQuery, now: Timestamp) -> Sequence[TrialView]:
    """Return all of `trials` that `query` asks for, in its order, whatever its window."""
    readers = [(trial.number, reader(trial, now), trial) for trial in trials]
    asked = query.filter
    return ordered([item for item in readers if asked is None or matches(asked, item[1])], query.order)


def configurations(trials: Sequence[TrialRecord]) -> list[Params]:
    """Return the hyperparameters of each stage's first and latest trials, by number."""
    by_stage: dict[str, list[TrialRecord]] = {}
    for trial in trials:
        by_stage.setdefault(trial.stage, []).append(trial)
    ends = {
        trial.number: trial.params
        for own in by_stage.values()
        for trial in (*own[:SAMPLED_PARAMS], *own[-SAMPLED_PARAMS:])
    }
    return [ends[number] for number in sorted(ends)]
