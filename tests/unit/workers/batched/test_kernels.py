"""What a step launches: on a card that waits for launches, that is what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from tests.unit.workers.batched.nets import BATCH, Build, generators, image_batches, mlp, models, small_cnn
from workers.runtime.engines.batched import BatchedModel


class Kernels(TorchDispatchMode):
    """Counts operators that compute or copy; views and allocations launch nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        launches = not func.is_view and not any(word in str(func) for word in ("empty", "detach", "_unsafe_view"))
        self.count += launches
        return func(*args, **kwargs or {})


def kernels(build: Build, width: int, *, shared: bool) -> int:
    """Count those of a forward, the loss, a backward and SGD with momentum."""
    stack = BatchedModel.stack(models(build, width), generators(width))
    inputs, targets = image_batches(1)[0]
    batch = inputs if shared else inputs.expand(width, *inputs.shape).clone()
    labels, momenta = targets.repeat(width), torch.zeros_like(stack.weights)
    with Kernels() as counted:
        outputs = stack.forward(batch, shared=shared)
        losses = functional.cross_entropy(outputs.flatten(0, 1), labels, reduction="none").view(width, BATCH).mean(1)
        momenta.mul_(0.9).add_(stack.gradients(losses))
        stack.weights.sub_(momenta, alpha=0.1)
    return counted.count


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("build", "most"), [(mlp, 30), (small_cnn, 35)])
def test_a_step_is_a_few_dozen_kernels_however_many_members(build: Build, most: int, shared: bool) -> None:
    assert kernels(build, 2, shared=shared) == kernels(build, 16, shared=shared) <= most
