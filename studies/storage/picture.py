"""The part of a study that a change needs to see, and what the change did to it.

A store loads a `Picture`, hands it to a pure rule (`applying`, `commanding`, `reporting`) and writes what the picture
says has changed, all in one transaction. So the rules stand once, and a store knows only how to read and write.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from studies.contract.base import Timestamp
from studies.contract.states import TrialState
from studies.contract.study_file import StageKind
from studies.contract.views import DecisionRecord
from studies.storage.records import AttemptRecord, News, StageRecord, StudyRecord, TrialRecord


@dataclass
class Picture:
    """A working copy: rules change it by `set_*` and `tell`, stores read the ``changed_*`` sets afterwards.

    Attributes:
        trials: those that the change may touch, by id; for a change that ends the study all that wait or run.
        live: the running attempts of these trials, by trial id.
        next_number: number of the next trial; next_decision: sequence of the next decision.
    """

    study: StudyRecord
    now: Timestamp
    stages: dict[StageKind, StageRecord] = field(default_factory=dict)
    trials: dict[str, TrialRecord] = field(default_factory=dict)
    live: dict[str, AttemptRecord] = field(default_factory=dict)
    next_number: int = 0
    next_decision: int = 0
    study_changed: bool = False
    changed_stages: set[StageKind] = field(default_factory=set)
    added_trials: list[str] = field(default_factory=list)
    changed_trials: set[str] = field(default_factory=set)
    changed_attempts: dict[str, AttemptRecord] = field(default_factory=dict)
    decisions: list[DecisionRecord] = field(default_factory=list)
    news: list[News] = field(default_factory=list)

    def keys(self) -> set[tuple[StageKind, str]]:
        """Return the (stage, key) of every trial in the picture."""
        return {(trial.stage, trial.key) for trial in self.trials.values()}

    def set_study(self, **fields: Any) -> None:
        self.study = replace(self.study, **fields)
        self.study_changed = True

    def set_stage(self, kind: StageKind, **fields: Any) -> None:
        self.stages[kind] = replace(self.stages[kind], **fields)
        self.changed_stages.add(kind)

    def set_trial(self, trial_id: str, **fields: Any) -> TrialRecord:
        self.trials[trial_id] = replace(self.trials[trial_id], **fields)
        self.changed_trials.add(trial_id)
        return self.trials[trial_id]

    def add_trial(self, trial: TrialRecord) -> None:
        self.trials[trial.id] = trial
        self.added_trials.append(trial.id)
        self.next_number += 1

    def set_attempt(self, attempt: AttemptRecord) -> None:
        self.changed_attempts[attempt.id] = attempt
        self.live[attempt.trial_id] = attempt

    def order_stop(self, trial_id: str, reason: str) -> None:
        """Give the trial's running attempt, if it has one, a stop order; the first order's reason stands."""
        attempt = self.live.get(trial_id)
        if attempt is not None and not attempt.stop:
            self.set_attempt(replace(attempt, stop=reason))

    def unfinished(self) -> Iterable[TrialRecord]:
        """Return the trials that wait or run, by number."""
        open_trials = (trial for trial in self.trials.values() if not trial.state.ended)
        return sorted(open_trials, key=lambda trial: trial.number)

    def end_trial(self, trial_id: str, state: TrialState, reason: str) -> None:
        """End a trial now, stop its run and tell so."""
        trial = self.set_trial(trial_id, state=state, ended_because=reason, ended_at=self.now, score=None)
        self.order_stop(trial_id, reason or f"the trial is {state}")
        self.tell_trial(trial, f"{state}: {reason}" if reason else str(state))

    def tell(self, kind: str, message: str) -> None:
        self.news.append(News(self.study.id, kind, message))

    def tell_trial(self, trial: TrialRecord, message: str) -> None:
        self.news.append(News(trial.study_id, "trial", f"trial {trial.number} ({trial.key}) {message}", trial.id))
