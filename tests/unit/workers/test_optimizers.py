"""Each row of a stacked optimiser moves as `torch.optim` moves that member's model alone."""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn, optim

from studies.contract.study_file import OptimizerName
from workers.runtime.engines.base import layout
from workers.runtime.engines.serial import SerialModel
from workers.runtime.optimizers import ForeignState, Knobs, StackedOptimizer

NAMES: tuple[OptimizerName, ...] = ("sgd", "nesterov", "adam", "adamw", "rmsprop")


@dataclass(frozen=True)
class Member:
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.01
    seed: int = 0


MEMBERS = st.builds(
    Member,
    lr=st.sampled_from([0.0, 1e-3, 0.03, 0.5]),
    momentum=st.sampled_from([0.0, 0.5, 0.99]),
    weight_decay=st.sampled_from([0.0, 1e-4, 0.1]),
    seed=st.integers(0, 1000),
)


def model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3)).double()


SLOTS = layout(model())


def width() -> int:
    return SLOTS[-1].columns.stop


def lr_at(member: Member, step: int) -> float:
    """A rate that changes at every step, zero included."""
    return member.lr * (3 - step % 4)


def gradient_at(member: Member, step: int) -> Tensor:
    """One gradient for each member and step, of changing magnitude."""
    draw = torch.Generator().manual_seed(member.seed * 997 + step)
    return torch.randn(width(), generator=draw, dtype=torch.float64) * 10.0 ** (step % 3 - 1)


def alone(name: OptimizerName, member: Member, steps: int) -> Tensor:
    """Return the weights [P] after `steps` steps of torch's optimiser."""
    net = model(member.seed)
    optimizer = torchs(name, net, member)
    for step in range(steps):
        gradient = gradient_at(member, step)
        for slot, parameter in zip(SLOTS, net.parameters(), strict=True):
            parameter.grad = gradient[slot.columns].view(slot.shape).clone()
        for group in optimizer.param_groups:
            group["lr"] = lr_at(member, step)
        optimizer.step()
    return row(net)


def torchs(name: OptimizerName, net: nn.Module, member: Member) -> optim.Optimizer:
    parameters = list(net.parameters())
    groups = [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": member.weight_decay},
        {"params": [each for each in parameters if each.ndim == 1], "weight_decay": 0.0},
    ]
    match name:
        case "sgd":
            return optim.SGD(groups, momentum=member.momentum)
        case "nesterov":
            return optim.SGD(groups, momentum=member.momentum, nesterov=member.momentum > 0)
        case "adam":
            return optim.Adam(groups)
        case "adamw":
            return optim.AdamW(groups)
        case "rmsprop":
            return optim.RMSprop(groups, momentum=member.momentum)


