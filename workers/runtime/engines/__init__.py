"""The ways to train K models of one architecture: one after another, as batched layers, or under `torch.func.vmap`.

All are a `StackedModel`; the loop knows no other. A member is the same run as that trial alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from studies.contract.packing import Engine

if TYPE_CHECKING:
    import torch
    from torch import nn

    from workers.runtime.engines.base import StackedModel


def stack(engine: Engine, models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> StackedModel:
    """Return the stack of `models` (copied, on their device) under `engine`.

    Raises:
        NotStackable: this engine cannot train them: the message says what stands in the way.
    """
    match engine:
        case "serial":
            from workers.runtime.engines.serial import SerialModel

            return SerialModel.stack(models, generators)
        case "serial_channels_last":
            from workers.runtime.engines.serial import ChannelsLastModel

            return ChannelsLastModel.stack(models, generators)
        case "batched":
            from workers.runtime.engines.batched import BatchedModel

            return BatchedModel.stack(models, generators)
        case "vmap":
            from workers.runtime.engines.vmapped import VmappedModel

            return VmappedModel.stack(models, generators)
        case "batched_compiled":
            from workers.runtime.engines.compiled import CompiledBatched

            return CompiledBatched.stack(models, generators)
        case "vmap_compiled":
            from workers.runtime.engines.compiled import CompiledVmapped

            return CompiledVmapped.stack(models, generators)
