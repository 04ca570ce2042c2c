"""Clipping and loss scaling treat each member as torch treats one alone, and leave its neighbours be."""

from __future__ import annotations

import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from workers.runtime.gradients import GROWTH_INTERVAL, INITIAL_SCALE, LossScale, clipped

MAGNITUDES = st.sampled_from([0.0, 1e-8, 1e-3, 1.0, 50.0, 1e6])


@given(
    st.lists(st.tuples(MAGNITUDES, st.sampled_from([0.0, 1e-3, 0.5, 1.0, 100.0])), min_size=1, max_size=4),
    st.integers(0, 100),
)
def test_clipping_is_what_torch_does_to_each_alone(members: list[tuple[float, float]], seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    gradients = torch.randn(len(members), 12, generator=draw, dtype=torch.float64)
    gradients *= torch.tensor([[magnitude] for magnitude, _ in members])
    norms = torch.tensor([norm for _, norm in members], dtype=torch.float64)
    for row, gradient, (_, norm) in zip(clipped(gradients, norms), gradients, members, strict=True):
        weight, bias = nn.Parameter(torch.zeros(2, 5).double()), nn.Parameter(torch.zeros(2).double())
        weight.grad, bias.grad = gradient[:10].view(2, 5).clone(), gradient[10:].clone()
        if norm:
            nn.utils.clip_grad_norm_([weight, bias], norm)
        torch.testing.assert_close(row, torch.cat([weight.grad.flatten(), bias.grad]), rtol=1e-12, atol=0)


def test_a_broken_gradient_leaves_the_others_bit_for_bit_as_they_were() -> None:
    gradients, norms = torch.randn(3, 7), torch.tensor([0.5, 0.5, 0.0])
    broken = gradients.clone()
    broken[0, 3] = torch.nan
    assert torch.equal(clipped(broken, norms)[1:], clipped(gradients, norms)[1:])


def gradients_of(finite: list[bool]) -> torch.Tensor:
    return torch.tensor([[1.0, 2.0] if good else [1.0, torch.inf] for good in finite])


def after(scale: LossScale, finite: list[bool]) -> LossScale:
    _, good = scale.unscaled(gradients_of(finite) * scale.scales[:, None])
    assert good.tolist() == finite
    return scale.updated(good)


def test_scaling_there_and_back_changes_nothing() -> None:
    scale = LossScale.create(2, "cpu")
    weights = torch.tensor([[0.3, 0.7], [1.1, -2.0]], requires_grad=True)
    (plain,) = torch.autograd.grad((weights**2).sum(), weights)
    (scaled,) = torch.autograd.grad(scale.scaled((weights**2).sum(1)).sum(), weights)
    assert torch.equal(scale.unscaled(scaled)[0], plain)


@pytest.mark.parametrize("broken", [torch.inf, -torch.inf, torch.nan])
def test_only_the_member_that_overflows_backs_off(broken: float) -> None:
    scale = LossScale.create(3, "cpu")
    gradients = torch.ones(3, 4)
    gradients[1, 2] = broken
    _, finite = scale.unscaled(gradients)
    assert finite.tolist() == [True, False, True]
    assert scale.updated(finite).scales.tolist() == [INITIAL_SCALE, INITIAL_SCALE / 2, INITIAL_SCALE]


def test_the_scale_moves_as_torchs_own_scaler_does() -> None:
    theirs = torch.amp.GradScaler("cpu", growth_interval=GROWTH_INTERVAL)
    weight = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight])
    ours = LossScale.create(2, "cpu")
    ours.good_steps[:] = GROWTH_INTERVAL - 3
    theirs.load_state_dict({**theirs.state_dict(), "_growth_tracker": GROWTH_INTERVAL - 3})
    for good in [True, True, True, True, False, False, True]:
        theirs.scale(torch.zeros(()))
        weight.grad = gradients_of([good])[0]
        theirs.step(optimizer)
        theirs.update()
        ours = after(ours, [good, True])
        assert ours.scales[0].item() == theirs.get_scale()
    assert ours.scales[1].item() == 2 * INITIAL_SCALE


def test_members_take_their_scale_along() -> None:
    scale = after(LossScale.create(3, "cpu"), [True, False, True])
    moved = scale.select([1]).join(LossScale.create(1, "cpu")).join(scale.select([2, 0]))
    assert moved.scales.tolist() == [INITIAL_SCALE / 2] + [INITIAL_SCALE] * 3
    assert moved.good_steps.tolist() == [0, 0, 1, 1]


def test_a_members_scale_survives_its_checkpoint() -> None:
    scale, fresh, file = after(LossScale.create(2, "cpu"), [True, False]), LossScale.create(3, "cpu"), io.BytesIO()
    torch.save(scale.state(1), file)
    file.seek(0)
    fresh.load_state(2, torch.load(file, weights_only=True))
    assert fresh.scales.tolist() == [INITIAL_SCALE, INITIAL_SCALE, INITIAL_SCALE / 2]
