"""What a worker's news does to an attempt and its trial: pure rules, used by both stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from studies.contract.base import Timestamp
from studies.contract.states import AttemptState, TrialState
from studies.contract.study_file import MAX_ATTEMPTS
from studies.contract.worker_protocol import AttemptReport
from studies.core.lifecycle import after_attempt, is_failure
from studies.core.snapshot import LOSS
from studies.storage.copies import storable
from studies.storage.records import AttemptRecord, News, TrialRecord

METRICS = "metrics"
"""Kind of the events that say that points have come."""

METRICS_EVENT_SECONDS = 1.0
"""Least time between two ``metrics`` events of a study."""

GONE_SILENT = "its worker was not heard of for a whole lease"
NEVER_STARTED = "it was to stop before its worker had heard of it"


class Standing(Enum):
    """What a report is to its attempt."""

    LIVE = "live"
    REPEATED = "repeated"
    LOST = "lost"


def standing(report: AttemptReport, attempt: AttemptRecord | None, worker_id: str) -> Standing:
    """Say whether `report` counts: the fence is (attempt, token, worker) of a running attempt.

    The repetition of an outcome that the attempt did end with is acknowledged; anything else is lost.
    """
    if attempt is None or attempt.token != report.token or attempt.worker_id != worker_id:
        return Standing.LOST
    if attempt.state is AttemptState.RUNNING:
        return Standing.LIVE
    repeated = report.outcome is not None and AttemptState(report.outcome.state) is attempt.state
    return Standing.REPEATED if repeated else Standing.LOST


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, by its worker's word or by the clock."""

    state: AttemptState
    reason: str = ""
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Ended:
    """An attempt and its trial afterwards; ``news`` is None where the trial had ended before."""

    trial: TrialRecord
    attempt: AttemptRecord
    news: News | None


def ending_of(report: AttemptReport, attempt: AttemptRecord) -> Ending | None:
    """Return how `report` says that the attempt ended, None while it runs."""
    if report.outcome is None:
        return None
    error = None if report.outcome.error is None else dict(report.outcome.error)
    return Ending(AttemptState(report.outcome.state), storable(report.outcome.reason) or attempt.stop, error)


def end_attempt(
    trial: TrialRecord,
    attempt: AttemptRecord,
    ending: Ending,
    now: Timestamp,
    *,
    max_attempts: int = MAX_ATTEMPTS,
    measured: bool = True,
) -> Ended:
    """End a running attempt and decide what becomes of its trial; a trial that has ended meanwhile stays as it is.

    `max_attempts` is its study's; an attempt whose lease has run out does not ask for it.
    """
    attempt = replace(attempt, state=ending.state, reason=ending.reason, error=ending.error, ended_at=now)
    if trial.state is not TrialState.RUNNING:
        return Ended(trial, attempt, None)
    failed, expired = is_failure(ending.state, alone=attempt.alone), ending.state is AttemptState.EXPIRED
    failures, expiries = trial.failures + failed, trial.expiries + expired
    fate = after_attempt(
        ending.state,
        ending.reason,
        failures,
        expiries,
        max_attempts=max_attempts,
        measured=measured,
        alone=attempt.alone,
    )
    if failed or expired:
        trial = replace(trial, failed_on=attempt.worker_id, failed_at=now)
    trial = replace(
        trial,
        state=fate.state,
        ended_because=fate.reason,
        ended_at=now if fate.state.ended else None,
        failures=failures,
        expiries=expiries,
        alone=trial.alone or fate.alone,
    )
    return Ended(trial, attempt, _news(trial, ending))


def resumed(
    attempt: AttemptRecord, report: AttemptReport, expiry: Timestamp, *, chunks: int, printed: int
) -> AttemptRecord:
    """Return the attempt after the progress of `report`.

    Where it began is the largest step ever reported for it, its peak the largest memory; of its speed the latest word
    counts.

    Args:
        attempt: as it was.
        report: its worker's news.
        expiry: until when its lease holds now.
        chunks: of metrics that were new in it.
        printed: bytes of output that were.
    """
    return replace(
        attempt,
        started_from=max(attempt.started_from, report.started_from),
        chunks=attempt.chunks + chunks,
        printed=attempt.printed + printed,
        lease_expires_at=expiry,
        peak_memory_bytes=max(filter(None, (attempt.peak_memory_bytes, report.peak_memory_bytes)), default=None),
        samples_per_second=report.samples_per_second or attempt.samples_per_second,
    )


def tells_more(before: AttemptRecord, after: AttemptRecord) -> bool:
    """Return whether the curves that the attempt contributes have changed."""
    return before.chunks != after.chunks or before.started_from != after.started_from


def supersedes_anew(before: AttemptRecord, after: AttemptRecord) -> bool:
    """Return whether the attempt just began to replace points of earlier ones, so that summaries must be redone."""
    if after.ordinal == 0 or after.chunks == 0:
        return False
    return before.chunks == 0 or before.started_from != after.started_from


def is_measured(names: Mapping[str, object], metric: str) -> bool:
    """Return whether a trial with points under these names can be judged."""
    return metric in names or LOSS in names


def metrics_news(study_id: str, trials: int) -> News:
    """Return the word that points have come: one for all trials of a study, since pages look at all that is new."""
    return News(study_id, METRICS, f"points of {trials} {'trial' if trials == 1 else 'trials'}")


def _news(trial: TrialRecord, ending: Ending) -> News:
    what = str(trial.state) if trial.state.ended else f"waits again, its attempt was {ending.state}"
    why = trial.ended_because or ending.reason
    message = f"trial {trial.number} ({trial.key}) {what}" + (f": {why}" if why else "")
    return News(trial.study_id, "trial", message, trial.id)
