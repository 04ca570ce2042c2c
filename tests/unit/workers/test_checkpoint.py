"""Checkpoints: replaced whole, and set aside where they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from workers.run_directory import RunDirectory
from workers.runtime.checkpoint import Checkpoints, SaveBudget, UnreadableCheckpoint


def test_a_checkpoint_is_replaced_whole_and_leaves_no_scraps(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.load("cpu") is None
    for step in (1, 2):
        checkpoints.save({"step": step, "weights": torch.full((3,), float(step))})
    state = checkpoints.load("cpu")
    assert state is not None
    assert state["step"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.json", "checkpoint.pt"]
    assert RunDirectory(tmp_path).checkpoint_step() == 2


def test_a_damaged_checkpoint_is_set_aside_for_the_next_attempt(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.path.write_bytes(b"half a file")
    with pytest.raises(UnreadableCheckpoint, match="is damaged and was set aside"):
        checkpoints.load("cpu")
    assert checkpoints.load("cpu") is None


def test_a_checkpoint_of_another_version_is_set_aside_too(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    torch.save({"step": 3, "optimizer": {}}, checkpoints.path)
    with pytest.raises(UnreadableCheckpoint, match="another version"):
        checkpoints.load("cpu")
    assert (tmp_path / "checkpoint.unreadable").exists()


def test_checkpoints_take_their_share_of_the_time_and_no_more() -> None:
    now = 0.0
    budget = SaveBudget(lambda: now)
    assert budget.allows(members=32), "the first costs nothing yet"
    with budget:
        now += 0.5
    now += 9.5
    assert not budget.allows(members=1)
    now += 1.0
    assert budget.allows(members=1)
    assert not budget.allows(members=2)
