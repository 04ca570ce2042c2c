"""On a card every engine gives each member the numbers of plain torch alone on that card."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from studies.contract.packing import Engine
from studies.contract.study_file import Precision
from tests.gpu.card import CARD, needs_card
from tests.unit.workers.training import Member, Pack, assert_same_state, train_alone
from workers.runtime.engines import stack
from workers.runtime.engines.agreement import disagreement
from workers.runtime.gradients import LossScale
from workers.runtime.precision import arithmetic
from workers.runtime.seeding import seed_everything

pytestmark = needs_card

SAME_STREAM = tuple(Member(seed=seed, lr=0.01 * seed, device=CARD) for seed in (1, 2, 3))
OWN_STREAMS = tuple(replace(member, stream=member.seed) for member in SAME_STREAM)
FUSED: tuple[Engine, ...] = ("batched", "vmap")
SERIAL: tuple[Engine, ...] = ("serial", "serial_channels_last")


@pytest.fixture(autouse=True)
def _deterministic_kernels() -> None:
    seed_everything(0)


def packed(engine: Engine, name: str, members: tuple[Member, ...], dtype: torch.dtype, dropout: float) -> Pack:
    nets = [member.model(name, dtype, dropout) for member in members]
    return Pack(stack(engine, nets, [member.generator() for member in members]), members, dtype)


def assert_as_alone(pack: Pack, name: str, dropout: float, tolerance: float) -> None:
    for place, (member, steps) in enumerate(zip(pack.members, pack.steps, strict=True)):
        expected = train_alone(member, member.model(name, pack.dtype, dropout), pack.dtype, steps)
        assert_same_state(pack.stack.state_dict(place), expected, tolerance)


@pytest.mark.parametrize("name", ["small_cnn", "mlp"])
@pytest.mark.parametrize("engine", SERIAL)
def test_serial_engines_in_float64(engine: Engine, name: str) -> None:
    pack = packed(engine, name, SAME_STREAM[:1], torch.float64, 0.3).train(50)
    assert_as_alone(pack, name, 0.3, 1e-10)


@pytest.mark.parametrize("members", [SAME_STREAM, OWN_STREAMS], ids=["shared", "own"])
@pytest.mark.parametrize("name", ["small_cnn", "mlp"])
@pytest.mark.parametrize("engine", FUSED)
def test_fused_engines_in_float64(engine: Engine, name: str, members: tuple[Member, ...]) -> None:
    assert_as_alone(packed(engine, name, members, torch.float64, 0.3).train(50), name, 0.3, 1e-10)


@pytest.mark.parametrize("engine", FUSED)
def test_a_resnet(engine: Engine) -> None:
    assert_as_alone(packed(engine, "resnet18", OWN_STREAMS[:2], torch.float64, 0.0).train(3), "resnet18", 0.0, 1e-10)


@pytest.mark.parametrize("engine", FUSED)
def test_one_step_in_float32(engine: Engine) -> None:
    with torch.backends.cudnn.flags(deterministic=True, allow_tf32=False):
        pack = packed(engine, "small_cnn", OWN_STREAMS, torch.float32, 0.0).train(1)
        assert_as_alone(pack, "small_cnn", 0.0, 1e-6)


@pytest.mark.parametrize("engine", FUSED)
def test_members_leave_and_join(engine: Engine) -> None:
    pack = packed(engine, "small_cnn", OWN_STREAMS, torch.float64, 0.3).train(5).select([2, 0])
    pack = pack.join(packed(engine, "small_cnn", (Member(seed=9, device=CARD),), torch.float64, 0.3)).train(5)
    assert_as_alone(pack, "small_cnn", 0.3, 1e-10)


@pytest.mark.parametrize("engine", FUSED)
def test_a_broken_member_leaves_the_others_bit_for_bit_as_they_were(engine: Engine) -> None:
    healthy, sick = (packed(engine, "small_cnn", SAME_STREAM, torch.float32, 0.0) for _ in range(2))
    sick.stack.weights[1, 3] = torch.nan
    healthy.train(3)
    sick.train(3)
    for member in (0, 2):
        assert_same_state(sick.stack.state_dict(member), healthy.stack.state_dict(member), 0)


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("engine", FUSED)
def test_the_self_check_passes_what_is_right_and_names_what_is_wrong(engine: Engine, precision: Precision) -> None:
    numbers = arithmetic(precision)
    pack = packed(engine, "small_cnn", SAME_STREAM, numbers.dtype, 0.3)
    models = [member.model("small_cnn", numbers.dtype, 0.3) for member in SAME_STREAM]
    inputs, targets = SAME_STREAM[0].inputs(0, numbers.dtype), SAME_STREAM[0].targets(0)

    def losses(outputs: Tensor, members: object) -> Tensor:
        return -outputs.log_softmax(-1)[:, torch.arange(len(targets)), targets].mean(1)

    assert disagreement(pack.stack, models, inputs, losses, numbers, shared=True) is None
    pack.stack.weights[1, 3] += 0.5
    assert "member 1" in (disagreement(pack.stack, models, inputs, losses, numbers, shared=True) or "nobody")


@pytest.mark.parametrize("engine", ["serial", "serial_channels_last", "batched", "vmap"])
def test_half_precision_learns_with_scaled_losses(engine: Engine) -> None:
    members = SAME_STREAM if engine in FUSED else SAME_STREAM[:1]
    pack, numbers = packed(engine, "small_cnn", members, torch.float32, 0.0), arithmetic("float16")
    scale = LossScale.create(len(members), CARD)
    pack.stack.train()
    seen = []
    for _ in range(40):
        with numbers.autocast(CARD):
            losses = pack.losses()
        seen.append(losses.detach())
        gradients, finite = scale.unscaled(pack.stack.gradients(scale.scaled(losses.to(numbers.dtype))))
        scale = scale.updated(finite)
        pack.optimizer.step(pack.stack.weights, gradients, pack.knobs(), finite)
        pack.steps = [step + 1 for step in pack.steps]
    assert (torch.stack(seen[-5:]).mean(0) < torch.stack(seen[:5]).mean(0)).all()
    assert pack.stack.state_dict(0)["1.running_var"].dtype == torch.float32
