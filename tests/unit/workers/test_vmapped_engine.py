"""Under vmap every member is the run that it is alone, or the engine says that it cannot be."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from tests.unit.workers.training import BATCH, SHAPE, Member, Pack, assert_same_state, train_alone
from workers.objectives.image_classification.models import build_model
from workers.runtime.dropout import with_seeded_dropout
from workers.runtime.engines import stack
from workers.runtime.engines.base import NotStackable, StackedModel
from workers.runtime.engines.vmapped import VmappedModel
from workers.runtime.precision import arithmetic

SAME_STREAM = (Member(seed=1), Member(seed=2, lr=0.03), Member(seed=3, lr=0.01))
OWN_STREAMS = tuple(Member(seed=seed, lr=0.01 * seed, stream=seed) for seed in (1, 2, 3))
FLOAT64 = torch.float64


def packed(name: str, members: Sequence[Member], dtype: torch.dtype = FLOAT64, dropout: float = 0.0) -> Pack:
    nets = [member.model(name, dtype, dropout) for member in members]
    return Pack(stack("vmap", nets, [member.generator() for member in members]), members, dtype)


def assert_members_as_alone(pack: Pack, name: str, tolerance: float, dropout: float = 0.0) -> None:
    for place, (member, steps) in enumerate(zip(pack.members, pack.steps, strict=True)):
        expected = train_alone(member, member.model(name, pack.dtype, dropout), pack.dtype, steps)
        assert_same_state(pack.stack.state_dict(place), expected, tolerance)


@pytest.mark.parametrize(
    ("name", "dropout", "members"),
    [
        ("small_cnn", 0.3, SAME_STREAM),
        ("small_cnn", 0.0, OWN_STREAMS),
        ("mlp", 0.0, SAME_STREAM),
        ("mlp", 0.3, OWN_STREAMS),
        ("mlp", 0.3, SAME_STREAM[:1]),
    ],
)
def test_a_hundred_steps_are_those_of_torch_alone(name: str, dropout: float, members: Sequence[Member]) -> None:
    assert_members_as_alone(packed(name, members, dropout=dropout).train(100), name, 1e-10, dropout)


@pytest.mark.parametrize("members", [SAME_STREAM, OWN_STREAMS])
@pytest.mark.parametrize("name", ["small_cnn", "mlp"])
def test_one_step_in_float32(name: str, members: Sequence[Member]) -> None:
    assert_members_as_alone(packed(name, members, torch.float32).train(1), name, 1e-6)


def test_a_resnet_with_its_batch_norm() -> None:
    assert_members_as_alone(packed("resnet18", OWN_STREAMS[:2]).train(3), "resnet18", 1e-10)


def test_members_leave_and_join_under_way() -> None:
    pack = packed("small_cnn", SAME_STREAM, dropout=0.3).train(5)
    pack = pack.select([2, 0]).train(2).join(packed("small_cnn", [Member(seed=9)], dropout=0.3)).train(5)
    assert pack.steps == [12, 12, 5]
    assert_members_as_alone(pack, "small_cnn", 1e-10, dropout=0.3)


def test_selecting_copies() -> None:
    pack = packed("small_cnn", SAME_STREAM).train(1)
    before = [pack.stack.state_dict(member) for member in range(3)]
    pack.select([0, 1, 2]).train(2)
    for member, state in enumerate(before):
        assert_same_state(pack.stack.state_dict(member), state, 0)


def test_the_mode_is_the_stacks_own() -> None:
    pack = packed("mlp", SAME_STREAM, dropout=0.5)
    inputs = SAME_STREAM[0].inputs(0, FLOAT64)
    due = pack.stack.select([1])
    due.train(mode=False)
    pack.stack.train()
    assert torch.equal(due.forward(inputs, shared=True), due.forward(inputs, shared=True))
    assert not torch.equal(pack.stack.forward(inputs, shared=True), pack.stack.forward(inputs, shared=True))


def test_evaluation_is_that_of_the_members_alone() -> None:
    pack = packed("small_cnn", SAME_STREAM, dropout=0.3).train(3)
    pack.stack.train(mode=False)
    inputs = torch.randn(11, *SHAPE, dtype=FLOAT64)
    generators = [generator.get_state() for generator in pack.stack.generators]
    with torch.no_grad():
        outputs = pack.stack.forward(inputs, shared=True)
    for place, member in enumerate(SAME_STREAM):
        net = member.model("small_cnn", FLOAT64, 0.3)
        net.load_state_dict(pack.stack.state_dict(place))
        torch.testing.assert_close(outputs[place], net.eval()(inputs), rtol=0, atol=1e-12)
    assert all(torch.equal(a.get_state(), b) for a, b in zip(pack.stack.generators, generators, strict=True))


def test_a_generator_stands_where_it_does_alone() -> None:
    pack = packed("mlp", SAME_STREAM, dropout=0.3).train(4)
    for member, generator in zip(SAME_STREAM, pack.stack.generators, strict=True):
        train_alone(member, member.model("mlp", FLOAT64, 0.3), FLOAT64, 4)
        assert torch.equal(generator.get_state(), torch.get_rng_state())


@pytest.mark.parametrize("shared", [True, False])
def test_a_broken_member_leaves_the_others_bit_for_bit_as_they_were(shared: bool) -> None:
    members = SAME_STREAM if shared else OWN_STREAMS
    healthy, sick = packed("small_cnn", members, torch.float32), packed("small_cnn", members, torch.float32)
    sick.stack.weights[1, 3] = torch.nan
    healthy.train(3)
    sick.train(3)
    assert sick.stack.weights[1].isnan().any()
    for member in (0, 2):
        assert_same_state(sick.stack.state_dict(member), healthy.stack.state_dict(member), 0)


def test_states_go_in_and_out() -> None:
    pack, other = packed("small_cnn", SAME_STREAM).train(2), packed("small_cnn", OWN_STREAMS)
    other.stack.load_state_dict(2, pack.stack.state_dict(0))
    assert torch.equal(other.stack.weights[2], pack.stack.weights[0])
    assert_same_state(other.stack.state_dict(2), pack.stack.state_dict(0), 0)
    with pytest.raises(ValueError, match=r"another model: it differs in \['0.weight'\]"):
        other.stack.load_state_dict(0, {k: v for k, v in pack.stack.state_dict(0).items() if k != "0.weight"})


def test_mixed_precision_keeps_weights_and_batch_norm_in_float32() -> None:
    pack, numbers = packed("small_cnn", SAME_STREAM, torch.float32, dropout=0.3), arithmetic("bfloat16")
    inputs = SAME_STREAM[0].inputs(0, torch.float32)
    pack.stack.train()
    with numbers.autocast("cpu"):
        outputs = pack.stack.forward(inputs, shared=True)
    assert pack.stack.gradients(outputs.to(numbers.dtype).square().mean((1, 2))).dtype == torch.float32
    assert pack.stack.state_dict(1)["1.running_var"].dtype == torch.float32
    torch.manual_seed(SAME_STREAM[1].seed)
    net = SAME_STREAM[1].model("small_cnn", torch.float32, dropout=0.3)
    torch.manual_seed(SAME_STREAM[1].seed)
    with numbers.autocast("cpu"):
        alone = net(inputs)
    torch.testing.assert_close(outputs[1], alone.float(), rtol=0.02, atol=0.02)


class Tied(nn.Module):
    """One weight under two names, a frozen parameter, and one that takes no part."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(64, 64), nn.Linear(64, 64)
        self.out.weight = self.into.weight
        self.frozen = nn.Parameter(torch.rand(64), requires_grad=False)
        self.idle = nn.Parameter(torch.ones(2, 2))

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.out(functional.relu(self.into(images.flatten(1)))) * self.frozen
        return features


