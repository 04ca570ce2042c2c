"""The serial engine is the plain module: same numbers as torch alone, for any module at all."""

from __future__ import annotations

import contextlib
import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from studies.contract.packing import Engine
from tests.unit.workers.training import Member, Pack, assert_same_state, train_alone
from workers.runtime.engines import stack
from workers.runtime.engines.base import NotStackable
from workers.runtime.engines.serial import SerialModel, drawing_from

MEMBER = Member(seed=3)


@pytest.mark.parametrize("engine", ["serial", "serial_channels_last"])
@pytest.mark.parametrize("name", ["small_cnn", "mlp"])
def test_a_hundred_steps_are_those_of_torch_alone(engine: str, name: str) -> None:
    net = MEMBER.model(name, torch.float64, dropout=0.3)
    pack = Pack(stack(engine, [net], [MEMBER.generator()]), [MEMBER], torch.float64).train(100)  # type: ignore[arg-type]
    expected = train_alone(MEMBER, net, torch.float64, 100)
    assert_same_state(pack.stack.state_dict(0), expected, 1e-10)


def test_images_reach_the_layers_channels_last() -> None:
    seen: list[Tensor] = []
    net = MEMBER.model("small_cnn", torch.float32)
    model = stack("serial_channels_last", [net], [MEMBER.generator()])
    assert isinstance(model, SerialModel)
    model.modules[0][0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))  # type: ignore[index]
    model.forward(torch.randn(2, 3, 8, 8)[:, :1], shared=True)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


class Noisy(nn.Module):
    """Draws from torch's default generator, in a way that only running it tells."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 3)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.head(functional.dropout(images.flatten(1), 0.5, self.training))
        return features


def test_all_randomness_comes_from_the_members_generator() -> None:
    net = Noisy().double()
    generator = MEMBER.generator()
    pack = Pack(SerialModel.stack([net], [generator]), [MEMBER], torch.float64)
    torch.manual_seed(99)
    outside = torch.get_rng_state()
    for _ in range(3):
        pack.train(1)
        torch.testing.assert_close(torch.get_rng_state(), outside)
    assert_same_state(pack.stack.state_dict(0), train_alone(MEMBER, net, torch.float64, 3), 1e-12)
    assert torch.equal(generator.get_state(), torch.get_rng_state()), "the generator stands where a run alone stands"


def test_evaluation_draws_nothing() -> None:
    generator = MEMBER.generator()
    model = SerialModel.stack([Noisy()], [generator])
    model.train(mode=False)
    before = generator.get_state()
    model.forward(MEMBER.inputs(0, torch.float32), shared=True)
    assert torch.equal(generator.get_state(), before)


def test_the_default_generator_is_put_back_after_a_failure() -> None:
    outside, generator = torch.get_rng_state(), torch.Generator()
    with contextlib.suppress(ZeroDivisionError), drawing_from(generator):
        torch.rand(3)
        raise ZeroDivisionError
    assert torch.equal(torch.get_rng_state(), outside)


class Tied(nn.Module):
    """One weight under two names, a frozen parameter, and one that takes no part."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(64, 64), nn.Linear(64, 64)
        self.out.weight = self.into.weight
        self.frozen = nn.Parameter(torch.ones(64), requires_grad=False)
        self.idle = nn.Parameter(torch.ones(2, 2))

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.out(functional.relu(self.into(images.flatten(1)))) * self.frozen
        return features


def test_tied_frozen_and_idle_parameters() -> None:
    net = Tied().double()
    pack = Pack(SerialModel.stack([net], [MEMBER.generator()]), [MEMBER], torch.float64).train(10)
    assert [slot.name for slot in pack.stack.slots] == ["idle", "into.weight", "into.bias", "out.bias"]
    assert_same_state(pack.stack.state_dict(0), train_alone(MEMBER, net, torch.float64, 10), 1e-10)


def test_stacking_and_selecting_copy() -> None:
    net = MEMBER.model("small_cnn", torch.float64)
    before = copy.deepcopy(net.state_dict())
    pack = Pack(SerialModel.stack([net], [MEMBER.generator()]), [MEMBER], torch.float64).train(2)
    assert_same_state(net.state_dict(), before, 0)
    state = pack.stack.state_dict(0)
    pack.select([0]).train(2)
    assert_same_state(pack.stack.state_dict(0), state, 0)


def test_a_state_goes_into_another_stack() -> None:
    trained = Pack(
        SerialModel.stack([MEMBER.model("small_cnn", torch.float64)], [MEMBER.generator()]), [MEMBER], torch.float64
    ).train(3)
    fresh = SerialModel.stack([Member(seed=8).model("small_cnn", torch.float64)], [MEMBER.generator()])
    fresh.load_state_dict(0, trained.stack.state_dict(0))
    assert torch.equal(fresh.weights, trained.stack.weights)
    assert_same_state(fresh.state_dict(0), trained.stack.state_dict(0), 0)


@pytest.mark.parametrize("engine", ["serial", "serial_channels_last"])
def test_members_in_turn_are_each_what_they_are_alone(engine: Engine) -> None:
    members = [MEMBER, Member(seed=5, lr=0.05), Member(seed=6, stream=1)]
    nets = [member.model("small_cnn", torch.float64, dropout=0.3) for member in members]
    pack = Pack(stack(engine, nets[:1], [MEMBER.generator()]), [MEMBER], torch.float64).train(10)
    others = Pack(stack(engine, nets[1:], [each.generator() for each in members[1:]]), members[1:], torch.float64)
    pack = pack.join(others).train(10).select([0, 2]).train(10)
    for row, number in enumerate((0, 2)):
        expected = train_alone(members[number], nets[number], torch.float64, pack.steps[row])
        assert_same_state(pack.stack.state_dict(row), expected, 1e-10)


def test_it_takes_models_of_one_architecture() -> None:
    nets = [MEMBER.model("mlp", torch.float32), MEMBER.model("small_cnn", torch.float32)]
    with pytest.raises(NotStackable, match="differ in more than their weights"):
        stack("serial", nets, [MEMBER.generator()] * 2)
