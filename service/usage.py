"""What a trial took: steps, time, memory and how fast it was. Pure."""

from __future__ import annotations

from studies.contract.views import TrialDetail, TrialView


def steps_done(trial: TrialView) -> int:
    """Return the last step that the trial has reported, 0 before the first."""
    return max((summary.last_step for summary in trial.metrics.values()), default=0)


def seconds_trained(trial: TrialDetail, now: float) -> float | None:
    """Return how long all attempts took together, None before the first; `now` ends one that still runs."""
    if not trial.attempts:
        return None
    return sum((attempt.ended_at or now) - attempt.started_at for attempt in trial.attempts)


def peak_memory(trial: TrialDetail) -> int | None:
    """Return the most bytes that a process of the trial was seen with, None where that is not known."""
    return max((each.peak_memory_bytes for each in trial.attempts if each.peak_memory_bytes is not None), default=None)


def pace(trial: TrialDetail) -> float | None:
    """Return the samples per second of the latest attempt of which they are known."""
    known = [each.samples_per_second for each in trial.attempts if each.samples_per_second is not None]
    return known[-1] if known else None


def place(trial: TrialDetail) -> str:
    """Return the device that the trial ran on last, "" before the first attempt."""
    return f"{trial.attempts[-1].device} of {trial.attempts[-1].worker_name}" if trial.attempts else ""
