"""Checkpoints of a run: written whole or not at all, the newest one kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

State = dict[str, Any]


class UnreadableCheckpoint(Exception):
    """The checkpoint could not be read: it was set aside, and the next attempt starts without it."""


class Checkpoints:
    """The checkpoint of one trial in its run directory: a state dict of tensors, numbers and strings."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "checkpoint.pt"

    def save(self, state: State) -> None:
        """Write to a temporary name, flush to disk, then replace: a run killed meanwhile leaves the old one whole."""
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)

    def load(self, device: str) -> State | None:
        """Return the state last saved, None where there is none. Only plain data is read, never code.

        Raises:
            UnreadableCheckpoint: the file is damaged; it now has the suffix ``.unreadable``.
        """
        if not self.path.exists():
            return None
        try:
            state: State = torch.load(self.path, map_location=device, weights_only=True)
        except Exception as fault:
            aside = self.path.rename(self.path.with_suffix(".unreadable"))
            raise UnreadableCheckpoint(f"{self.path.name} is damaged and was set aside as {aside.name}") from fault
        return state
