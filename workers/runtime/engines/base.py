"""K copies of one architecture as one program: the interface that every engine offers, the serial one too.

The parameters of member k are row k of one matrix ``weights`` [K, P], so that an optimiser is a handful of kernels and
taking members out or in is indexing. `layout` says which columns are which parameter.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import torch
from torch import Tensor, nn

StateDict = dict[str, Tensor]


class NotStackable(Exception):
    """This engine cannot train these models as one: the message says what stands in the way."""


@dataclass(frozen=True)
class Slot:
    """Where one parameter lies in a row of the weights.

    Attributes:
        name: as in the model's state dict.
        shape: of one member's parameter.
        start: first column.
        decays: whether weight decay applies (guide, stage 4: not to biases and norm layers).
    """

    name: str
    shape: torch.Size
    start: int
    decays: bool

    @property
    def columns(self) -> slice:
        return slice(self.start, self.start + self.shape.numel())


def layout(model: nn.Module) -> tuple[Slot, ...]:
    """Return the slots of a model's trainable parameters, in the model's order."""
    slots, start = [], 0
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            slots.append(Slot(name, parameter.shape, start, decays=parameter.ndim > 1))
            start += parameter.numel()
    return tuple(slots)


def filled(pattern: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Return a copy of `pattern` with the numbers of `tensors`, which has every parameter and buffer by its name."""
    module = copy.deepcopy(pattern)
    with torch.no_grad():
        for name, tensor in chain(module.named_parameters(), module.named_buffers()):
            tensor.copy_(tensors[name])
    return module


class StackedModel(ABC):
    """K models of one architecture. Values, not identity: `select` and `join` return new stacks.

    Attributes:
        slots: layout of a row of `weights`.
        weights: [K, P], contiguous, no gradient; written in place by the optimiser. `forward` computes with views.
        generators: per member, what its dropout draws from (see `workers.runtime.dropout`).
    """

    slots: tuple[Slot, ...]
    weights: Tensor
    generators: list[torch.Generator]

    @classmethod
    @abstractmethod
    def stack(cls, models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> Self:
        """Return the stack of `models` (copied, on their device).

        Raises:
            NotStackable: a layer or an operation that this engine has no stacked form for.
        """

    @property
    def width(self) -> int:
        return len(self.weights)

    @abstractmethod
    def train(self, *, mode: bool = True) -> None:
        """Switch dropout and batch norm between training and evaluation, for all members."""

    @abstractmethod
    def forward(self, inputs: Tensor, *, shared: bool) -> Tensor:
        """Return outputs [K, B, classes].

        Args:
            inputs: [B, ...] where all members see one batch (`shared`), otherwise [K, B, ...].
            shared: the first layer is then one plain operator over all members' weights.

        Raises:
            NotStackable: as an engine may find out only now, before it changes anything.
        """

    @abstractmethod
    def gradients(self, losses: Tensor) -> Tensor:
        """Return d losses[k] / d weights[k], [K, P] and contiguous, after a `forward` in training mode.

        The next call may write into the same memory.

        Args:
            losses: [K], each from its own member's outputs. One that is not finite leaves other rows as they were.
        """

    @abstractmethod
    def select(self, members: Sequence[int]) -> Self:
        """Return a stack of these members, in this order, with copies of their weights and buffers."""

    @abstractmethod
    def join(self, other: Self) -> Self:
        """Return a stack of this one's members and then the other's."""

    @abstractmethod
    def unstacked(self, pattern: nn.Module) -> list[nn.Module]:
        """Return every member's model as it would be alone, buffers outside the state dict included.

        They are there to be stacked under another engine, which copies them; training them may train this stack.

        Args:
            pattern: a model of this architecture, on the stack's device.
        """

    @abstractmethod
    def state_dict(self, member: int) -> StateDict:
        """Return a copy of what ``state_dict()`` of that member's model alone would be, in the same order."""

    @abstractmethod
    def load_state_dict(self, member: int, state: Mapping[str, Tensor]) -> None:
        """Set one member's parameters and buffers."""
