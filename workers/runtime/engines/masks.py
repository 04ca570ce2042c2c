"""Dropout under vmap: a mask is an input like any other, drawn beforehand from each member's own generator.

Mapped code cannot draw from K generators. So a rehearsal of one member alone records what its dropouts draw, in order
(`recorded`); afterwards the same is drawn for every member (`masks_of`) and handed to the dropouts (`replayed`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workers.runtime.dropout import SeededDropout, keep_mask

Source = Callable[[Tensor, float], Tensor]
"""From features and a rate to the mask that they are multiplied with."""


class MaskedDropout(nn.Module):
    """Dropout whose mask comes from `source`, which has to be set for a forward in training mode."""

    source: Source

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, features: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return features
        return features * self.source(features, self.rate)


@dataclass(frozen=True)
class Draw:
    """One mask: the features that a member alone draws it for (on the ``meta`` device), and the rate."""

    features: Tensor
    rate: float

    def mask(self, generator: torch.Generator) -> Tensor:
        return keep_mask(torch.empty_like(self.features, device=generator.device), self.rate, generator)


def with_masked_dropout(module: nn.Module) -> nn.Module:
    """Return `module` with every seeded dropout in it replaced, in place."""
    for parent in module.modules():
        for name, child in parent.named_children():
            if isinstance(child, SeededDropout):
                setattr(parent, name, MaskedDropout(child.rate).train(child.training))
    return MaskedDropout(module.rate) if isinstance(module, SeededDropout) else module


def masked_dropouts(module: nn.Module) -> tuple[MaskedDropout, ...]:
    return tuple(child for child in module.modules() if isinstance(child, MaskedDropout))


@torch.compiler.disable  # type: ignore[untyped-decorator]
def masks_of(draws: Sequence[Draw], generators: Sequence[torch.Generator]) -> tuple[Tensor, ...]:
    """Return the masks [K, *shape] of a forward; each member draws its own in the order in which it does alone."""
    drawn = [[draw.mask(generator) for draw in draws] for generator in generators]
    return tuple(torch.stack(masks) for masks in zip(*drawn, strict=True))


@contextmanager
def recorded(dropouts: Sequence[MaskedDropout], generator: torch.Generator) -> Iterator[list[Draw]]:
    """Let the dropouts draw from `generator`; the list has what they drew, in order."""
    draws: list[Draw] = []

    def source(features: Tensor, rate: float) -> Tensor:
        draws.append(Draw(torch.empty_like(features, device="meta", requires_grad=False), rate))
        return keep_mask(features, rate, generator)

    with _supplied(dropouts, source):
        yield draws


@contextmanager
def replayed(dropouts: Sequence[MaskedDropout], masks: Sequence[Tensor]) -> Iterator[None]:
    """Hand `masks` to the dropouts in the order in which they are called.

    Raises:
        RuntimeError: the dropouts are called another number of times than was recorded.
    """
    left = list(reversed(masks))

    def source(_: Tensor, __: float) -> Tensor:
        if not left:
            raise RuntimeError("dropout is called more often than in the rehearsal")
        return left.pop()

    with _supplied(dropouts, source):
        yield
    if left:
        raise RuntimeError("dropout is called less often than in the rehearsal")


@contextmanager
def _supplied(dropouts: Sequence[MaskedDropout], source: Source) -> Iterator[None]:
    for dropout in dropouts:
        dropout.source = source
    try:
        yield
    finally:
        for dropout in dropouts:
            del dropout.source
