"""A value of K models at once: a tensor, and where in it the members lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import torch
from torch import Tensor

from workers.runtime.engines.base import NotStackable

Axis = Literal[0, 1]


class Form(Enum):
    """How the tensor holds what K models alone would hold as tensors of one shape.

    The folded form is what grouped convolution, batch norm over K*C channels and pooling want; the stacked one is what
    ``bmm`` wants. Operations keep the form that they find, and convert only where they must.
    """

    SHARED = "[B, ...]: the same for all members, and free of their parameters"
    FOLDED = "[B, K*C, ...]: the members' channels side by side"
    STACKED = "[K, ...]: one member after the other"


@dataclass(slots=True)
class Value:
    """Never changed once made; not frozen because making one is on the path of every step.

    Attributes:
        tensor: the numbers of all members.
        form: how they lie.
        width: K.
    """

    tensor: Tensor
    form: Form
    width: int

    @property
    def shape(self) -> torch.Size:
        """The shape of one member's tensor, which is all that the model's own code may see."""
        match self.form:
            case Form.SHARED:
                return self.tensor.shape
            case Form.STACKED:
                return self.tensor.shape[1:]
            case Form.FOLDED:
                batch, channels, *rest = self.tensor.shape
                return torch.Size((batch, channels // self.width, *rest))

    @property
    def ndim(self) -> int:
        return self.tensor.ndim - 1 if self.form is Form.STACKED else self.tensor.ndim

    def expect(self, ndim: int) -> None:
        """Raise NotStackable unless a member's tensor has so many axes."""
        if self.ndim != ndim:
            raise NotStackable(f"an input with {self.ndim} axes where {ndim} are expected, the batch among them")

    def stacked(self) -> Tensor:
        """Return [K, *shape], always a view."""
        match self.form:
            case Form.SHARED:
                return self.tensor.expand(self.width, *self.tensor.shape)
            case Form.STACKED:
                return self.tensor
            case Form.FOLDED:
                return self._unfolded().transpose(0, 1)

    def folded(self) -> Tensor:
        """Return [B, K*C, ...], a copy unless the members' channels already lie side by side."""
        match self.form:
            case Form.SHARED:
                return self.tensor.unsqueeze(1).expand(-1, self.width, *self.tensor.shape[1:]).flatten(1, 2)
            case Form.STACKED:
                return self.tensor.transpose(0, 1).flatten(1, 2)
            case Form.FOLDED:
                return self.tensor

    def apart(self) -> Apart:
        """Return the tensor with the members on an axis of their own, in the order in which they lie in memory."""
        return Apart(self._unfolded(), 1) if self.form is Form.FOLDED else Apart(self.stacked(), 0)

    def like(self, tensor: Tensor) -> Value:
        """Return `tensor` as a value of this one's form and width."""
        return Value(tensor, self.form, self.width)

    def map(self, function: Callable[[Tensor], Tensor]) -> Value:
        """Apply what treats every element alike, whatever the form."""
        return Value(function(self.tensor), self.form, self.width)

    def _unfolded(self) -> Tensor:
        batch, channels, *rest = self.tensor.shape
        return self.tensor.view(batch, self.width, channels // self.width, *rest)


@dataclass(slots=True)
class Apart:
    """A tensor whose axis `at` (0 or 1) counts the members; the other axes are those of one member's tensor."""

    tensor: Tensor
    at: Axis

    def dim(self, dim: int) -> int:
        """Return where this axis (not negative) of a member's tensor lies here."""
        return dim + 1 if dim >= self.at else dim

    def together(self, tensor: Tensor | None = None) -> Value:
        """Return this, or a `tensor` with the members on the same axis, as a value; never copies."""
        tensor = self.tensor if tensor is None else tensor
        width = tensor.shape[self.at]
        if self.at == 0:
            return Value(tensor, Form.STACKED, width)
        if tensor.ndim > 2 and _mergeable(tensor):  # noqa: PLR2004, the axes of batch, members and channels
            return Value(tensor.flatten(1, 2), Form.FOLDED, width)
        return Value(tensor.transpose(0, 1), Form.STACKED, width)


def stack(tensor: Tensor) -> Value:
    """Return [K, ...] as a value."""
    return Value(tensor, Form.STACKED, len(tensor))


def fold(tensor: Tensor, width: int) -> Value:
    """Return [B, K*C, ...] as a value."""
    return Value(tensor, Form.FOLDED, width)


def _mergeable(tensor: Tensor) -> bool:
    """Say whether axes 1 and 2 can be flattened into one without a copy."""
    return tensor.shape[1] == 1 or tensor.stride(1) == tensor.shape[2] * tensor.stride(2)