def row(net: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


@dataclass
class Stack:
    """Rows of weights with their optimiser, each member at its own step."""

    weights: Tensor
    optimizer: StackedOptimizer
    members: list[Member]
    steps: list[int]

    @classmethod
    def of(cls, name: OptimizerName, members: list[Member]) -> Stack:
        weights = torch.stack([row(model(member.seed)) for member in members])
        single = StackedOptimizer.create(name, SerialModel.stack([model()], [torch.Generator()]))
        return cls(weights, single.select([0] * len(members)), members, [0] * len(members))

    def knobs(self) -> Knobs:
        return Knobs.of(
            self.weights,
            lr=[lr_at(member, step) for member, step in zip(self.members, self.steps, strict=True)],
            momentum=[member.momentum for member in self.members],
            weight_decay=[member.weight_decay for member in self.members],
            clip_norm=[0.0 for _ in self.members],
        )

    def gradients(self) -> Tensor:
        return torch.stack([gradient_at(member, step) for member, step in zip(self.members, self.steps, strict=True)])

    def run(self, steps: int) -> Stack:
        for _ in range(steps):
            self.optimizer.step(self.weights, self.gradients(), self.knobs())
            self.steps = [step + 1 for step in self.steps]
        return self

    def select(self, kept: list[int]) -> Stack:
        return Stack(
            self.weights[kept],
            self.optimizer.select(kept),
            [self.members[member] for member in kept],
            [self.steps[member] for member in kept],
        )

    def join(self, other: Stack) -> Stack:
        return Stack(
            torch.cat([self.weights, other.weights]),
            self.optimizer.join(other.optimizer),
            self.members + other.members,
            self.steps + other.steps,
        )

    def assert_as_alone(self) -> None:
        for weights, member, step in zip(self.weights, self.members, self.steps, strict=True):
            expected = alone(self.optimizer.name, member, step)
            torch.testing.assert_close(weights, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
@given(st.lists(MEMBERS, min_size=1, max_size=4), st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_every_member_moves_as_alone(name: OptimizerName, members: list[Member], steps: int) -> None:
    Stack.of(name, members).run(steps).assert_as_alone()


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
@settings(max_examples=15, deadline=None)
def test_members_may_leave_and_join_under_way(name: OptimizerName, data: st.DataObject) -> None:
    stack = Stack.of(name, data.draw(st.lists(MEMBERS, min_size=2, max_size=4))).run(data.draw(st.integers(0, 4)))
    kept = data.draw(st.permutations(range(len(stack.members))))[:-1]
    late = Stack.of(name, data.draw(st.lists(MEMBERS, min_size=1, max_size=2)))
    stack.select(list(kept)).join(late).run(data.draw(st.integers(1, 4))).assert_as_alone()


@pytest.mark.parametrize("name", NAMES)
def test_selecting_copies(name: OptimizerName) -> None:
    stack = Stack.of(name, [Member(seed=1), Member(seed=2)]).run(2)
    before = copy.deepcopy(stack.optimizer.state(0))
    stack.select([0]).run(1)
    for key, value in stack.optimizer.state(0).items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_a_member_goes_on_from_its_saved_state_in_another_pack(name: OptimizerName) -> None:
    stack = Stack.of(name, [Member(seed=1), Member(seed=2, momentum=0.5)]).run(3)
    file = io.BytesIO()
    torch.save(stack.optimizer.state(1), file)
    file.seek(0)
    other = Stack.of(name, [Member(seed=7), Member(seed=8), Member(seed=2, momentum=0.5)])
    other.optimizer.load_state(2, torch.load(file, weights_only=True))
    other.weights[2], other.steps[2] = stack.weights[1], 3
    other.run(3).assert_as_alone()


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_gradient_leaves_the_others_bit_for_bit_as_they_were(name: OptimizerName) -> None:
    members = [Member(seed=1), Member(seed=2), Member(seed=3)]
    healthy, sick = Stack.of(name, members).run(1), Stack.of(name, members).run(1)
    gradients = sick.gradients()
    gradients[1, 5] = torch.nan
    sick.optimizer.step(sick.weights, gradients, sick.knobs())
    sick.steps = [2, 2, 2]
    healthy.run(2)
    sick.run(1)
    assert not torch.isfinite(sick.weights[1]).all()
    assert torch.equal(sick.weights[[0, 2]], healthy.weights[[0, 2]])


@pytest.mark.parametrize("name", NAMES)
def test_a_member_that_skips_an_update_has_not_had_it(name: OptimizerName) -> None:
    members = [Member(seed=1), Member(seed=2), Member(seed=3)]
    skipping, others = Stack.of(name, members).run(1), Stack.of(name, members).run(2)
    before = Stack.of(name, members).run(1)
    gradients = skipping.gradients()
    gradients[1] = torch.inf
    skipping.optimizer.step(skipping.weights, gradients, skipping.knobs(), torch.tensor([True, False, True]))
    assert torch.equal(skipping.weights[[0, 2]], others.weights[[0, 2]])
    assert torch.equal(skipping.weights[1], before.weights[1])
    for key, value in skipping.optimizer.state(1).items():
        assert torch.equal(value, before.optimizer.state(1)[key]), key
    skipping.steps = [2, 1, 2]
    skipping.run(2).assert_as_alone()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_left_as_they_were(name: OptimizerName) -> None:
    stack = Stack.of(name, [Member(), Member(seed=1)])
    gradients = stack.gradients()
    before = gradients.clone()
    stack.optimizer.step(stack.weights, gradients, stack.knobs())
    assert torch.equal(gradients, before)


@pytest.mark.parametrize("name", NAMES)
def test_known_absence_of_decay_changes_nothing(name: OptimizerName) -> None:
    members = [replace(Member(), seed=seed, weight_decay=0.0) for seed in (1, 2)]
    told, asked = Stack.of(name, members), Stack.of(name, members)
    assert not told.knobs().decays
    told.run(1)
    asked.optimizer.step(asked.weights, asked.gradients(), replace(asked.knobs(), decays=True))
    assert torch.equal(told.weights, asked.weights)


def test_a_state_of_another_optimiser_is_refused() -> None:
    adam, sgd = Stack.of("adam", [Member()]), Stack.of("sgd", [Member()])
    with pytest.raises(ForeignState, match="not that of sgd"):
        sgd.optimizer.load_state(0, adam.optimizer.state(0))


def test_knobs_say_what_is_off() -> None:
    weights = torch.zeros(2, 3)
    knobs = Knobs.of(weights, lr=[0.1, 0.2], momentum=[0.9, 0.9], weight_decay=[0.0, 0.0], clip_norm=[0.0, 1.0])
    assert (knobs.decays, knobs.clips) == (False, True)
    assert knobs.lr.tolist() == pytest.approx([0.1, 0.2])
