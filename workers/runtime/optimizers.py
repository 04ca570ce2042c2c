"""The optimisers a study can name, over the weights [K, P] of a stack: every member with its own rates.

The numbers of each row are those of `torch.optim` on that member's model alone, with the guide's rule of what decays
(stage 4: `Slot.decays`). A row is computed from itself alone: NaN in one leaves the others bit for bit as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from studies.contract.study_file import OptimizerName
from workers.runtime.engines.base import Slot, StackedModel

ADAM_BETAS = (0.9, 0.999)
RMSPROP_ALPHA = 0.99
EPSILON = 1e-8
"""What `torch.optim` takes where nothing else is said."""

State = dict[str, Tensor]


class ForeignState(ValueError):
    """An optimiser's state does not belong to this optimiser and model: start the run without its checkpoint."""


@dataclass(frozen=True)
class Knobs:
    """What a member can have for itself at a step: tensors [K] of the weights' dtype, on their device.

    Attributes:
        lr: the learning rate of this step, schedule included.
        momentum: for sgd, nesterov and rmsprop; the adaptive adam and adamw keep their own averages and ignore it.
        weight_decay: 0 is off.
        clip_norm: longest gradient, as `workers.runtime.gradients.clipped` takes it; 0 is off.
        decays: False where it is known that no member has weight decay, which spares kernels.
        clips: likewise for `clip_norm`.
    """

    lr: Tensor
    momentum: Tensor
    weight_decay: Tensor
    clip_norm: Tensor
    decays: bool = True
    clips: bool = True

    @classmethod
    def of(
        cls,
        weights: Tensor,
        *,
        lr: Sequence[float],
        momentum: Sequence[float],
        weight_decay: Sequence[float],
        clip_norm: Sequence[float],
    ) -> Knobs:
        """Return the knobs of the K members of `weights`, brought to their device in one copy."""
        rows = torch.tensor([lr, momentum, weight_decay, clip_norm], dtype=weights.dtype)
        rates, momenta, decays, norms = rows.to(weights.device, non_blocking=True).unbind()
        return cls(rates, momenta, decays, norms, decays=any(weight_decay), clips=any(clip_norm))


class StackedOptimizer:
    """An optimiser of K members, which may have joined at different times.

    Attributes:
        name: as in the study file.
        decays: [P], 1 for columns that weight decay applies to, otherwise 0.
        averages: the optimiser's running averages by name, each [K, P].
        updates: int64 [K] on the CPU, updates that each member has had.
    """

    def __init__(self, name: OptimizerName, decays: Tensor, averages: State, updates: Tensor) -> None:
        self.name = name
        self.decays = decays
        self.averages = averages
        self.updates = updates

    @classmethod
    def create(cls, name: OptimizerName, model: StackedModel) -> StackedOptimizer:
        """Return the optimiser of members that have had no update yet."""
        averages = {average: torch.zeros_like(model.weights) for average in _AVERAGES[name]}
        return cls(name, _decays(model.slots, model.weights), averages, torch.zeros(model.width, dtype=torch.int64))

    def step(self, weights: Tensor, gradients: Tensor, knobs: Knobs, moving: Tensor | None = None) -> None:
        """Update `weights` [K, P] in place.

        Args:
            weights: of the K members.
            gradients: [K, P], clipped and unscaled; left as they are.
            knobs: of the K members.
            moving: bool [K], members that take this update (`LossScale.unscaled`); None for all of them.
        """
        if moving is not None and not bool(moving.all()):
            self._step_some(weights, gradients, knobs, moving.nonzero().flatten().tolist())
            return
        self.updates += 1
        _UPDATES[self.name](self, weights, gradients, knobs)

    def select(self, members: Sequence[int]) -> StackedOptimizer:
        """Return the optimiser of these members, in this order, with copies of their state."""
        averages = {name: average[list(members)] for name, average in self.averages.items()}
        return StackedOptimizer(self.name, self.decays, averages, self.updates[list(members)])

    def join(self, other: StackedOptimizer) -> StackedOptimizer:
        """Return the optimiser of this one's members and then the other's."""
        averages = {name: torch.cat([average, other.averages[name]]) for name, average in self.averages.items()}
        return StackedOptimizer(self.name, self.decays, averages, torch.cat([self.updates, other.updates]))

    def state(self, member: int) -> State:
        """Return a copy of one member's state: ``updates`` and its averages, each [P]."""
        averages = {name: average[member].clone() for name, average in self.averages.items()}
        return {"updates": self.updates[member].clone(), **averages}

    def load_state(self, member: int, state: Mapping[str, Tensor]) -> None:
        """Set one member's state to what `state` once returned, on whatever device it is now.

        Raises:
            ForeignState: it is of another optimiser or model.
        """
        expected = {"updates": torch.Size(), **{name: row[member].shape for name, row in self.averages.items()}}
        if {name: value.shape for name, value in state.items()} != expected:
            raise ForeignState(f"the state saved is not that of {self.name} for this model: it has {', '.join(state)}")
        self.updates[member] = state["updates"]
        for name, average in self.averages.items():
            average[member] = state[name]

    def _step_some(self, weights: Tensor, gradients: Tensor, knobs: Knobs, members: Sequence[int]) -> None:
        """Update some members alone; the others' weights and state are not touched."""
        chosen = list(members)
        moved, rows = self.select(chosen), weights[chosen]
        rates = (knobs.lr[chosen], knobs.momentum[chosen], knobs.weight_decay[chosen], knobs.clip_norm[chosen])
        moved.step(rows, gradients[chosen], Knobs(*rates, decays=knobs.decays))
        weights[chosen] = rows
        self.updates[chosen] = moved.updates
        for name, average in self.averages.items():
            average[chosen] = moved.averages[name]


