"""A run as a specimen of its class: the ways to train it, built as the training loop builds them, ready to be timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from studies.contract.packing import Engine
from workers.objectives.task import Data, Task
from workers.packing.agenda import Candidate
from workers.packing.choice import RunLength
from workers.runtime.admission import check_first_step
from workers.runtime.cohort import Cohort, Recipe
from workers.runtime.evaluation import EVALUATION_SAMPLES, LEAST_BATCH, evaluate
from workers.runtime.footprint import Footprint
from workers.runtime.members import Member, next_batch
from workers.runtime.run_context import RunContext
from workers.runtime.seeding import own_generator, seed_everything

SMALL_RATE = 1e-6
"""Learning rate of the steps: nothing diverges, and what the weights are does not change how long a step takes."""


@dataclass(frozen=True, eq=False)
class Way:
    """One engine at one width, under way.

    Attributes:
        peak_bytes: memory of a process that trains in this way, an evaluation included.
    """

    cohort: Cohort
    members: Sequence[Member]
    peak_bytes: int = 0

    def steps(self, count: int) -> None:
        """Take steps as the loop does: batches, updates, and the losses read back after the last one."""
        for _ in range(count):
            batch = next_batch(self.members, self.cohort.recipe.dtype)
            readings = self.cohort.update(batch, [SMALL_RATE] * len(self.members))
            for member in self.members:
                member.step += 1
        readings.tolist()


class Specimen:
    """A run with its data on its device; nothing of it is reported or written.

    Attributes:
        length: of the run.
        convolutional: whether its model has convolutions over images.
    """

    def __init__(self, context: RunContext, task: Task, device: str) -> None:
        self._context = context
        self._task = task
        self._recipe = Recipe.of(context.run, device)
        seed_everything(context.run.seed)
        self._data = task.data()
        self.length = RunLength(context.run.num_steps, self._batch_size)
        self.convolutional = any(isinstance(layer, nn.Conv2d) for layer in self._model(context.run.seed)[0].modules())
        self._footprint = Footprint(device)

    def way(self, candidate: Candidate) -> Way:
        """Build a way and warm it up with one step and one forward of an evaluation.

        Every member has a seed, and so batches, of its own: the dearer case.

        Raises:
            NotStackable: this engine cannot train these models as one.
            torch.OutOfMemoryError: so many members do not fit.
        """
        self._footprint.restart()
        way, _ = self._built(candidate)
        way.steps(1)
        evaluate(way.cohort, range(candidate.width), self._one_forward(candidate.width))
        return replace(way, peak_bytes=self._footprint.peak())

    def check(self, engine: Engine) -> None:
        """Hold the first step of two members under `engine` against that of each alone.

        Raises:
            NotStackable: a member would not be the same run as alone.
        """
        way, models = self._built(Candidate(engine, 2))
        check_first_step(way.cohort, way.members, models)

    def _built(self, candidate: Candidate) -> tuple[Way, Sequence[nn.Module]]:
        """Return a way before its first step, and the models that it is made of."""
        seeds = [self._context.run.seed + index for index in range(candidate.width)]
        models, generators = zip(*map(self._model, seeds), strict=True)
        tasks = [self._task] * candidate.width
        cohort = Cohort.create(self._recipe, candidate.engine, tasks, models, generators)
        return Way(cohort, [self._member(seed) for seed in seeds]), models

    @property
    def _batch_size(self) -> int:
        return min(int(self._context.run.params.get("batch_size", 64)), len(self._data.train))

    def _one_forward(self, width: int) -> Data:
        """As much of the dev set as one forward of an evaluation takes: that is where its memory peaks."""
        dev, size = self._data.dev, max(LEAST_BATCH, EVALUATION_SAMPLES // width)
        return replace(self._data, dev=replace(dev, samples=dev.samples[:size], labels=dev.labels[:size]))

    def _member(self, seed: int) -> Member:
        run = self._context.run.model_copy(update={"seed": seed})
        return Member(replace(self._context, run=run), self._task, self._data)

    def _model(self, seed: int) -> tuple[nn.Module, torch.Generator]:
        seed_everything(seed)
        model = self._task.model(self._data).to(self._recipe.device, self._recipe.dtype)
        return model, own_generator(self._recipe.device)