def test_tied_frozen_and_idle_parameters() -> None:
    torch.manual_seed(0)
    nets = [Tied().double() for _ in SAME_STREAM]
    model = stack("vmap", nets, [member.generator() for member in SAME_STREAM])
    pack = Pack(model, SAME_STREAM, FLOAT64).train(10)
    for place, (member, net) in enumerate(zip(SAME_STREAM, nets, strict=True)):
        assert_same_state(pack.stack.state_dict(place), train_alone(member, net, FLOAT64, 10), 1e-10)


class Applied(nn.Module):
    """A model that does `operation` to its features."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body, self.head, self.operation = nn.Linear(64, 8), nn.Linear(8, 3), operation

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.head(self.operation(self.body(images.flatten(1))))
        return features


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.cells = kind(8, 3, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.cells(images[:, 0])[0][:, -1]
        return features


def cumulative_batch_norm() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, momentum=None), nn.Flatten(), nn.Linear(72, 3))


def dropped_by_torch() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 3))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Applied(lambda x: x * x.norm().item()),
        lambda: Applied(lambda x: x if x.sum() > 0 else -x),
        lambda: Applied(lambda x: x[x > 0].view(-1, 8)),
        lambda: Applied(lambda x: checkpoint(torch.sigmoid, x, use_reentrant=True)),
        lambda: Applied(lambda x: x + torch.rand_like(x)),
        lambda: Recurrent(nn.LSTM),
        lambda: Recurrent(nn.GRU),
        cumulative_batch_norm,
        dropped_by_torch,
    ],
    ids=["item", "branch", "mask", "checkpoint", "random", "lstm", "gru", "cumulative", "dropout"],
)
def test_what_vmap_cannot_do_is_said_before_anything_changes(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    nets, generators = [build() for _ in range(2)], [torch.Generator() for _ in range(2)]
    model = stack("vmap", nets, generators)
    before, states = model.state_dict(1), [generator.get_state() for generator in generators]
    model.train()
    with pytest.raises(NotStackable, match="vmap cannot run this model: "):
        model.forward(torch.randn(BATCH, *SHAPE), shared=True)
    assert_same_state(model.state_dict(1), before, 0)
    assert all(torch.equal(a.get_state(), b) for a, b in zip(generators, states, strict=True))


def test_each_form_of_batch_is_rehearsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsals = []
    monkeypatch.setattr(VmappedModel, "_rehearse", lambda *_, **how: rehearsals.append(how) or ())
    pack = packed("mlp", SAME_STREAM).train(3).select([2, 0]).train(1)
    assert rehearsals == [{"shared": True}]
    pack.join(packed("mlp", [Member(seed=9, stream=1)])).train(2)
    assert rehearsals == [{"shared": True}, {"shared": False}]


def test_running_out_of_memory_is_no_reason_against_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = stack("vmap", [Applied(full)], [torch.Generator()])
    with pytest.raises(torch.OutOfMemoryError):
        model.forward(torch.randn(BATCH, *SHAPE), shared=True)


def test_models_that_are_built_differently_are_no_stack() -> None:
    nets = [with_seeded_dropout(build_model("mlp", SHAPE, 3, rate)) for rate in (0.1, 0.2)]
    with pytest.raises(NotStackable, match="model 1 is built differently"):
        stack("vmap", nets, [torch.Generator()] * 2)


def test_dropouts_that_come_and_go_are_refused() -> None:
    class Fickle(nn.Module):
        calls = 0

        def __init__(self) -> None:
            super().__init__()
            self.body = with_seeded_dropout(nn.Sequential(nn.Dropout(0.5), nn.Linear(64, 3)))

        def forward(self, images: Tensor) -> Tensor:
            Fickle.calls += 1
            features: Tensor = self.body(images.flatten(1)) if Fickle.calls > 1 else self.body[1](images.flatten(1))
            return features

    model: StackedModel = stack("vmap", [Fickle()], [torch.Generator()])
    model.train()
    with pytest.raises(NotStackable, match="dropout is called more often"):
        model.forward(torch.randn(BATCH, *SHAPE), shared=True)


def test_stacking_leaves_the_models_alone() -> None:
    nets = [member.model("small_cnn", FLOAT64, 0.3) for member in SAME_STREAM]
    before = copy.deepcopy(nets)
    Pack(stack("vmap", nets, [member.generator() for member in SAME_STREAM]), SAME_STREAM, FLOAT64).train(1)
    for net, untouched in zip(nets, before, strict=True):
        assert str(net) == str(untouched)
        assert_same_state(net.state_dict(), untouched.state_dict(), 0)
