"""What the rules may know of the stack that they compute for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(slots=True)
class Members:
    """The state of K models.

    Attributes:
        width: K.
        tensors: [K, *shape] of every parameter and buffer, under every path by which the model knows it.
        generators: what each member's dropout draws from.
    """

    width: int
    tensors: dict[str, Tensor]
    generators: list[torch.Generator]


@dataclass(frozen=True, slots=True)
class Layer:
    """A module of the model, for its settings: its own tensors are empty shells.

    Attributes:
        module: what the model alone would call.
        path: its name in the model.
        training: whether the layer trains; in a model that trains it need not, if the model says so.
    """

    module: nn.Module
    path: str
    training: bool

    def tensor(self, members: Members, name: str) -> Tensor | None:
        """Return [K, *shape] of a parameter or buffer of this layer, None where it has none."""
        return members.tensors.get(f"{self.path}.{name}")

    def weight(self, members: Members) -> Tensor:
        """Return the weights [K, *shape] of a layer that cannot be without."""
        return members.tensors[f"{self.path}.weight"]
