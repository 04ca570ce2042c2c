"""Models after their own programs, one after another: plain modules whose parameters are views into the weights."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Self

import torch
from torch import Tensor, nn

from workers.runtime.engines.base import NotStackable, StackedModel, StateDict, layout

IMAGES = 4
"""Dimensions of a batch of images: [B, channels, height, width]."""


class SerialModel(StackedModel):
    """A stack that computes in turn. It trains any module, since it changes nothing about how a module computes.

    Random numbers (dropout of whatever kind) come from torch's default generator, as ever: during a training forward
    it stands where the member's own generator does, and is put back afterwards.

    Args:
        modules: one for each member; they become the stack's own.
        generators: one for each member.
    """

    def __init__(self, modules: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> None:
        self.modules = list(modules)
        self.slots = layout(self.modules[0])
        self.generators = list(generators)
        owned = [_trainable(module) for module in self.modules]
        self.weights = torch.stack([torch.cat([each.detach().flatten() for each in own]) for own in owned])
        for row, own in zip(self.weights, owned, strict=True):
            for slot, parameter in zip(self.slots, own, strict=True):
                parameter.data = row[slot.columns].view(slot.shape)
        self._parameters = list(chain.from_iterable(owned))
        self._gradients = torch.empty_like(self.weights)
        self._draws = True

    @classmethod
    def stack(cls, models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> Self:
        if any(layout(model) != layout(models[0]) for model in models[1:]):
            raise NotStackable("the models differ in more than their weights")
        return cls([copy.deepcopy(model) for model in models], generators)

    def train(self, *, mode: bool = True) -> None:
        for module in self.modules:
            module.train(mode)

    def forward(self, inputs: Tensor, *, shared: bool) -> Tensor:
        batches = [inputs] * self.width if shared else inputs.unbind()
        if not (self.modules[0].training and self._draws):
            return _stacked(map(self._outputs, self.modules, batches))
        before = [generator.get_state() for generator in self.generators]
        outputs = _stacked(map(self._drawn, self.modules, batches, self.generators))
        # Exchanging the generators costs microseconds: a model without randomness is spared them after its first step.
        self._draws = not all(map(torch.equal, before, [generator.get_state() for generator in self.generators]))
        return outputs

    def gradients(self, losses: Tensor) -> Tensor:
        # A parameter that took no part has no say in the loss: its gradient is zero.
        found = torch.autograd.grad(losses.sum(), self._parameters, materialize_grads=True)
        # Into the same memory each time: fresh pages for it cost a ResNet-18 a tenth of its step on a CPU.
        torch.cat([gradient.flatten() for gradient in found], out=self._gradients.view(-1))
        return self._gradients

    def select(self, members: Sequence[int]) -> Self:
        modules, generators = zip(*((self.modules[member], self.generators[member]) for member in members), strict=True)
        return self.stack(modules, generators)

    def join(self, other: Self) -> Self:
        return self.stack([*self.modules, *other.modules], [*self.generators, *other.generators])

    def unstacked(self, pattern: nn.Module) -> list[nn.Module]:  # noqa: ARG002 (its own are what they were)
        return list(self.modules)

    def state_dict(self, member: int) -> StateDict:
        return {name: value.detach().clone() for name, value in self.modules[member].state_dict().items()}

    def load_state_dict(self, member: int, state: Mapping[str, Tensor]) -> None:
        self.modules[member].load_state_dict(state)

    def _outputs(self, module: nn.Module, batch: Tensor) -> Tensor:
        outputs: Tensor = module(batch)
        return outputs

    def _drawn(self, module: nn.Module, batch: Tensor, generator: torch.Generator) -> Tensor:
        with drawing_from(generator):
            return self._outputs(module, batch)


class ChannelsLastModel(SerialModel):
    """The same with images in channels-last memory, in which the layers go on: faster convolutions on many devices.

    The weights stay as they are, so that a row of them, and the optimiser's state, means the same in every engine.
    """

    def _outputs(self, module: nn.Module, batch: Tensor) -> Tensor:
        return super()._outputs(module, _channels_last(batch) if batch.ndim == IMAGES else batch)


def _channels_last(images: Tensor) -> Tensor:
    """Return `images` [B, C, H, W] with the strides of channels-last memory, grey ones too, whose memory is both."""
    _, channels, height, width = images.shape
    arranged = images.contiguous(memory_format=torch.channels_last)
    return arranged.as_strided(images.shape, (channels * height * width, 1, channels * width, channels))


def _stacked(outputs: Iterable[Tensor]) -> Tensor:
    """Return [K, ...] of K outputs; one alone is spared the kernel."""
    first, *others = outputs
    return torch.stack([first, *others]) if others else first[None]


def _trainable(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Let torch's default generator of the device stand for `generator`, which it moves on; then put it back."""
    default = _default_generator(generator.device)
    outside = default.get_state()
    default.set_state(generator.get_state())
    try:
        yield
    finally:
        generator.set_state(default.get_state())
        default.set_state(outside)


def _default_generator(device: torch.device) -> torch.Generator:
    if device.type == "cpu":
        return torch.default_generator
    return torch.cuda.default_generators[device.index or 0]
