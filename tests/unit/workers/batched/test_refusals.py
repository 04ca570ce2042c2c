"""What has no stacked form is refused with its name, before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.unit.workers.batched.nets import generators, models
from workers.objectives.image_classification.models import build_model
from workers.runtime.dropout import with_seeded_dropout
from workers.runtime.engines.base import NotStackable
from workers.runtime.engines.batched import BatchedModel
from workers.runtime.engines.batched.blueprint import Blueprint


class Net(nn.Module):
    def __init__(self, formula: Callable[[Any, Tensor], Any], layer: nn.Module | None = None) -> None:
        super().__init__()
        self.formula = formula
        self.layer = layer or nn.Linear(4, 4)
        self.constant = torch.ones(4)

    def forward(self, features: Tensor) -> Any:
        return self.formula(self, features)


class OtherLinear(nn.Linear):
    """A layer that computes something else than the one that it inherits from."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        return torch.outer(input[0], self.weight[0])


def with_hook() -> nn.Module:
    layer = nn.Linear(4, 4)
    layer.register_forward_hook(lambda module, inputs, output: output * 2)
    return nn.Sequential(layer)


REFUSED: list[tuple[str, Callable[[], nn.Module]]] = [
    ("0 (LSTM) has no stacked form", lambda: nn.Sequential(nn.LSTM(4, 4))),
    ("1 (InstanceNorm1d) has no stacked form", lambda: nn.Sequential(nn.Linear(4, 4), nn.InstanceNorm1d(4))),
    ("0 (BatchNorm1d): batch norm with momentum=None", lambda: nn.Sequential(nn.BatchNorm1d(4, momentum=None))),
    ("padding_mode='circular'", lambda: nn.Sequential(nn.Conv2d(1, 1, 3, padding_mode="circular"))),
    ("embedding with max_norm", lambda: nn.Sequential(nn.Embedding(4, 4, max_norm=1.0))),
    ("pooling that returns indices", lambda: nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2, return_indices=True))),
    ("0 (Dropout): dropout that draws from torch's own generator", lambda: nn.Sequential(nn.Dropout(0.5))),
    ("dropout (dropout) has no stacked form", lambda: Net(lambda net, x: functional.dropout(net.layer(x), 0.5))),
    ("outer (outer) has no stacked form", lambda: nn.Sequential(OtherLinear(4, 4, bias=False))),
    ("cumsum (cumsum) has no stacked form", lambda: Net(lambda net, x: net.layer(x).cumsum(1))),
    ("einsum (einsum) has no stacked form", lambda: Net(lambda net, x: torch.einsum("bi,bj->bij", net.layer(x), x))),
    ("constant", lambda: Net(lambda net, x: net.layer(x) * net.constant)),
    ("cannot be traced", lambda: Net(lambda net, x: net.layer(x) if x.sum() > 0 else x)),
    ("cannot be traced", lambda: Net(lambda net, x: net.layer(x) * float(x.mean()))),
    ("returns other than one tensor", lambda: Net(lambda net, x: (net.layer(x), x))),
    ("0 has hooks", with_hook),
    ("layer.weight takes no part", lambda: Net(lambda net, x: x * 2)),
    ("layer.weight takes no part", lambda: Net(lambda net, x: (net.layer(x), x * 2)[1])),
    ("in place what is used elsewhere", lambda: Net(lambda net, x: functional.relu_(y := net.layer(x)) + y)),
    ("in place what is used elsewhere", lambda: Net(lambda net, x: (y := net.layer(x)) + functional.relu(y, True))),
    ("in place what is used elsewhere", lambda: Net(lambda net, x: (y := net.layer(x)).flatten(1).relu_() + y)),
    ("in place what is used elsewhere", lambda: Net(lambda net, x: x.mul_(2) + net.layer(x))),
    ("in place what is used elsewhere", lambda: Net(lambda net, x: net.layer(x) * net.layer.weight.mul_(2).sum())),
]  # fmt: skip


@pytest.mark.parametrize(("message", "build"), REFUSED, ids=[message for message, _ in REFUSED])
def test_no_stacked_form(message: str, build: Callable[[], nn.Module]) -> None:
    with pytest.raises(NotStackable, match=re.escape(message)):
        BatchedModel.stack([build()], generators(1))


SEEN_ONLY_WITH_DATA: list[tuple[str, Callable[[], nn.Module], tuple[int, ...]]] = [
    ("0 (Conv2d): an input with 3 axes", lambda: nn.Sequential(nn.Conv2d(1, 2, 3)), (1, 4, 4)),
    ("indexing by a tensor or a list", lambda: Net(lambda net, x: net.layer(x)[[0, 1]]), (2, 4)),
    ("a product with a vector", lambda: Net(lambda net, x: net.layer(x) @ net.layer.bias), (2, 4)),
    ("sum_1 (sum)", lambda: Net(lambda net, x: torch.sum(net.layer(x), axis=1)), (2, 4)),
    ("a setting that is a tensor", lambda: Net(lambda net, x: net.layer(x).clamp(x)), (2, 4)),
    ("getattr", lambda: Net(lambda net, x: net.layer(x).T), (2, 4)),
]


def test_settings_that_differ_between_the_models() -> None:
    one, other = nn.Sequential(nn.Conv2d(1, 2, 3)), nn.Sequential(nn.Conv2d(1, 2, 3, stride=2))
    with pytest.raises(NotStackable, match="differ in more than their weights"):
        BatchedModel.stack([one, other], generators(2))


def test_parameters_of_several_dtypes() -> None:
    with pytest.raises(NotStackable, match="several dtypes"):
        BatchedModel.stack([nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())], generators(1))


@pytest.mark.parametrize(("message", "build", "shape"), SEEN_ONLY_WITH_DATA)
def test_no_stacked_form_of_these_shapes(message: str, build: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    with pytest.raises(NotStackable, match=re.escape(message)):
        BatchedModel.stack(models(build, 2), generators(2)).forward(torch.randn(shape).double(), shared=True)


@pytest.mark.parametrize(
    "name",
    [
        "alexnet", "densenet121", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small",
        "resnet50", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "vgg11_bn",
    ],
)  # fmt: skip
def test_classifiers_that_can_be_stacked(name: str) -> None:
    with torch.device("meta"):
        model = build_model(name, (3, 32, 32), 5)
    assert Blueprint.of(with_seeded_dropout(model)).programs[True].steps


@pytest.mark.parametrize(
    ("name", "obstacle"),
    [("convnext_tiny", "stochastic_depth"), ("efficientnet_b0", "stochastic_depth")],
)
def test_classifiers_that_cannot(name: str, obstacle: str) -> None:
    with pytest.raises(NotStackable, match=obstacle):
        Blueprint.of(with_seeded_dropout(build_model(name, (3, 32, 32), 5)))
