"""The self-check finds whoever is not what it is alone, and touches nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from studies.contract.study_file import Precision
from tests.unit.workers.training import Member, assert_same_state
from workers.runtime.engines import stack
from workers.runtime.engines.agreement import disagreement
from workers.runtime.engines.base import NotStackable, StackedModel
from workers.runtime.engines.vmapped import VmappedModel
from workers.runtime.precision import Arithmetic, arithmetic

MEMBERS = (Member(seed=1), Member(seed=2, stream=1), Member(seed=3, stream=2))
TARGETS = torch.arange(6) % 3


def losses(outputs: Tensor, members: Sequence[int]) -> Tensor:
    """Cross entropy, smoothed more for each later member."""
    each = [
        functional.cross_entropy(own, TARGETS, label_smoothing=0.1 * member)
        for own, member in zip(outputs, members, strict=True)
    ]
    return torch.stack(each)


def nets(name: str = "small_cnn", dtype: torch.dtype = torch.float32) -> list[nn.Module]:
    return [member.model(name, dtype, dropout=0.3) for member in MEMBERS]


def batches(dtype: torch.dtype, *, shared: bool) -> Tensor:
    own = torch.stack([member.inputs(0, dtype) for member in MEMBERS])
    return own[0] if shared else own


def checked(
    model: StackedModel, models: Sequence[nn.Module], numbers: Arithmetic, *, shared: bool = True
) -> str | None:
    return disagreement(model, models, batches(numbers.dtype, shared=shared), losses, numbers, shared=shared)


def packed(models: Sequence[nn.Module]) -> VmappedModel:
    return VmappedModel.stack(models, [member.generator() for member in MEMBERS])


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", ["small_cnn", "mlp"])
@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "float16"])
def test_a_stack_that_is_right_passes_in_every_precision(precision: Precision, name: str, shared: bool) -> None:
    numbers = arithmetic(precision)
    models = nets(name, numbers.dtype)
    assert checked(packed(models), models, numbers, shared=shared) is None


def wrong_weight(model: VmappedModel) -> None:
    model.weights[1, 5] += 0.1


def wrong_statistics(model: VmappedModel) -> None:
    model.constants["1.running_mean"][1] += 0.1


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (wrong_weight, "member 1 .* its (outputs|losses|gradients)"),
        (wrong_statistics, "member 1 .* its (statistics|outputs in evaluation)"),
    ],
)
def test_a_member_that_is_not_as_alone_is_named(
    spoil: Callable[[VmappedModel], None], named: str, precision: Precision
) -> None:
    numbers = arithmetic(precision)
    models = nets(dtype=numbers.dtype)
    model = packed(models)
    spoil(model)
    assert re.search(named, checked(model, models, numbers) or "nobody")


class Mixing(VmappedModel):
    """An engine whose members take each other's gradients."""

    def gradients(self, losses: Tensor) -> Tensor:
        return super().gradients(losses).roll(1, dims=0)


class Swapping(VmappedModel):
    """An engine whose members drop each other's features."""

    def forward(self, inputs: Tensor, *, shared: bool) -> Tensor:
        self.generators.reverse()
        return super().forward(inputs, shared=shared)


class Confusing(VmappedModel):
    """An engine whose members are evaluated in each other's place."""

    def forward(self, inputs: Tensor, *, shared: bool) -> Tensor:
        outputs = super().forward(inputs, shared=shared)
        return outputs if self.shell.training else outputs.roll(1, dims=0)


@pytest.mark.parametrize(
    ("engine", "named"),
    [
        (Mixing, "its gradients"),
        (Swapping, "its (outputs|losses|gradients)"),
        (Confusing, "its outputs in evaluation"),
    ],
)
def test_an_engine_that_mixes_members_is_found_out(engine: type[VmappedModel], named: str) -> None:
    models = nets()
    model = engine.stack(models, [member.generator() for member in MEMBERS])
    assert re.search(named, checked(model, models, arithmetic("float32")) or "nobody")


def test_losses_that_mix_members_are_found_out() -> None:
    def mixed(outputs: Tensor, members: Sequence[int]) -> Tensor:
        return losses(outputs, members).mean().expand(len(members))

    models, numbers = nets(), arithmetic("float32")
    sentence = disagreement(packed(models), models, batches(numbers.dtype, shared=True), mixed, numbers, shared=True)
    assert "member 0" in (sentence or "nobody")


def test_a_member_that_is_broken_alone_too_agrees() -> None:
    models = nets()
    with torch.no_grad():
        next(models[1].parameters())[0] = torch.nan
    assert checked(packed(models), models, arithmetic("float32")) is None


def test_a_member_that_is_broken_in_the_pack_alone_does_not() -> None:
    models = nets()
    model = packed(models)
    model.weights[2, 0] = torch.nan
    assert "member 2" in (checked(model, models, arithmetic("float32")) or "nobody")


def test_nothing_changes() -> None:
    models = nets()
    model = packed(models)
    stacked, alone = [model.state_dict(member) for member in range(3)], [net.state_dict() for net in nets()]
    generators = [generator.get_state() for generator in model.generators]
    default = torch.get_rng_state()
    checked(model, models, arithmetic("bfloat16"), shared=False)
    for member in range(3):
        assert_same_state(model.state_dict(member), stacked[member], 0)
        assert_same_state(models[member].state_dict(), alone[member], 0)
        assert torch.equal(model.generators[member].get_state(), generators[member])
    assert torch.equal(torch.get_rng_state(), default)


def test_what_an_engine_cannot_run_is_said() -> None:
    models = [nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 3)) for _ in MEMBERS]
    with pytest.raises(NotStackable, match="vmap cannot run this model"):
        checked(packed(models), models, arithmetic("float32"))


def test_serial_agrees_with_itself() -> None:
    models = nets()[:1]
    model = stack("serial", models, [MEMBERS[0].generator()])
    assert checked(model, models, arithmetic("float32")) is None
