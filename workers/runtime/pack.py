"""What a pack knows of the world outside: who joins it, and how to tell that a member's run is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from workers.runtime.run_context import Ending, RunContext


class PackSurroundings(Protocol):
    """The loop's side of the pack's process.

    A member is named by its `RunContext`; ``context.stopping()`` says whether that member was told to stop, or the
    whole process was.
    """

    def arrivals(self) -> Sequence[RunContext]:
        """Return runs that have come to join since the last call; never waits. The first call has the first ones."""

    def ended(self, context: RunContext, ending: Ending) -> None:
        """Tell how a member's run ended by itself, stopped ones included."""

    def failed(self, context: RunContext, fault: BaseException) -> None:
        """Tell that one member cannot go on, through its own fault; the others do."""

    def evicted(self, context: RunContext, reason: str) -> None:
        """Give a member back: the pack cannot go on with it, alone it may."""

    def pace(self, width: int, samples_per_second: float, memory_bytes: int | None) -> None:
        """Say how fast the pack is now (samples times members), about once a second."""
