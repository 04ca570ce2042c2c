"""One member of a pack: its run, its place in it, its batches, and what it leaves in its own run directory."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from studies.contract.worker_protocol import RunSpec
from studies.core import schedules
from workers.objectives.task import Data, Task, batch_order
from workers.runtime.checkpoint import Checkpoints, SaveBudget, State
from workers.runtime.cohort import Batch, Cohort, Recipe
from workers.runtime.recorder import Recorder
from workers.runtime.run_context import RunContext
from workers.runtime.seeding import own_generator, random_state, restore_random_state, seed_everything

LOG = "run.log"
"""The run's own log, in its directory: standard output is the pack's."""


@dataclass(frozen=True, eq=False)
class Start:
    """Where a run begins or goes on.

    Attributes:
        model: initialised, or as the checkpoint has it, on the device.
        generator: what the model's dropout draws from.
        checkpoint: what else it has; None for a run from step 0.
    """

    model: nn.Module
    generator: torch.Generator
    checkpoint: State | None


class Member:
    """A run and its place in it: ``step`` is the number of completed updates."""

    def __init__(self, context: RunContext, task: Task, data: Data) -> None:
        self.context = context
        self.task = task
        self.recorder = Recorder(context.reporter)
        self.step = 0
        self.data = data
        self._checkpoints = Checkpoints(context.directory)
        self._peak = float(self.run.params["lr"])
        self._order = batch_order(data.train, int(self.run.params.get("batch_size", 64)), self.run.seed)
        self._budget = SaveBudget()
        self._began, self._first = time.monotonic(), 0

    @property
    def run(self) -> RunSpec:
        return self.context.run

    # --- beginning -----------------------------------------------------------------------------------------------

    def start(self, recipe: Recipe) -> Start:
        """Build the model exactly as alone, and bring it and the step to the checkpoint if there is one.

        Raises:
            UnreadableCheckpoint: the checkpoint cannot be read; it was set aside.
        """
        seed_everything(self.run.seed)
        model = self.task.model(self.data).to(recipe.device, recipe.dtype)
        generator = own_generator(recipe.device)
        checkpoint = self._checkpoints.load(recipe.device)
        if checkpoint is not None:
            model.load_state_dict(checkpoint["model"])
            restore_random_state(generator, checkpoint["random"])
        self.step = int(checkpoint["step"]) if checkpoint else 0
        return Start(model, generator, checkpoint)

    def announce(self, start: Start) -> None:
        """Tell from which step this attempt goes on."""
        self._began, self._first = time.monotonic(), self.step
        if start.checkpoint is None:
            self.recorder.begin()
        else:
            self.recorder.resume(start.checkpoint["history"], self.step, self.context.delivered)

    # --- being under way -----------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        return self.step >= self.run.num_steps

    @property
    def evaluates(self) -> bool:
        """Whether the model is judged on the dev set after the update just completed."""
        return self.step % self.run.evaluate_every == 0 or self.over

    def lr(self) -> float:
        """Return the rate of the next update, whose index is the number of those completed."""
        return schedules.lr(self.run.schedule, self._peak, self.step)

    def indices(self) -> torch.Tensor:
        """Return which samples the next update sees, int64 [B]."""
        return self._order(self.step)

    def shares_batch_with(self, other: Member) -> bool:
        return (self.run.seed, self.step) == (other.run.seed, other.step)

    # --- the run directory ---------------------------------------------------------------------------------------

    def evaluated(self, dev: Mapping[str, float]) -> None:
        self.recorder.evaluated(self.step, dev)
        seconds = (time.monotonic() - self._began) / max(1, self.step - self._first)
        figures = "  ".join(f"{name} {value:.4f}" for name, value in dev.items())
        with (self.context.directory / LOG).open("a") as log:
            log.write(f"step {self.step:>6}/{self.run.num_steps}  {figures}  {seconds * 1000:.1f} ms/step\n")

    def save(self, cohort: Cohort, row: int) -> None:
        """Write the checkpoint of where the run stands; the same whatever engine trains it."""
        with self._budget:
            generator = cohort.model.generators[row]
            state = {"step": self.step, **cohort.state(row), "random": random_state(generator)}
            self._checkpoints.save({**state, "history": self.recorder.history()})

    def judged(self, dev: Mapping[str, float], cohort: Cohort, row: int) -> None:
        """Take the figures of a dev evaluation, and save where that is due.

        Raises:
            OSError: the run's directory cannot be written.
        """
        self.evaluated(dev)
        self.save_if_worthwhile(cohort, row)

    def save_if_worthwhile(self, cohort: Cohort, row: int) -> None:
        """Save after the last update, and otherwise only as often as costs little beside the training."""
        if self.over or self._budget.allows(len(cohort)):
            self.save(cohort, row)


def next_batch(members: Sequence[Member], dtype: torch.dtype) -> Batch:
    """Return the batches of the members' next updates: one where all see the same, otherwise one gather for all."""
    first = members[0]
    train = first.data.train
    if all(member.shares_batch_with(first) for member in members):
        inputs, targets = train.batch(first.indices())
        return Batch(inputs.to(dtype), targets, shared=True)
    indices = torch.stack([member.indices() for member in members])
    inputs, targets = train.batch(indices.flatten())
    inputs = inputs.to(dtype).reshape(*indices.shape, *inputs.shape[1:])
    return Batch(inputs, targets.reshape(indices.shape), shared=False)
