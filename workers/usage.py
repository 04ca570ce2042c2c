"""What one attempt takes of its device: memory and speed, as far as they can be seen from outside of its run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from studies.contract.packing import MAX_BYTES

SHORTEST_SECONDS = 0.5
"""Between two steps that a speed is told from: over less time, how the run buffers its points would decide."""


class Usage:
    """Gathers what is seen of an attempt.

    A builtin task says how fast its process trains. Of a function or a command nothing is known but the steps that it
    reports; a step is one update on a batch, so that its batch size makes a speed of them.

    Args:
        params: the attempt's hyperparameters.
    """

    def __init__(self, params: Mapping[str, object]) -> None:
        size = params.get("batch_size")
        self._batch_size = float(size) if isinstance(size, int | float) and size > 0 else None
        self._peak: int | None = None
        self._paces = 0
        self._pace = 0.0
        self._first: tuple[int, float] | None = None
        self._last = (0, 0.0)

    def saw_memory(self, held_bytes: int) -> None:
        """Take what its process holds now."""
        self._peak = min(max(self._peak or 0, held_bytes), MAX_BYTES)

    def heard_pace(self, samples_per_second: float) -> None:
        """Take how fast it has trained since it last said so: about a second each, so that all weigh the same."""
        self._paces += 1
        self._pace += (samples_per_second - self._pace) / self._paces

    def heard_step(self, step: int, now: float) -> None:
        """Take how far it has come.

        Args:
            step: completed updates.
            now: monotonic seconds.
        """
        self._first = self._first or (step, now)
        self._last = step, now

    @property
    def samples_per_second(self) -> float | None:
        """The mean so far, None where it cannot be told."""
        return self._pace if self._paces else self._from_steps()

    def _from_steps(self) -> float | None:
        if self._first is None or self._batch_size is None:
            return None
        steps, seconds = self._last[0] - self._first[0], self._last[1] - self._first[1]
        if steps <= 0 or seconds < SHORTEST_SECONDS:
            return None
        speed = steps * self._batch_size / seconds
        return speed if math.isfinite(speed) else None

    def figures(self) -> dict[str, Any]:
        """Return the fields of an `AttemptReport` that tell of it."""
        return {"peak_memory_bytes": self._peak, "samples_per_second": self.samples_per_second}
