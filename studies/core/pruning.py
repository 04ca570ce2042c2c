"""The port through which a search asks a pruner: which runs under way should stop, by what all have reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from studies.contract import pruners


@dataclass(frozen=True)
class ReportingRun:
    """A run as a pruner sees it.

    Attributes:
        number: its place among the runs of the stage, counted from 0.
        state: ``stopped`` ended before its length; what diverged or failed takes no part.
        reports: what the metric was at the steps that the pruner looks at, the steps rising; NaN where it was none.
        reached: the last step that it has reported.
    """

    id: str
    number: int
    state: Literal["under way", "finished", "stopped"]
    reports: tuple[tuple[int, float], ...]
    reached: int


@dataclass(frozen=True)
class PruneRequest:
    """Ask which of a stage's runs under way should stop. All steps are those of a full run of ``steps``.

    Attributes:
        study: Optuna's name of the stage, by which Hyperband deals runs out to its brackets.
        pruner: the rule, every setting filled in.
        runs: by number.
    """

    study: str
    pruner: pruners.Pruner
    runs: tuple[ReportingRun, ...]
    steps: int
    maximize: bool


@dataclass(frozen=True)
class Verdict:
    """Why a run should stop.

    Attributes:
        step: at which it was judged.
        value: what it was judged by; NaN where it reported no number.
        bar: what it would have had to reach.
        peers: runs that the bar was taken from, 0 where it does not depend on others.
    """

    step: int
    value: float
    bar: float
    peers: int = 0


class Pruner(Protocol):
    """A pure function from a request to the runs that should stop, by id."""

    def __call__(self, request: PruneRequest) -> Mapping[str, Verdict]: ...


def keep_all(request: PruneRequest) -> Mapping[str, Verdict]:
    """Let every run go on to its end."""
    del request
    return {}
