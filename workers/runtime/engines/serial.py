"""One model after its own program: the plain module, its parameters being views into the one row of weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Self

import torch
from torch import Tensor, nn

from workers.runtime.engines.base import NotStackable, StackedModel, StateDict, layout

IMAGES = 4
"""Dimensions of a batch of images: [B, channels, height, width]."""


class SerialModel(StackedModel):
    """A stack of one. It trains any module, since it changes nothing about how the module computes.

    Random numbers (dropout of whatever kind) come from torch's default generator, as ever: during a training forward
    it stands where the member's own generator does, and is put back afterwards.
    """

    def __init__(self, module: nn.Module, generator: torch.Generator) -> None:
        self.module = module
        self.slots = layout(module)
        self.generators = [generator]
        self._parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.weights = torch.cat([parameter.detach().flatten() for parameter in self._parameters])[None]
        for slot, parameter in zip(self.slots, self._parameters, strict=True):
            parameter.data = self.weights[0, slot.columns].view(slot.shape)
        self._gradients = torch.empty_like(self.weights)
        self._draws = True

    @classmethod
    def stack(cls, models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> Self:
        if len(models) != 1:
            raise NotStackable(f"a serial engine trains one model at a time, not {len(models)}")
        return cls(copy.deepcopy(models[0]), generators[0])

    def train(self, *, mode: bool = True) -> None:
        self.module.train(mode)

    def forward(self, inputs: Tensor, *, shared: bool) -> Tensor:
        batch = inputs if shared else inputs[0]
        if not (self.module.training and self._draws):
            return self._outputs(batch)[None]
        generator = self.generators[0]
        before = generator.get_state()
        with drawing_from(generator):
            outputs = self._outputs(batch)
        # Exchanging the generators costs microseconds: a model without randomness is spared them after its first step.
        self._draws = not torch.equal(before, generator.get_state())
        return outputs[None]

    def gradients(self, losses: Tensor) -> Tensor:
        # A parameter that took no part has no say in the loss: its gradient is zero.
        found = torch.autograd.grad(losses.sum(), self._parameters, materialize_grads=True)
        # Into the same memory each time: fresh pages for it cost a ResNet-18 a tenth of its step on a CPU.
        torch.cat([gradient.flatten() for gradient in found], out=self._gradients[0])
        return self._gradients

    def select(self, members: Sequence[int]) -> Self:
        return self.stack([self.module for _ in members], [self.generators[member] for member in members])

    def join(self, other: Self) -> Self:
        raise NotStackable(f"a serial engine trains one model at a time, not {self.width + other.width}")

    def state_dict(self, member: int) -> StateDict:  # noqa: ARG002 (there is one)
        return {name: value.detach().clone() for name, value in self.module.state_dict().items()}

    def load_state_dict(self, member: int, state: Mapping[str, Tensor]) -> None:  # noqa: ARG002
        self.module.load_state_dict(state)

    def _outputs(self, batch: Tensor) -> Tensor:
        outputs: Tensor = self.module(batch)
        return outputs


class ChannelsLastModel(SerialModel):
    """The same with images in channels-last memory, in which the layers go on: faster convolutions on many devices.

    The weights stay as they are, so that a row of them, and the optimiser's state, means the same in every engine.
    """

    def _outputs(self, batch: Tensor) -> Tensor:
        return super()._outputs(_channels_last(batch) if batch.ndim == IMAGES else batch)


def _channels_last(images: Tensor) -> Tensor:
    """Return `images` [B, C, H, W] with the strides of channels-last memory, grey ones too, whose memory is both."""
    _, channels, height, width = images.shape
    arranged = images.contiguous(memory_format=torch.channels_last)
    return arranged.as_strided(images.shape, (channels * height * width, 1, channels * width, channels))


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
