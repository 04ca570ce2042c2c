"""Checkpoints of a run: written whole or not at all, the newest one kept."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from workers.files import write_whole
from workers.memory_faults import is_out_of_memory

State = dict[str, Any]

FORMAT = 2
"""Of a task's checkpoint: 1 held the state of a `torch.optim` optimiser, 2 that of any member of a pack."""

SAVING_SHARE = 0.05
"""Most of the training time that may go into checkpoints nobody asked for."""


class UnreadableCheckpoint(Exception):
    """The checkpoint cannot be read, or not by this version: it was set aside, and the next attempt starts anew."""


class UnwritableCheckpoint(OSError):
    """The checkpoint cannot be written; the one before it is whole."""


class Checkpoints:
    """The checkpoint of one trial in its run directory: a state dict of tensors, numbers and strings."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "checkpoint.pt"

    def save(self, state: State) -> None:
        """Write to a temporary name, flush to disk, then replace: a run killed meanwhile leaves the old one whole.

        Raises:
            UnwritableCheckpoint: the disk is full, or the directory gone.
        """
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            self._write(state, temporary)
        except (OSError, RuntimeError) as fault:  # torch tells of a full disk by a RuntimeError
            if is_out_of_memory(fault):
                raise
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise UnwritableCheckpoint(
                f"the checkpoint cannot be written ({fault}): free space where the worker keeps its runs (--workdir)"
            ) from fault

    def _write(self, state: State, temporary: Path) -> None:
        with temporary.open("wb") as file:
            torch.save({"format": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
        write_whole(self.path.with_suffix(".json"), json.dumps({"step": state.get("step", 0)}))

    def load(self, device: str) -> State | None:
        """Return the state last saved, None where there is none. Only plain data is read, never code.

        Raises:
            UnreadableCheckpoint: the file is damaged or of another format; it now has the suffix ``.unreadable``.
        """
        if not self.path.exists():
            return None
        try:
            state: State = torch.load(self.path, map_location=device, weights_only=True)
        except Exception as fault:
            raise UnreadableCheckpoint(self._set_aside("is damaged")) from fault
        if state.pop("format", 1) != FORMAT:
            raise UnreadableCheckpoint(self._set_aside("was written by another version"))
        return state

    def _set_aside(self, fault: str) -> str:
        aside = self.path.rename(self.path.with_suffix(".unreadable"))
        return f"{self.path.name} {fault} and was set aside as {aside.name}"


class SaveBudget:
    """Says how often a run may save its state on its own account. Saving happens within it, as a context.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cost = 0.0
        self._ended = clock()

    def allows(self, members: int) -> bool:
        """Whether saving again, as all `members` of a pack may, keeps within `SAVING_SHARE` of the time."""
        return members * self._cost <= SAVING_SHARE * (self._clock() - self._ended)

    def __enter__(self) -> None:
        self._began = self._clock()

    def __exit__(self, *_: object) -> None:
        self._ended = self._clock()
        self._cost = self._ended - self._began
