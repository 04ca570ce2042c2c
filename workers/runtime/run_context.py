"""What a run knows of the world outside: where to report, whether to stop, where to keep things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studies.contract.worker_protocol import RunSpec
from workers.runtime.reporter import Reporter


@dataclass(frozen=True)
class RunContext:
    """The surroundings of one run.

    Attributes:
        run: what to run.
        device: ``cpu`` or ``cuda:N``.
        directory: the run's own directory, shared by all attempts of its trial.
        delivered: the last step whose metrics the server has acknowledged, 0 for none.
        reporter: takes metrics on their way to the server.
        stopping: says whether the run has been told to stop.
    """

    run: RunSpec
    device: str
    directory: Path
    delivered: int
    reporter: Reporter
    stopping: Callable[[], bool]


@dataclass(frozen=True)
class Ending:
    """How a run came to its end by itself; ``step`` is the number of completed updates."""

    state: Literal["completed", "diverged", "stopped"]
    step: int
    reason: str = ""
