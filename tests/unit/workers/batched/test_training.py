"""A member of a stack is the same run as that model alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.unit.workers.batched.nets import (
    Alone,
    Build,
    distance,
    gap,
    generators,
    image_batches,
    mlp,
    models,
    small_cnn,
    stacked_step,
)
from workers.runtime.engines.batched import BatchedModel

RATES = (0.3, 0.03, 0.1)


def stack_and_alone(build: Build, width: int) -> tuple[BatchedModel, list[Alone]]:
    built = models(build, width)
    alone = [Alone.of(model, member, RATES[member]) for member, model in enumerate(built)]
    return BatchedModel.stack(built, generators(width)), alone


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("build", [small_cnn, mlp, lambda: small_cnn(0.4), lambda: mlp(0.4)])
def test_hundred_steps_on_shared_batches(build: Build, width: int) -> None:
    stack, alone = stack_and_alone(build, width)
    for inputs, targets in image_batches(100):
        stacked_step(stack, inputs, targets, RATES[:width], shared=True)
        for run in alone:
            run.step(inputs, targets)
    assert distance(stack, [run.model for run in alone]) < 1e-10
    assert gap(stack, alone, image_batches(1)[0][0]) < 1e-10


@pytest.mark.parametrize("build", [lambda: small_cnn(0.4), lambda: mlp(0.4)])
def test_hundred_steps_on_own_batches(build: Build) -> None:
    stack, alone = stack_and_alone(build, 3)
    batches = image_batches(300)
    for step in range(100):
        own = batches[3 * step : 3 * step + 3]
        inputs, targets = (torch.stack(parts) for parts in zip(*own, strict=True))
        stacked_step(stack, inputs, targets, RATES, shared=False)
        for run, batch in zip(alone, own, strict=True):
            run.step(*batch)
    assert distance(stack, [run.model for run in alone]) < 1e-10


@pytest.mark.parametrize("build", [small_cnn, mlp])
def test_one_step_in_float32(build: Build) -> None:
    built = models(build, 3, torch.float32)
    alone = [Alone.of(model, member, 0.1) for member, model in enumerate(built)]
    stack = BatchedModel.stack(built, generators(3))
    inputs, targets = image_batches(1, dtype=torch.float32)[0]
    stacked_step(stack, inputs, targets, (0.1,) * 3, shared=True)
    for run in alone:
        run.step(inputs, targets)
    assert distance(stack, [run.model for run in alone]) < 1e-6


@pytest.mark.parametrize("build", [lambda: small_cnn(0.4), lambda: mlp(0.4)])
def test_members_leave_and_others_join_under_way(build: Build) -> None:
    stack, alone = stack_and_alone(build, 3)
    batches = image_batches(60)
    for inputs, targets in batches[:20]:
        stacked_step(stack, inputs, targets, RATES, shared=True)
        for run in alone:
            run.step(inputs, targets)
    left = [2, 0]
    late = models(build, 4)[3:]
    newcomer = Alone.of(late[0], 3, 0.2)
    stack = stack.select(left).join(BatchedModel.stack(late, generators(4)[3:]))
    runs, rates = [alone[2], alone[0], newcomer], [RATES[2], RATES[0], 0.2]
    for inputs, targets in batches[20:]:
        stacked_step(stack, inputs, targets, rates, shared=True)
        for run in runs:
            run.step(inputs, targets)
    assert distance(stack, [run.model for run in runs]) < 1e-10
    assert gap(stack, runs, batches[0][0]) < 1e-10


def test_select_and_join_leave_the_stacks_they_come_from_alone() -> None:
    first, _ = stack_and_alone(small_cnn, 2)
    second, _ = stack_and_alone(small_cnn, 1)
    before = first.state_dict(0)
    joined = first.select([0]).join(second)
    (inputs, targets), *_ = image_batches(1)
    stacked_step(joined, inputs, targets, (0.1, 0.1), shared=True)
    assert all(torch.equal(before[name], tensor) for name, tensor in first.state_dict(0).items())


def test_a_stack_taken_over_in_evaluation_stays_in_evaluation() -> None:
    stack, _ = stack_and_alone(small_cnn, 2)
    stack.train(mode=False)
    before = stack.state_dict(1)
    taken = stack.select([1])
    taken.forward(image_batches(1)[0][0], shared=True)
    assert all(torch.equal(before[name], tensor) for name, tensor in taken.state_dict(0).items())


def test_stacks_of_different_models_do_not_join() -> None:
    with pytest.raises(ValueError, match="one architecture"):
        stack_and_alone(small_cnn, 1)[0].join(stack_and_alone(mlp, 1)[0])


@pytest.mark.parametrize("build", [small_cnn, mlp, lambda: small_cnn(0.4)])
@pytest.mark.parametrize("shared", [True, False])
def test_a_member_that_is_not_a_number_leaves_the_others_bit_for_bit(build: Build, shared: bool) -> None:
    well, _ = stack_and_alone(build, 3)
    ill, _ = stack_and_alone(build, 3)
    ill.weights[1] = torch.nan
    for inputs, targets in image_batches(3):
        batch = (inputs, targets) if shared else (inputs.expand(3, *inputs.shape), targets.expand(3, -1))
        for stack in (well, ill):
            stacked_step(stack, *batch, RATES, shared=shared)
    assert ill.weights[1].isnan().all()
    for member in (0, 2):
        expected = well.state_dict(member)
        assert all(torch.equal(expected[name], own) for name, own in ill.state_dict(member).items())


def test_a_loss_that_overflows_leaves_the_others_gradients_as_they_were() -> None:
    stack, _ = stack_and_alone(small_cnn, 3)
    inputs, targets = image_batches(1)[0]
    losses = torch.stack([functional.cross_entropy(own, targets) for own in stack.forward(inputs, shared=True)])
    expected = stack.gradients(losses)
    losses = torch.stack([functional.cross_entropy(own, targets) for own in stack.forward(inputs, shared=True)])
    gradients = stack.gradients(losses * torch.tensor([1, torch.inf, 1], dtype=torch.float64))
    assert gradients.shape == stack.weights.shape
    assert gradients.is_contiguous()
    assert torch.equal(gradients[[0, 2]], expected[[0, 2]])


def test_a_stack_can_be_compiled() -> None:
    stack, alone = stack_and_alone(mlp, 2)
    inputs, targets = image_batches(1)[0]
    stack.forward = torch.compile(stack.forward, backend="aot_eager")  # type: ignore[method-assign]
    for _ in range(2):
        stacked_step(stack, inputs, targets, RATES[:2], shared=True)
        for run in alone:
            run.step(inputs, targets)
    assert distance(stack, [run.model for run in alone]) < 1e-10


def test_the_callers_batch_is_never_written() -> None:
    stack = BatchedModel.stack(models(lambda: nn.Sequential(nn.ReLU(inplace=True), mlp()), 2), generators(2))
    inputs, targets = image_batches(1)[0]
    before = inputs.clone()
    stacked_step(stack, inputs, targets, (0.1, 0.1), shared=True)
    stacked_step(stack, inputs.expand(2, *inputs.shape), targets.expand(2, -1), (0.1, 0.1), shared=False)
    assert torch.equal(inputs, before)


def test_a_state_goes_from_a_stack_into_a_model_and_back() -> None:
    stack, alone = stack_and_alone(small_cnn, 2)
    inputs, targets = image_batches(1)[0]
    stacked_step(stack, inputs, targets, (0.1, 0.1), shared=True)
    alone[0].model.load_state_dict(stack.state_dict(1))
    assert distance(stack.select([1]), [alone[0].model]) == 0
    stack.load_state_dict(0, alone[1].model.state_dict())
    assert distance(stack.select([0]), [alone[1].model]) == 0


def test_a_state_is_a_copy() -> None:
    stack, _ = stack_and_alone(small_cnn, 1)
    for tensor in stack.state_dict(0).values():
        tensor.zero_()
    assert stack.weights.any()


def test_the_state_of_another_model_is_refused() -> None:
    stack, _ = stack_and_alone(small_cnn, 1)
    with pytest.raises(ValueError, match=r"another model.*8.bias"):
        stack.load_state_dict(0, {name: tensor for name, tensor in stack.state_dict(0).items() if name != "8.bias"})
