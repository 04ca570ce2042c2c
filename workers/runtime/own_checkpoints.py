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
        resumed: an earlier attempt left something in it.
        resume_step: the last step that an earlier attempt reported if it left something in the folder, otherwise 0.
    """

    folder: Path
    resumed: bool
    resume_step: int

    def started_from(self, first_step: int) -> int:
        """Return how many steps were complete when this attempt began, by the first step that it reports."""
        return max(0, first_step - 1) if self.resumed else 0

    @classmethod
    def of(cls, context: RunContext) -> OwnCheckpoints:
        folder = context.directory / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        resumed = any(folder.iterdir())
        return cls(folder, resumed, context.delivered if resumed else 0)
