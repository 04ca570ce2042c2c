"""A fused engine with its forward compiled: for long runs, since compiling one shape takes tens of seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from workers.runtime.engines.base import StackedModel, StateDict
from workers.runtime.engines.batched import BatchedModel
from workers.runtime.engines.vmapped import VmappedModel

SMALLEST = 4
"""Stacks are padded to this width or its doubles, so that members may come and go without compiling anew."""


class CompiledModel(StackedModel):
    """K members at the head of a padded stack, whose forward in training is compiled; evaluations are not worth it.

    Attributes:
        kind: the engine that is compiled.
        backend: of `torch.compile`.
    """

    kind: type[StackedModel]
    backend: str = "inductor"

    def __init__(self, members: StackedModel) -> None:
        width = members.width
        self._padded = members.select([*range(width), *([width - 1] * (padded_width(width) - width))])
        self._padded.generators[width:] = [each.clone_state() for each in self._padded.generators[width:]]
        self._compiled = torch.compile(self._padded.forward, dynamic=False, backend=self.backend)
        self._training = True
        self.slots = self._padded.slots
        self.weights = self._padded.weights[:width]
        self.generators = self._padded.generators[:width]

    @classmethod
    def stack(cls, models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> Self:
        return cls(cls.kind.stack(models, generators))

    def train(self, *, mode: bool = True) -> None:
        self._training = mode
        self._padded.train(mode=mode)

    def forward(self, inputs: Tensor, *, shared: bool) -> Tensor:
        self._padded.generators[: self.width] = self.generators
        if not shared:
            inputs = inputs[[*range(self.width), *([self.width - 1] * (self._padded.width - self.width))]]
        forward = self._compiled if self._training else self._padded.forward
        return forward(inputs, shared=shared)[: self.width]

    def gradients(self, losses: Tensor) -> Tensor:
        return self._padded.gradients(losses)[: self.width]

    def select(self, members: Sequence[int]) -> Self:
        return self._again(self._padded.select(members))

    def join(self, other: Self) -> Self:
        return self._again(self._members().join(other._members()))

    def unstacked(self, pattern: nn.Module) -> list[nn.Module]:
        return self._members().unstacked(pattern)

    def state_dict(self, member: int) -> StateDict:
        return self._padded.state_dict(member)

    def load_state_dict(self, member: int, state: Mapping[str, Tensor]) -> None:
        self._padded.load_state_dict(member, state)

    def _members(self) -> StackedModel:
        return self._padded.select(range(self.width))

    def _again(self, members: StackedModel) -> Self:
        again = type(self)(members)
        again.train(mode=self._training)
        return again


class CompiledBatched(CompiledModel):
    kind = BatchedModel


class CompiledVmapped(CompiledModel):
    kind = VmappedModel


def padded_width(width: int) -> int:
    """Return the width that a stack of `width` members is padded to: 4, 8, 16, 32, ..."""
    padded = SMALLEST
    while padded < width:
        padded *= 2
    return padded
