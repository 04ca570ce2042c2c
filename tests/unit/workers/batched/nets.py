"""Models alone and the same models as one stack, trained side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.objectives.image_classification.models import GlobalMean
from workers.runtime.dropout import SeededDropout
from workers.runtime.engines.batched import BatchedModel

CLASSES = 3
BATCH = 6

Build = Callable[[], nn.Module]


def small_cnn(dropout: float = 0.0) -> nn.Module:
    """The builtin small CNN, at a size for tests."""
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2), nn.ReLU(inplace=True),
        nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
        GlobalMean(), SeededDropout(dropout), nn.Linear(4, CLASSES),
    )  # fmt: skip


def mlp(dropout: float = 0.0) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), SeededDropout(dropout), nn.Linear(5, 5), nn.ReLU(),
        SeededDropout(dropout), nn.Linear(5, CLASSES),
    )  # fmt: skip


def models(build: Build, width: int, dtype: torch.dtype = torch.float64) -> list[nn.Module]:
    """Return `width` models that differ in their weights."""
    built = []
    for member in range(width):
        torch.manual_seed(member)
        built.append(build().to(dtype))
    return built


def generators(width: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(100 + member) for member in range(width)]


def image_batches(
    count: int, shape: tuple[int, ...] = (1, 4, 4), dtype: torch.dtype = torch.float64, batch: int = BATCH
) -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(7)
    return [(torch.randn(batch, *shape).to(dtype), torch.randint(CLASSES, (batch,))) for _ in range(count)]


@dataclass
class Alone:
    """One model with torch's own optimiser, drawing its dropout from its own stream."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    stream: torch.Generator

    @classmethod
    def of(cls, model: nn.Module, member: int, lr: float) -> Alone:
        own = copy.deepcopy(model)
        return cls(own, torch.optim.SGD(own.parameters(), lr=lr), generators(member + 1)[member])

    def step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        outputs = self.outputs(inputs)
        functional.cross_entropy(outputs, targets).backward()
        self.optimizer.step()
        return outputs.detach()

    def outputs(self, inputs: Tensor) -> Tensor:
        """Run the model with torch's generator standing where this run's stream stands."""
        with torch.random.fork_rng():
            torch.default_generator.set_state(self.stream.get_state())
            outputs: Tensor = self.model(inputs)
            self.stream.set_state(torch.default_generator.get_state())
        return outputs


def stacked_step(
    stack: BatchedModel, inputs: Tensor, targets: Tensor, rates: Sequence[float], *, shared: bool
) -> Tensor:
    """One step of plain gradient descent on targets [B] or [K, B]; returns the outputs."""
    outputs = stack.forward(inputs, shared=shared)
    losses = torch.stack(
        [functional.cross_entropy(own, targets if shared else targets[member]) for member, own in enumerate(outputs)]
    )
    stack.weights.sub_(torch.tensor(rates, dtype=stack.weights.dtype)[:, None] * stack.gradients(losses))
    return outputs.detach()


def distance(stack: BatchedModel, alone: Sequence[nn.Module]) -> float:
    """Return how far any parameter or buffer of any member is from the model alone."""
    largest = 0.0
    for member, model in enumerate(alone):
        own, expected = stack.state_dict(member), model.state_dict()
        assert list(own) == list(expected)
        largest = max([largest, *((own[name] - expected[name]).abs().max().item() for name in expected)])
    return largest


def gap(stack: BatchedModel, alone: Sequence[Alone], inputs: Tensor) -> float:
    """Return how far the outputs in evaluation are from those of the models alone."""
    stack.train(mode=False)
    with torch.no_grad():
        outputs = stack.forward(inputs, shared=True)
        expected = torch.stack([run.model.eval()(inputs) for run in alone])
    stack.train()
    for run in alone:
        run.model.train()
    return (outputs - expected).abs().max().item()
