"""What a study's precision means for a run: dtypes, autocast, whether the loss is scaled (guide, section 5)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from studies.contract.study_file import Precision


class UnsupportedPrecision(ValueError):
    """The device cannot compute in the precision that the study asks for."""


@dataclass(frozen=True)
class Arithmetic:
    """How to compute.

    Attributes:
        dtype: of weights, optimiser state, batch-norm statistics, inputs and losses. Mixed precision keeps all of
            them in float32, so outputs of a forward under `autocast` are cast to it before the loss.
        half: what matrix products and convolutions compute in under mixed precision, None without.
    """

    dtype: torch.dtype
    half: torch.dtype | None = None

    @property
    def scaled(self) -> bool:
        """Whether gradients may underflow, so that losses want a `workers.runtime.gradients.LossScale`."""
        return self.half is torch.float16

    @property
    def resolution(self) -> float:
        """The relative rounding error of one operation: two correct programs agree to a multiple of it."""
        return torch.finfo(self.half or self.dtype).eps

    def autocast(self, device: str) -> AbstractContextManager[object]:
        """Return what a forward runs in on `device` (``cpu`` or ``cuda:N``); nothing happens without mixed precision.

        Raises:
            UnsupportedPrecision: bfloat16 on a card without it.
        """
        if self.half is None:
            return nullcontext()
        kind = torch.device(device).type
        if self.half is torch.bfloat16 and kind == "cuda" and not _has_bfloat16(device):
            name = torch.cuda.get_device_name(device)
            raise UnsupportedPrecision(f"{name} does not compute in bfloat16: set the precision to float16 or float32")
        return torch.autocast(kind, dtype=self.half)


def arithmetic(precision: Precision) -> Arithmetic:
    """Return the arithmetic of a study's precision; bfloat16 and float16 are mixed with float32."""
    match precision:
        case "float32":
            return Arithmetic(torch.float32)
        case "float64":
            return Arithmetic(torch.float64)
        case "bfloat16":
            return Arithmetic(torch.float32, half=torch.bfloat16)
        case "float16":
            return Arithmetic(torch.float32, half=torch.float16)


def _has_bfloat16(device: str) -> bool:
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
