"""The self-check of a pack: the first step of the stack against the same step of every member alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workers.runtime.engines.base import StackedModel
from workers.runtime.engines.serial import SerialModel
from workers.runtime.precision import Arithmetic

Losses = Callable[[Tensor, Sequence[int]], Tensor]
"""From outputs [k, B, classes] of these k members, by their places in the pack, to their training losses [k]."""

Figures = dict[str, Tensor]
"""What one member's step computed, by name."""


NOISE_MARGIN = 4.0
"""Rounding every weight once changes a step about as much as computing it in another order; this often is allowed."""


def disagreement(
    stacked: StackedModel,
    models: Sequence[nn.Module],
    inputs: Tensor,
    losses: Losses,
    numbers: Arithmetic,
    *,
    shared: bool,
) -> str | None:
    """Compare outputs, losses, gradients and batch-norm statistics of a first step, and an evaluation of its batch.

    It changes nothing: all is copied. Under mixed precision it also compares without, where less hides in rounding.

    Args:
        stacked: the stack of `models`, as it was made of them.
        models: of the members, alone.
        inputs: of the first step, as `StackedModel.forward` takes them.
        losses: the training losses of some members, from their outputs.
        numbers: what the pack computes in: how far two correct programs may be apart.
        shared: whether all members see one batch.

    Returns:
        Who differs, in what and by how much, as a sentence; None where every member does what it does alone.

    Raises:
        NotStackable: the engine cannot run these models at all, as its first forward shows.
    """
    check = _Check(stacked, models, inputs, losses, shared)
    for each in dict.fromkeys([Arithmetic(numbers.dtype), numbers]):
        if sentence := check.disagreement(each):
            return sentence
    return None


@dataclass(frozen=True)
class _Check:
    stacked: StackedModel
    models: Sequence[nn.Module]
    inputs: Tensor
    losses: Losses
    shared: bool

    def disagreement(self, numbers: Arithmetic) -> str | None:
        usual = tolerance(numbers, self.stacked.weights.device)
        for member, found in enumerate(self._together(numbers)):
            alone = self._alone(member, numbers)
            unusual = {name: apart for name, apart in _differences(found, alone) if apart > usual}
            explained = self._noise(member, alone, numbers) if unusual else {}
            for name, apart in unusual.items():
                allowed = max(usual, NOISE_MARGIN * explained[name])
                if apart > allowed:
                    return (
                        f"the first step of member {member} is not what it is alone: its {name} differ by {apart:.2g} "
                        f"of the largest of them, where rounding explains {allowed:.2g}"
                    )
        return None

    def _together(self, numbers: Arithmetic) -> list[Figures]:
        everyone = range(self.stacked.width)
        double = self.stacked.select(everyone)
        double.generators[:] = [generator.clone_state() for generator in self.stacked.generators]
        return self._first_step(double, everyone, self.inputs, numbers)

    def _alone(self, member: int, numbers: Arithmetic, relative_noise: float = 0.0) -> Figures:
        model = SerialModel.stack([self.models[member]], [self.stacked.generators[member].clone_state()])
        if relative_noise:
            draw = torch.Generator(model.weights.device).manual_seed(member)
            noise = torch.empty_like(model.weights).normal_(generator=draw)
            model.weights.mul_(1 + relative_noise * noise)
        inputs = self.inputs if self.shared else self.inputs[member : member + 1]
        return self._first_step(model, [member], inputs, numbers)[0]

    def _noise(self, member: int, alone: Figures, numbers: Arithmetic) -> dict[str, float]:
        """Return by how much rounding the weights changes what a member computes alone: deep models amplify it."""
        resolution = _resolution(numbers, self.stacked.weights.device)
        return dict(_differences(self._alone(member, numbers, relative_noise=resolution), alone))

    def _first_step(
        self, model: StackedModel, members: Sequence[int], inputs: Tensor, numbers: Arithmetic
    ) -> list[Figures]:
        """Return what a training step computes before the optimiser, and an evaluation after it; `model` moves on."""
        model.train()
        with numbers.autocast(str(model.weights.device)):
            outputs = model.forward(inputs, shared=self.shared)
        losses = self.losses(outputs.to(numbers.dtype), members)
        figures = {"outputs": outputs.detach(), "losses": losses.detach(), "gradients": model.gradients(losses)}
        model.train(mode=False)
        with numbers.autocast(str(model.weights.device)), torch.no_grad():
            figures["outputs in evaluation"] = model.forward(inputs, shared=self.shared)
        return [
            {**{name: figure[place] for name, figure in figures.items()}, "statistics": _statistics(model, place)}
            for place in range(len(members))
        ]


def tolerance(numbers: Arithmetic, device: torch.device) -> float:
    """Return how far apart, relative to the largest value, the results of two correct programs usually are at most.

    The root of the resolution is what is left of it after the cancellations of a backward through many layers.
    """
    return math.sqrt(_resolution(numbers, device))


def _resolution(numbers: Arithmetic, device: torch.device) -> float:
    if device.type == "cuda" and numbers.dtype is torch.float32 and torch.backends.cudnn.allow_tf32:
        return max(numbers.resolution, torch.finfo(torch.float16).eps)  # TF32 has as many digits.
    return numbers.resolution


def _statistics(model: StackedModel, member: int) -> Tensor:
    """Return a member's floating-point buffers one after the other: what a forward in training moves."""
    trained = {slot.name for slot in model.slots}
    kept = [value for name, value in model.state_dict(member).items() if name not in trained]
    moved = [value.flatten() for value in kept if value.is_floating_point()]
    return torch.cat(moved) if moved else torch.zeros(1)


def _differences(found: Figures, expected: Figures) -> Iterator[tuple[str, float]]:
    """Yield by name how far apart two results are, in units of the largest expected value."""
    for name, there in expected.items():
        here = found[name]
        same = (here == there) | (here.isnan() & there.isnan())
        apart = torch.where(same, 0.0, (here - there).abs()).max().item()
        largest = torch.where(there.isfinite(), there.abs(), 0.0).max().item()
        yield name, apart and (apart / largest if largest > 0 and math.isfinite(apart) else math.inf)
