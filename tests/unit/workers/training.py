"""What an engine is measured by: the same few steps of training, alone with plain torch, and as members of a stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.objectives.image_classification.models import build_model
from workers.runtime.dropout import with_seeded_dropout
from workers.runtime.engines.base import StackedModel, StateDict
from workers.runtime.optimizers import Knobs, StackedOptimizer

BATCH = 6
CLASSES = 3
SHAPE = (1, 8, 8)

Batches = Callable[[int], Tensor]


@dataclass(frozen=True)
class Member:
    """A run: its initialisation and dropout follow from `seed`, its data from `stream`."""

    seed: int
    lr: float = 0.02
    stream: int = 0
    device: str = "cpu"

    def model(self, name: str, dtype: torch.dtype, dropout: float = 0.0) -> nn.Module:
        torch.manual_seed(self.seed)
        return with_seeded_dropout(build_model(name, SHAPE, CLASSES, dropout)).to(self.device, dtype)

    def generator(self) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(self.seed)

    def inputs(self, step: int, dtype: torch.dtype) -> Tensor:
        """Noise about the class's own brightness: what can be learned does not amplify rounding as chaos does."""
        draw = torch.Generator().manual_seed(self.stream * 10_007 + step)
        noise = torch.randn(BATCH, *SHAPE, generator=draw, dtype=torch.float64)
        return (0.5 * noise + self._labels(step).view(-1, 1, 1, 1) - 1).to(self.device, dtype)

    def targets(self, step: int) -> Tensor:
        return self._labels(step).to(self.device)

    def _labels(self, step: int) -> Tensor:
        return (torch.arange(BATCH) + step) % CLASSES


def train_alone(member: Member, net: nn.Module, dtype: torch.dtype, steps: int) -> StateDict:
    """Return the state after `steps` steps of plain torch, momentum 0.9."""
    optimizer = torch.optim.SGD(net.parameters(), lr=member.lr, momentum=0.9)
    torch.manual_seed(member.seed)
    net.train()
    for step in range(steps):
        loss = functional.cross_entropy(net(member.inputs(step, dtype)), member.targets(step))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return net.state_dict()


class Pack:
    """Members in a stack, each at its own step, trained with momentum 0.9, as alone."""

    def __init__(self, stack: StackedModel, members: Sequence[Member], dtype: torch.dtype) -> None:
        self.stack = stack
        self.members = list(members)
        self.steps = [0 for _ in members]
        self.optimizer = StackedOptimizer.create("sgd", stack)
        self.dtype = dtype

    def train(self, steps: int) -> Pack:
        self.stack.train()
        for _ in range(steps):
            gradients = self.stack.gradients(self.losses())
            self.optimizer.step(self.stack.weights, gradients, self.knobs())
            self.steps = [step + 1 for step in self.steps]
        return self

    def knobs(self) -> Knobs:
        off = [0.0 for _ in self.members]
        rates, momenta = [member.lr for member in self.members], [0.9 for _ in self.members]
        return Knobs.of(self.stack.weights, lr=rates, momentum=momenta, weight_decay=off, clip_norm=off)

    def losses(self) -> Tensor:
        """Return the losses [K] of the step that comes; one shared batch where all members see the same."""
        places = list(zip(self.members, self.steps, strict=True))
        inputs = [member.inputs(step, self.dtype) for member, step in places]
        targets = torch.stack([member.targets(step) for member, step in places])
        shared = len({(member.stream, step) for member, step in places}) == 1
        outputs = self.stack.forward(inputs[0] if shared else torch.stack(inputs), shared=shared)
        losses = functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")
        return losses.view(targets.shape).mean(1)

    def select(self, kept: Sequence[int]) -> Pack:
        return self._become(
            self.stack.select(kept),
            [self.members[member] for member in kept],
            [self.steps[member] for member in kept],
            self.optimizer.select(kept),
        )

    def join(self, other: Pack) -> Pack:
        return self._become(
            self.stack.join(other.stack),
            self.members + other.members,
            self.steps + other.steps,
            self.optimizer.join(other.optimizer),
        )

    def _become(
        self, stack: StackedModel, members: list[Member], steps: list[int], optimizer: StackedOptimizer
    ) -> Pack:
        pack = Pack(stack, members, self.dtype)
        pack.steps, pack.optimizer = steps, optimizer
        return pack


def assert_same_state(found: StateDict, expected: StateDict, tolerance: float) -> None:
    """Same keys in the same order, every tensor within `tolerance` of the expected one."""
    assert list(found) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, rtol=0, atol=tolerance, msg=lambda text, at=name: f"{at}: {text}"
        )
