"""The builtin classifiers, trained side by side with themselves alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.unit.workers.batched.nets import Alone, distance, gap, generators, image_batches, models, stacked_step
from workers.objectives.image_classification.models import build_model
from workers.runtime.dropout import with_seeded_dropout
from workers.runtime.engines.batched import BatchedModel

RATE = 0.01
SHAPES = {
    "small_cnn": (1, 8, 8),
    "mlp": (1, 8, 8),
    "resnet18": (3, 8, 8),
    "squeezenet1_1": (3, 24, 24),
    "mobilenet_v2": (3, 32, 32),
    "mobilenet_v3_small": (3, 32, 32),
    "shufflenet_v2_x0_5": (1, 32, 32),
}


def built(name: str, width: int, dtype: torch.dtype) -> list[nn.Module]:
    dropout = 0.3 if name in {"small_cnn", "mlp", "mobilenet_v2"} else 0.0
    return models(lambda: with_seeded_dropout(build_model(name, SHAPES[name], 3, dropout)), width, dtype)


def trained(
    name: str, width: int, steps: int, dtype: torch.dtype, batch: int, *, shared: bool
) -> tuple[BatchedModel, list[Alone]]:
    members = built(name, width, dtype)
    stack = BatchedModel.stack(members, generators(width))
    alone = [Alone.of(model, member, RATE) for member, model in enumerate(members)]
    for inputs, targets in image_batches(steps, SHAPES[name], dtype, batch):
        images = inputs if shared else torch.stack([inputs.roll(member, 0) for member in range(width)])
        labels = targets if shared else torch.stack([targets.roll(member, 0) for member in range(width)])
        stacked_step(stack, images, labels, [RATE] * width, shared=shared)
        for member, run in enumerate(alone):
            run.step(inputs if shared else images[member], targets if shared else labels[member])
    return stack, alone


@pytest.mark.parametrize(
    ("name", "shared"),
    [(name, True) for name in SHAPES if name != "resnet18"] + [("small_cnn", False), ("mobilenet_v3_small", False)],
)
def test_a_step_of_every_family(name: str, shared: bool) -> None:
    stack, alone = trained(name, 2, 1, torch.float64, 8, shared=shared)
    assert distance(stack, [run.model for run in alone]) < 1e-10
    assert gap(stack, alone, image_batches(1, SHAPES[name])[0][0]) < 1e-10


@pytest.mark.parametrize("name", ["small_cnn", "mlp"])
def test_hundred_steps_of_the_small_ones(name: str) -> None:
    stack, alone = trained(name, 3, 100, torch.float64, 4, shared=True)
    assert distance(stack, [run.model for run in alone]) < 1e-10


def test_some_steps_of_a_residual_net_with_batch_norm() -> None:
    stack, alone = trained("resnet18", 2, 3, torch.float64, 8, shared=True)
    assert distance(stack, [run.model for run in alone]) < 1e-10


@pytest.mark.parametrize("name", ["small_cnn", "mlp", "resnet18"])
def test_a_step_in_float32(name: str) -> None:
    stack, alone = trained(name, 2, 1, torch.float32, 12, shared=True)
    assert distance(stack, [run.model for run in alone]) < 1e-6
