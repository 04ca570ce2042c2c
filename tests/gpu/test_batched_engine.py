"""The batched engine on a card: members are the same runs as alone, and a step is a few dozen kernels."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from workers.objectives.image_classification.models import build_model
from workers.runtime.dropout import with_seeded_dropout
from workers.runtime.engines.batched import BatchedModel

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")

BATCH, CLASSES, RATE = 12, 3, 0.01


def members(name: str, width: int, dtype: torch.dtype, dropout: float = 0.0) -> list[nn.Module]:
    built = []
    for member in range(width):
        torch.manual_seed(member)
        built.append(with_seeded_dropout(build_model(name, (3, 16, 16), CLASSES, dropout)).to("cuda", dtype))
    return built


def stepped(stack: BatchedModel, images: torch.Tensor, labels: torch.Tensor) -> None:
    outputs = stack.forward(images, shared=True)
    losses = functional.cross_entropy(outputs.flatten(0, 1), labels.repeat(stack.width), reduction="none")
    stack.weights.sub_(RATE * stack.gradients(losses.view(stack.width, -1).mean(1)))


def batches(steps: int, dtype: torch.dtype) -> list[tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(7)
    return [
        (torch.randn(BATCH, 3, 16, 16).to("cuda", dtype), torch.randint(CLASSES, (BATCH,), device="cuda"))
        for _ in range(steps)
    ]


@pytest.mark.parametrize(("name", "steps"), [("small_cnn", 100), ("mlp", 100), ("resnet18", 3)])
def test_members_are_the_same_runs_as_alone(name: str, steps: int) -> None:
    alone = members(name, 3, torch.float64)
    stack = BatchedModel.stack(alone, [torch.Generator("cuda") for _ in alone])
    alone = copy.deepcopy(alone)
    for images, labels in batches(steps, torch.float64):
        stepped(stack, images, labels)
        for model in alone:
            functional.cross_entropy(model(images), labels).backward()
            torch.optim.SGD(model.parameters(), lr=RATE).step()
            model.zero_grad()
    for member, model in enumerate(alone):
        state = stack.state_dict(member)
        for key, tensor in model.state_dict().items():
            torch.testing.assert_close(state[key], tensor, rtol=0, atol=1e-10)


def test_dropout_drops_what_it_drops_alone() -> None:
    alone = members("mlp", 2, torch.float64, dropout=0.4)
    stack = BatchedModel.stack(alone, [torch.Generator("cuda").manual_seed(seed) for seed in range(2)])
    images, _ = batches(1, torch.float64)[0]
    outputs = stack.forward(images, shared=True)
    for seed, model in enumerate(alone):
        torch.cuda.manual_seed(seed)
        torch.testing.assert_close(outputs[seed], model(images), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "most"), [("mlp", 45), ("small_cnn", 65)])
def test_kernels_of_a_step(name: str, most: int) -> None:
    alone = members(name, 32, torch.float32)
    stack = BatchedModel.stack(alone, [torch.Generator("cuda") for _ in alone])
    images, labels = batches(1, torch.float32)[0]
    step: Callable[[], None] = lambda: stepped(stack, images, labels)  # noqa: E731
    step()
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        step()
        torch.cuda.synchronize()
    launched = [event for event in profiled.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    assert len(launched) <= most
