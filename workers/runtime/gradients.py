"""What happens to gradients [K, P] between the backward and the optimiser, to each member's row for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

INITIAL_SCALE = 2.0**16
GROWTH = 2.0
BACKOFF = 0.5
GROWTH_INTERVAL = 2000
"""Constants of dynamic loss scaling, as in torch's GradScaler."""

_NORM_FLOOR = 1e-6
"""Added to a norm before dividing by it, as in torch's clip_grad_norm_."""


def clipped(gradients: Tensor, clip_norm: Tensor) -> Tensor:
    """Return `gradients` [K, P], rows longer than their `clip_norm` [K] shortened to it; 0 leaves a row alone."""
    norms = torch.linalg.vector_norm(gradients, dim=1)
    factors = (clip_norm / (norms + _NORM_FLOOR)).clamp(max=1.0)
    return gradients * torch.where(clip_norm > 0, factors, 1.0)[:, None]


@dataclass(frozen=True)
class LossScale:
    """Dynamic loss scaling for float16, each member with its own scale (guide, section 5).

    A member whose scaled gradients overflow skips that update, alone, and halves its scale; one that has not for
    `GROWTH_INTERVAL` updates doubles it.

    Attributes:
        scales: float32 [K].
        good_steps: int64 [K], updates since the scale last changed.
    """

    scales: Tensor
    good_steps: Tensor

    @classmethod
    def create(cls, width: int, device: str | torch.device) -> LossScale:
        return cls(
            torch.full((width,), INITIAL_SCALE, device=device), torch.zeros(width, dtype=torch.int64, device=device)
        )

    def scaled(self, losses: Tensor) -> Tensor:
        """Return `losses` [K] as the backward wants them."""
        return losses * self.scales

    def unscaled(self, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Return the true gradients [K, P] of scaled losses, and bool [K]: whose are finite, to be stepped with."""
        true = gradients / self.scales[:, None]
        return true, torch.isfinite(true).all(dim=1)

    def updated(self, finite: Tensor) -> LossScale:
        """Return the scales for the next step; `finite` as `unscaled` returned it."""
        grows = finite & (self.good_steps + 1 >= GROWTH_INTERVAL)
        grown = torch.where(torch.isfinite(self.scales * GROWTH), self.scales * GROWTH, self.scales)
        scales = torch.where(grows, grown, torch.where(finite, self.scales, self.scales * BACKOFF))
        return LossScale(scales, torch.where(finite & ~grows, self.good_steps + 1, 0))

    def select(self, members: Sequence[int]) -> LossScale:
        index = torch.tensor(members, dtype=torch.int64, device=self.scales.device)
        return LossScale(self.scales[index], self.good_steps[index])

    def join(self, other: LossScale) -> LossScale:
        return LossScale(torch.cat([self.scales, other.scales]), torch.cat([self.good_steps, other.good_steps]))

    def state(self, member: int) -> dict[str, Tensor]:
        """Return a copy of one member's state, for its checkpoint."""
        return {"scale": self.scales[member].clone(), "good_steps": self.good_steps[member].clone()}

    def load_state(self, member: int, state: Mapping[str, Tensor]) -> None:
        """Set one member's state to what `state` once returned."""
        self.scales[member] = state["scale"]
        self.good_steps[member] = state["good_steps"]
