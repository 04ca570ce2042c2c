"""Every optimiser makes the step that torch's own documentation promises, and only weights decay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studies.contract.study_file import OptimizerName
from workers.runtime.optimizers import build_optimizer, parameter_groups, set_lr

LR = 0.1
MOMENTUM = 0.9
DECAY = 0.01

Update = Callable[[Tensor, Tensor], Tensor]


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def stepped(
    name: OptimizerName, params: dict[str, Any], times: int = 1
) -> tuple[list[Tensor], list[Tensor], nn.Module]:
    """Return parameters before, gradients (all the same at each step), and the model after `times` steps."""
    net = model()
    before = [parameter.detach().clone() for parameter in net.parameters()]
    optimizer = build_optimizer(name, net, params)
    gradients = [torch.full_like(parameter, 0.5) for parameter in net.parameters()]
    for _ in range(times):
        for parameter, gradient in zip(net.parameters(), gradients, strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()
    return before, gradients, net


@pytest.mark.parametrize(
    ("name", "params", "times", "distance"),
    [
        ("sgd", {}, 2, LR * 0.5 * 2),
        ("sgd", {"momentum": MOMENTUM}, 2, LR * 0.5 * (1 + (1 + MOMENTUM))),
        ("nesterov", {"momentum": MOMENTUM}, 1, LR * 0.5 * (1 + MOMENTUM)),
        ("nesterov", {}, 1, LR * 0.5),
        ("adam", {"momentum": 0.5}, 1, LR),
        ("adamw", {}, 1, LR),
        ("rmsprop", {}, 1, LR / (0.01**0.5)),
        ("rmsprop", {"momentum": MOMENTUM}, 1, LR / (0.01**0.5)),
    ],
)
def test_the_length_of_a_step(name: OptimizerName, params: dict[str, Any], times: int, distance: float) -> None:
    before, _, net = stepped(name, {"lr": LR, **params}, times)
    for old, new in zip(before, net.parameters(), strict=True):
        torch.testing.assert_close(old - new.detach(), torch.full_like(old, distance), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shrink"),
    [("sgd", lambda weight: LR * DECAY * weight), ("adamw", lambda weight: LR * DECAY * weight)],
)
def test_weights_decay_and_biases_and_batch_norm_do_not(name: OptimizerName, shrink: Update) -> None:
    _, _, plain = stepped(name, {"lr": LR})
    _, _, decayed = stepped(name, {"lr": LR, "weight_decay": DECAY})
    before = model()
    for old, without, weakened in zip(before.parameters(), plain.parameters(), decayed.parameters(), strict=True):
        expected = shrink(old.detach()) if old.ndim > 1 else torch.zeros_like(old)
        torch.testing.assert_close(without.detach() - weakened.detach(), expected, rtol=1e-3, atol=1e-6)


def test_frozen_parameters_are_left_out() -> None:
    net = model()
    for parameter in net[0].parameters():  # type: ignore[index]
        parameter.requires_grad = False
    counted = sum(len(group["params"]) for group in parameter_groups(net, DECAY))
    assert counted == 4


def test_set_lr_reaches_every_group() -> None:
    optimizer = build_optimizer("sgd", model(), {"lr": LR, "weight_decay": DECAY})
    set_lr(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