def _decays(slots: Sequence[Slot], weights: Tensor) -> Tensor:
    decays = torch.zeros_like(weights[0])
    for slot in slots:
        decays[slot.columns] = float(slot.decays)
    return decays


def _sgd(optimizer: StackedOptimizer, weights: Tensor, gradients: Tensor, knobs: Knobs) -> None:
    # From zero the first velocity is the gradient, as torch has it.
    velocity = optimizer.averages["velocity"]
    torch.addcmul(_with_l2(optimizer, weights, gradients, knobs), velocity, _column(knobs.momentum), out=velocity)
    weights.addcmul_(velocity, -_column(knobs.lr))


def _nesterov(optimizer: StackedOptimizer, weights: Tensor, gradients: Tensor, knobs: Knobs) -> None:
    velocity, momentum = optimizer.averages["velocity"], _column(knobs.momentum)
    gradients = _with_l2(optimizer, weights, gradients, knobs)
    torch.addcmul(gradients, velocity, momentum, out=velocity)
    weights.addcmul_(torch.addcmul(gradients, velocity, momentum), -_column(knobs.lr))


def _adam(optimizer: StackedOptimizer, weights: Tensor, gradients: Tensor, knobs: Knobs) -> None:
    _adam_update(optimizer, weights, _with_l2(optimizer, weights, gradients, knobs), knobs)


def _adamw(optimizer: StackedOptimizer, weights: Tensor, gradients: Tensor, knobs: Knobs) -> None:
    if knobs.decays:
        weights.mul_(1 - _column(knobs.lr * knobs.weight_decay) * optimizer.decays)
    _adam_update(optimizer, weights, gradients, knobs)


def _adam_update(optimizer: StackedOptimizer, weights: Tensor, gradients: Tensor, knobs: Knobs) -> None:
    mean, square = optimizer.averages["mean"], optimizer.averages["square"]
    mean.lerp_(gradients, 1 - ADAM_BETAS[0])
    square.mul_(ADAM_BETAS[1]).addcmul_(gradients, gradients, value=1 - ADAM_BETAS[1])
    mean_bias, root_bias = _adam_biases(optimizer.updates).to(weights)
    spread = square.sqrt().div_(_column(root_bias)).add_(EPSILON)
    weights.addcmul_(torch.div(mean, spread, out=spread), -_column(knobs.lr / mean_bias))


def _adam_biases(updates: Tensor) -> Tensor:
    """Return [2, K] on the CPU: by how much the averages of gradients, and of squares under the root, fall short."""
    first, second = (1 - beta ** updates.double() for beta in ADAM_BETAS)
    return torch.stack([first, second.sqrt()])


def _rmsprop(optimizer: StackedOptimizer, weights: Tensor, gradients: Tensor, knobs: Knobs) -> None:
    square, velocity = optimizer.averages["square"], optimizer.averages["velocity"]
    gradients = _with_l2(optimizer, weights, gradients, knobs)
    square.mul_(RMSPROP_ALPHA).addcmul_(gradients, gradients, value=1 - RMSPROP_ALPHA)
    velocity.mul_(_column(knobs.momentum)).addcdiv_(gradients, square.sqrt().add_(EPSILON))
    weights.addcmul_(velocity, -_column(knobs.lr))


def _with_l2(optimizer: StackedOptimizer, weights: Tensor, gradients: Tensor, knobs: Knobs) -> Tensor:
    """Weight decay as the gradient of a penalty: what all but adamw do."""
    if not knobs.decays:
        return gradients
    return torch.addcmul(gradients, weights * optimizer.decays, _column(knobs.weight_decay))


def _column(values: Tensor) -> Tensor:
    """Values [K] as [K, 1], one for each row."""
    return values[:, None]


_AVERAGES: dict[OptimizerName, tuple[str, ...]] = {
    "sgd": ("velocity",),
    "nesterov": ("velocity",),
    "adam": ("mean", "square"),
    "adamw": ("mean", "square"),
    "rmsprop": ("square", "velocity"),
}

_UPDATES: dict[OptimizerName, Callable[[StackedOptimizer, Tensor, Tensor, Knobs], None]] = {
    "sgd": _sgd,
    "nesterov": _nesterov,
    "adam": _adam,
    "adamw": _adamw,
    "rmsprop": _rmsprop,
}
