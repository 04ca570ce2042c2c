"""Compiling a stack changes neither its numbers nor its members; a compiled shape serves whoever comes and goes."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.utils import counters

from studies.contract.packing import Engine
from tests.unit.workers.training import Member, Pack, assert_same_state, train_alone
from workers.runtime.engines import stack
from workers.runtime.engines.compiled import CompiledModel, padded_width

MEMBERS = (Member(seed=1), Member(seed=2, lr=0.03), Member(seed=3, lr=0.01))
FLOAT64 = torch.float64


@pytest.fixture(autouse=True)
def _without_a_code_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is traced is run as it is: that spares the tests a C++ compiler and its time."""
    monkeypatch.setattr(CompiledModel, "backend", "eager")
    torch.compiler.reset()
    counters.clear()


def packed(engine: Engine, members: tuple[Member, ...], dropout: float = 0.0) -> Pack:
    nets = [member.model("mlp", FLOAT64, dropout) for member in members]
    return Pack(stack(engine, nets, [member.generator() for member in members]), members, FLOAT64)


# Tracing the batched engine's dropout, torch reads a .grad that it then warns of: an error in these tests.
@pytest.mark.parametrize(("engine", "dropout"), [("batched_compiled", 0.0), ("vmap_compiled", 0.3)])
def test_members_are_as_alone_and_come_and_go_without_compiling_anew(engine: Engine, dropout: float) -> None:
    pack = packed(engine, MEMBERS, dropout).train(3)
    compiled = counters["stats"]["unique_graphs"]
    assert compiled > 0
    pack = pack.select([2, 0]).train(1)
    assert counters["stats"]["unique_graphs"] == compiled
    pack = pack.join(packed(engine, (Member(seed=9),), dropout)).train(1)
    for place, (member, steps) in enumerate(zip(pack.members, pack.steps, strict=True)):
        expected = train_alone(member, member.model("mlp", FLOAT64, dropout), FLOAT64, steps)
        assert_same_state(pack.stack.state_dict(place), expected, 1e-10)


def test_a_generator_stands_where_it_does_alone() -> None:
    pack = packed("vmap_compiled", MEMBERS, 0.3).train(2)
    for member, generator in zip(MEMBERS, pack.stack.generators, strict=True):
        train_alone(member, member.model("mlp", FLOAT64, 0.3), FLOAT64, 2)
        assert torch.equal(generator.get_state(), torch.get_rng_state())


def test_evaluation_is_not_compiled() -> None:
    pack = packed("batched_compiled", MEMBERS)
    pack.stack.train(mode=False)
    outputs = pack.stack.forward(MEMBERS[0].inputs(0, FLOAT64), shared=True)
    assert outputs.shape == (3, 6, 3)
    assert counters["stats"]["unique_graphs"] == 0


def test_a_state_goes_into_the_weights_that_are_trained() -> None:
    pack, other = packed("batched_compiled", MEMBERS[:1]), packed("vmap_compiled", MEMBERS[1:])
    other.stack.load_state_dict(1, pack.stack.state_dict(0))
    assert torch.equal(other.stack.weights[1], pack.stack.weights[0])


@pytest.mark.parametrize(("width", "padded"), [(1, 4), (4, 4), (5, 8), (8, 8), (31, 32), (33, 64)])
def test_widths_repeat(width: int, padded: int) -> None:
    assert padded_width(width) == padded
