"""K models with all that trains them, and the one update that serves every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from studies.contract.packing import Engine
from studies.contract.study_file import OptimizerName
from studies.contract.worker_protocol import RunSpec
from workers.objectives.task import Task
from workers.runtime.engines import stack
from workers.runtime.engines.base import NotStackable, StackedModel
from workers.runtime.gradients import LossScale, clipped
from workers.runtime.optimizers import Knobs, StackedOptimizer
from workers.runtime.precision import Arithmetic, arithmetic


@dataclass(frozen=True)
class Batch:
    """Batches of K members: one for all (``shared``: inputs [B, ...], targets [B]), or [K, B, ...] and [K, B]."""

    inputs: Tensor
    targets: Tensor
    shared: bool


@dataclass(frozen=True)
class Recipe:
    """What runs of one class share: how they compute, and what with."""

    optimizer: OptimizerName
    arithmetic: Arithmetic
    device: str

    @classmethod
    def of(cls, run: RunSpec, device: str) -> Self:
        return cls(run.optimizer, arithmetic(run.precision), device)

    @property
    def dtype(self) -> torch.dtype:
        """Of weights, inputs, outputs and losses."""
        return self.arithmetic.dtype

    def outputs(self, model: StackedModel, batch: Batch) -> Tensor:
        """Return [K, B, classes] of a forward of `model`."""
        with self.arithmetic.autocast(self.device):
            outputs = model.forward(batch.inputs, shared=batch.shared)
        return outputs.to(self.dtype)


class Cohort:
    """Models, optimiser state and loss scales of K members, row by row. `select` and `join` return new cohorts."""

    def __init__(
        self,
        recipe: Recipe,
        tasks: tuple[Task, ...],
        model: StackedModel,
        optimizer: StackedOptimizer,
        scale: LossScale | None,
        *,
        engine: Engine,
        pattern: nn.Module,
    ) -> None:
        self.recipe = recipe
        self.engine = engine
        self.tasks = tasks
        self._pattern = pattern
        self.model = model
        self._optimizer = optimizer
        self._scale = scale
        self._knobs = self._knobs_of_params()
        self._label_smoothing = self._label_smoothing_of_params()
        self._rates: Sequence[float] = ()

    @classmethod
    def create(
        cls,
        recipe: Recipe,
        engine: Engine,
        tasks: Sequence[Task],
        models: Sequence[nn.Module],
        generators: Sequence[torch.Generator],
    ) -> Self:
        """Return the cohort of these models, in training mode, before their first update.

        Raises:
            NotStackable: `engine` cannot train these models, or these tasks' losses, as one.
        """
        model = _stacked(engine, tasks, models, generators)
        scale = LossScale.create(len(models), recipe.device) if recipe.arithmetic.scaled else None
        optimizer = StackedOptimizer.create(recipe.optimizer, model)
        return cls(recipe, tuple(tasks), model, optimizer, scale, engine=engine, pattern=models[0])

    def __len__(self) -> int:
        return len(self.tasks)

    def update(self, batch: Batch, rates: Sequence[float]) -> Tensor:
        """Take one step of every member, at these learning rates.

        Returns:
            Losses and shares of hits in the batch, [2, K], left on the device.
        """
        outputs = self.recipe.outputs(self.model, batch)
        losses = self.losses(outputs, batch.targets)
        self._descend(losses, self._knobs_at(rates))
        hits = (outputs.detach().argmax(-1) == batch.targets).mean(-1, dtype=losses.dtype)
        return torch.stack([losses.detach(), hits])

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return each member's training loss, [K]."""
        if self.tasks[0].stackable():
            return self.tasks[0].losses(outputs, targets, self._label_smoothing)
        own = targets.expand(outputs.shape[:-1])
        return torch.stack([task.loss(*member) for task, *member in zip(self.tasks, outputs, own, strict=True)])

    def _descend(self, losses: Tensor, knobs: Knobs) -> None:
        if self._scale is None:
            gradients, moving = self.model.gradients(losses), None
        else:
            gradients, moving = self._scale.unscaled(self.model.gradients(self._scale.scaled(losses)))
            self._scale = self._scale.updated(moving)
        if knobs.clips:
            gradients = clipped(gradients, knobs.clip_norm)
        self._optimizer.step(self.model.weights, gradients, knobs, moving)

    def _knobs_at(self, rates: Sequence[float]) -> Knobs:
        if rates != self._rates:
            lr = torch.tensor(rates, dtype=self.recipe.dtype).to(self.recipe.device, non_blocking=True)
            self._knobs, self._rates = replace(self._knobs, lr=lr), rates
        return self._knobs

    def _knobs_of_params(self) -> Knobs:
        return Knobs.of(
            self.model.weights,
            lr=self._column("lr"),
            momentum=self._column("momentum"),
            weight_decay=self._column("weight_decay"),
            clip_norm=self._column("clip_norm"),
        )

    def _label_smoothing_of_params(self) -> Tensor | None:
        smoothing = self._column("label_smoothing")
        return torch.tensor(smoothing, dtype=self.recipe.dtype, device=self.recipe.device) if any(smoothing) else None

    def _column(self, name: str) -> list[float]:
        """Each member's value of a hyperparameter; regularisers are off where absent (guide, section 0)."""
        return [float(task.params.get(name, 0.0)) for task in self.tasks]

    # --- members -------------------------------------------------------------------------------------------------

    def select(self, members: Sequence[int]) -> Self:
        tasks = tuple(self.tasks[member] for member in members)
        scale = self._scale and self._scale.select(members)
        model, optimizer = self.model.select(members), self._optimizer.select(members)
        return self._with(tasks, model, optimizer, scale)

    def join(self, other: Self) -> Self:
        scale = self._scale.join(other._scale) if self._scale and other._scale else None
        model, optimizer = self.model.join(other.model), self._optimizer.join(other._optimizer)
        return self._with(self.tasks + other.tasks, model, optimizer, scale)

    def under(self, engine: Engine) -> Self:
        """Return these members, exactly as they stand, in the hands of another engine.

        Raises:
            NotStackable: it cannot train them; they are as they were.
        """
        model = _stacked(engine, self.tasks, self.models(), self.model.generators)
        return self._with(self.tasks, model, self._optimizer, self._scale, engine)

    def _with(
        self,
        tasks: tuple[Task, ...],
        model: StackedModel,
        optimizer: StackedOptimizer,
        scale: LossScale | None,
        engine: Engine | None = None,
    ) -> Self:
        engine = engine or self.engine
        return type(self)(self.recipe, tasks, model, optimizer, scale, engine=engine, pattern=self._pattern)

    def models(self) -> list[nn.Module]:
        """Return every member's model alone, to be looked at or copied."""
        return self.model.unstacked(self._pattern)

    def state(self, member: int) -> dict[str, Any]:
        """Return a copy of one member's state for its checkpoint: the same whatever the engine."""
        return {
            "model": self.model.state_dict(member),
            "optimizer": self._optimizer.state(member),
            "scale": self._scale.state(member) if self._scale else {},
        }

    def load_state(self, member: int, state: Mapping[str, Any]) -> None:
        """Bring one member's optimiser, and loss scale, to where `state` left them."""
        self._optimizer.load_state(member, state["optimizer"])
        if self._scale and state["scale"]:
            self._scale.load_state(member, state["scale"])


def _stacked(
    engine: Engine, tasks: Sequence[Task], models: Sequence[nn.Module], generators: Sequence[torch.Generator]
) -> StackedModel:
    if not (engine.startswith("serial") or tasks[0].stackable()):
        kind = type(tasks[0]).__name__
        raise NotStackable(f"{kind} says its own loss and no losses: write losses() to train its runs as one")
    model = stack(engine, models, generators)
    model.train()
    return model
