"""Where a user's function or command keeps its own checkpoints, and from where it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workers.runtime.run_context import RunContext

FOLDER = "checkpoint"
"""Below the run directory."""


@dataclass(frozen=True)
class OwnCheckpoints:
    """A folder that later attempts of the trial find again.

    Attributes:
        folder: it exists.
        resume_step: the last step that an earlier attempt reported if it left something in the folder, otherwise 0.
    """

    folder: Path
    resume_step: int

    @classmethod
    def of(cls, context: RunContext) -> OwnCheckpoints:
        folder = context.directory / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, context.delivered if any(folder.iterdir()) else 0)
