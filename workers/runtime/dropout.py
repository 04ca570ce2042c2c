"""Dropout whose masks come from a generator that can be named: a run in a pack drops what it drops alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SeededDropout(nn.Module):
    """Dropout with the masks of `keep_mask`. Alone it draws from torch's default generator of the device."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, features: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return features
        return features * keep_mask(features, self.rate, None)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


def keep_mask(features: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """Return 0 or 1 / (1 - rate) for every element: one draw, the same alone and in a pack."""
    keep = 1.0 - rate
    return torch.empty_like(features).bernoulli_(keep, generator=generator).div_(keep)


def with_seeded_dropout(model: nn.Module) -> nn.Module:
    """Return `model` with every `nn.Dropout` below it replaced, in place."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, SeededDropout(child.p))
    return model


def keep_masks(features: Tensor, rate: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Return the `keep_mask` of every member of `features` [K, ...], each from its own generator."""
    keep = 1.0 - rate
    masks = torch.empty(features.shape, dtype=features.dtype, device=features.device)
    for mask, generator in zip(masks, generators, strict=True):
        mask.bernoulli_(keep, generator=generator)
    return masks.div_(keep)
