"""Every supported layer and operation: outputs, gradients and buffers of K models at once are those of each alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.unit.workers.batched.nets import Build, distance, generators, models
from workers.runtime.dropout import SeededDropout
from workers.runtime.engines.batched import BatchedModel

BATCH = 3
EXACT = 1e-12


class Formula(nn.Module):
    """Features from a convolution, then whatever a model's own forward may compute with them."""

    def __init__(self, formula: Callable[..., Tensor], *layers: nn.Module, channels: int = 4) -> None:
        super().__init__()
        self.features = nn.Conv2d(2, channels, 3, padding=1)
        self.layers = nn.ModuleList(layers)
        self.scale = nn.Parameter(torch.randn(channels, 1, 1))
        self.formula = formula

    def forward(self, images: Tensor) -> Tensor:
        return self.formula(self.features(images) * self.scale, *self.layers)


def check(build: Build, inputs: Tensor, width: int, *, shared: bool, training: bool = True) -> None:
    """Compare a forward and a backward pass of the stack with those of the models alone."""
    alone = models(build, width)
    stack = BatchedModel.stack(alone, generators(width))
    stack.train(mode=training)
    own = inputs if shared else torch.stack([inputs.roll(member, 0) for member in range(width)])
    outputs = stack.forward(own, shared=shared)
    direction = torch.randn_like(outputs)
    gradients = stack.gradients((outputs * direction).flatten(1).sum(1))
    for member, (model, stream) in enumerate(zip(alone, generators(width), strict=True)):
        torch.default_generator.set_state(stream.get_state())
        expected = model.train(training)((inputs if shared else own[member]).clone())
        torch.testing.assert_close(outputs[member], expected, rtol=EXACT, atol=EXACT)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        wanted = torch.autograd.grad((expected * direction[member]).sum(), trained)
        row = torch.cat([gradient.flatten() for gradient in wanted])
        torch.testing.assert_close(gradients[member], row, rtol=EXACT, atol=EXACT)
    assert distance(stack, alone) < EXACT


IMAGES = {
    "conv": lambda: nn.Conv2d(2, 4, 3),
    "conv, stride, padding, dilation": lambda: nn.Conv2d(2, 4, (3, 1), stride=(1, 2), padding=(2, 0), dilation=(2, 1)),
    "conv, same padding": lambda: nn.Conv2d(2, 4, 3, padding="same", bias=False),
    "grouped conv": lambda: nn.Conv2d(2, 4, 3, groups=2),
    "depthwise": lambda: nn.Sequential(nn.Conv2d(2, 4, 1), nn.Conv2d(4, 4, 3, groups=4, bias=False)),
    "conv on conv": lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.Conv2d(3, 2, 2)),
    "batch norm first": lambda: nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3)),
    "batch norm": lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, momentum=0.3, eps=1e-3)),
    "batch norm, not affine": lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, affine=False)),
    "batch norm without statistics": lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, track_running_stats=False)
    ),
    "group norm": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4)),
    "group norm, not affine": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(4, 4, affine=False)),
    "layer norm": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.LayerNorm([4, 2, 2])),
    "max pool": lambda: nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(2, 4, 3), nn.MaxPool2d(2)),
    "average pools": lambda: nn.Sequential(nn.Conv2d(2, 4, 1), nn.AvgPool2d(2, 1), nn.AdaptiveAvgPool2d((2, 1))),
    "pool of a stacked value": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 1), nn.LayerNorm([4, 4, 4]), nn.AdaptiveMaxPool2d(2), nn.ZeroPad2d(1)
    ),
    "dropout of features": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), SeededDropout(0.5), nn.Conv2d(4, 2, 1)),
    "dropout of the batch": lambda: nn.Sequential(SeededDropout(0.5), nn.Conv2d(2, 4, 3)),
    "flatten and linear": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(16, 3)),
    "linear on the last axis": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.Linear(2, 3, bias=False)),
    "linear on the last axis of the batch": lambda: nn.Linear(4, 3),
    "partial flatten": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(2), nn.Linear(4, 2)),
    "softmax over channels": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.Softmax(dim=1)),
    "softmax over the batch": lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.LogSoftmax(dim=0)),
    "identity": lambda: nn.Sequential(nn.Identity(), nn.Conv2d(2, 4, 3), nn.Dropout(0.0)),
    "frozen weights": lambda: nn.Sequential(nn.Conv2d(2, 4, 3).requires_grad_(False), nn.Conv2d(4, 2, 1)),
}

ACTIVATIONS = [
    nn.CELU(), nn.ELU(), nn.GELU(), nn.Hardsigmoid(), nn.Hardswish(inplace=True), nn.Hardtanh(), nn.LeakyReLU(0.2),
    nn.LogSigmoid(), nn.Mish(), nn.ReLU(inplace=True), nn.ReLU6(), nn.SELU(), nn.SiLU(), nn.Sigmoid(), nn.Softplus(),
    nn.Softsign(), nn.Tanh(),
]  # fmt: skip

FORMULAS: dict[str, Callable[..., Tensor]] = {
    "residual": lambda x: x + x.relu(),
    "in-place residual": lambda x: functional.relu((x * 2).add_(1), inplace=True),
    "augmented residual": lambda x: torch.add(x.sigmoid(), x, alpha=3),
    "number first": lambda x: 1 - x / 2 + (-x) ** 2,
    "squeeze and excite": lambda x: x * torch.sigmoid(functional.adaptive_avg_pool2d(x, 1)),
    "channel attention by mean": lambda x: x * x.mean((2, 3), keepdim=True),
    "one channel on all": lambda x: x * x[:, :1],
    "broadcast of fewer axes": lambda x: x + x.mean((0, 1)),
    "broadcast of a vector": lambda x: x + x.mean((0, 1, 2)),
    "cat of channels": lambda x: torch.cat([x, x.relu(), x.tanh()], 1),
    "cat of the batch": lambda x: torch.cat((x, x.relu()), dim=0),
    "cat of rows": lambda x: torch.cat([x, x.relu()], -1),
    "chunk": lambda x: x.chunk(2, 1)[0] * torch.chunk(x, 2, dim=1)[1],
    "split": lambda x: torch.split(x, [1, 3], 1)[1] + torch.split(x, 1, dim=1)[0],
    "chunk of the batch": lambda x: x.chunk(3, 0)[1],
    "shuffle": lambda x: x.view(x.size(0), 2, 2, 4, 4).transpose(1, 2).contiguous().view(x.shape[0], -1, 4, 4),
    "view": lambda x: x.view(x.size(0), -1),
    "view of all": lambda x: x.reshape(-1, 64).reshape((-1, 8, 8)),
    "view across the batch": lambda x: x.reshape(2, -1),
    "flatten all": torch.flatten,
    "flatten the batch": lambda x: x.flatten(0, 1),
    "flatten channels": lambda x: x.flatten(1, 2).unsqueeze(1),
    "mean over channels": lambda x: x.mean(1),
    "mean over channels and batch": lambda x: x.mean(dim=[0, 1]),
    "mean over everything": lambda x: x.mean().reshape(1, 1),
    "sums": lambda x: x.sum(-1, keepdim=True) + torch.sum(x, (2,), True),
    "maxima": lambda x: x.amax((2, 3)) - torch.amin(x, dim=1).mean((1, 2), keepdim=True).flatten(1),
    "permute": lambda x: x.permute(0, 2, 3, 1).softmax(-1).permute((0, 3, 1, 2)),
    "transpose": lambda x: x.transpose(0, 1) @ x.transpose(0, 1).transpose(-1, -2),
    "attention": lambda x: functional.softmax(x.flatten(2) @ x.flatten(2).transpose(1, 2), dim=-1) @ x.flatten(2),
    "squeeze": lambda x: functional.max_pool2d(x, 4).squeeze(-1).squeeze(2),
    "expand": lambda x: x[:, :1].expand(-1, 3, -1, -1),
    "slices": lambda x: x[..., 1:, ::2] + x[:, None, 1, :3, :2],
    "pool of a permuted value": lambda x: functional.avg_pool2d(x.transpose(2, 3), kernel_size=2),
    "clamp": lambda x: x.clamp(-0.5, 0.5).clamp_min(0) + torch.square(x).exp().log(),
    "log softmax": lambda x: functional.log_softmax(x, 1),
    "no dropout": lambda x: functional.dropout(x, 0.0) + functional.dropout(x, 0.5, training=False),
}

LAYERED: dict[str, tuple[Callable[..., Tensor], Callable[[], list[nn.Module]]]] = {
    "a layer twice": (lambda x, norm: norm(norm(x) * 2), lambda: [nn.BatchNorm2d(4)]),
    "weights as arguments": (
        lambda x, conv, norm: norm(functional.conv2d(x, conv.weight, conv.bias, padding=1)).flatten(2)[:, :, :4],
        lambda: [nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)],
    ),
    "functional linear and layer norm": (
        lambda x, linear, norm: functional.layer_norm(
            functional.linear(x, linear.weight, linear.bias), (3,), norm.weight, norm.bias
        ),
        lambda: [nn.Linear(4, 3), nn.LayerNorm(3)],
    ),
    "stacked meets folded": (
        lambda x, linear, conv: torch.cat([conv(x), linear(x), x], 1),
        lambda: [nn.Linear(4, 4), nn.Conv2d(4, 2, 1)],
    ),
    "sum of stacked and folded": (
        lambda x, linear, conv: conv(x) + linear(x),
        lambda: [nn.Linear(4, 4), nn.Conv2d(4, 4, 1)],
    ),
}


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("build", IMAGES.values(), ids=IMAGES)
def test_layers_on_images(build: Build, shared: bool) -> None:
    for training, width in ((True, 3), (True, 1), (False, 2)):
        check(build, torch.randn(BATCH, 2, 4, 4).double(), width, shared=shared, training=training)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_activations(activation: nn.Module) -> None:
    images = torch.randn(BATCH, 2, 4, 4).double()
    check(lambda: nn.Sequential(nn.Conv2d(2, 3, 3), activation, nn.Flatten(), nn.Linear(12, 2)), images, 2, shared=True)
    check(lambda: nn.Sequential(activation, nn.Conv2d(2, 3, 3), nn.Flatten(2), activation), images, 2, shared=True)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_operations_in_a_forward(formula: Callable[..., Tensor], shared: bool) -> None:
    check(lambda: Formula(formula), torch.randn(BATCH, 2, 4, 4).double(), 3, shared=shared)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_operations_on_the_batch_itself(formula: Callable[..., Tensor], shared: bool) -> None:
    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.randn(()))

        def forward(self, images: Tensor) -> Tensor:
            return formula(images) * self.scale

    check(First, torch.randn(BATCH, 4, 4, 4).double(), 2, shared=shared)


@pytest.mark.parametrize("case", LAYERED.values(), ids=LAYERED)
def test_layers_in_a_forward(case: tuple[Callable[..., Tensor], Callable[[], list[nn.Module]]]) -> None:
    formula, layers = case
    check(lambda: Formula(formula, *layers()), torch.randn(BATCH, 2, 4, 4).double(), 3, shared=True)


SEQUENCES: dict[str, Build] = {
    "conv1d": lambda: nn.Sequential(nn.Conv1d(4, 3, 3, padding=1), nn.BatchNorm1d(3), nn.MaxPool1d(2), nn.Flatten()),
    "batch norm between linears": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(24, 5), nn.BatchNorm1d(5), nn.ReLU(inplace=True), nn.Linear(5, 2)
    ),
    "layer norm of tokens": lambda: nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 4), nn.GELU(), nn.LayerNorm(4)),
    "layer norm, not affine": lambda: nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4, elementwise_affine=False)),
    "layer norm without bias": lambda: nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4, bias=False)),
    "dropout": lambda: nn.Sequential(nn.Linear(6, 4), SeededDropout(0.3), nn.Linear(4, 4), SeededDropout(0.6)),
}


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("build", SEQUENCES.values(), ids=SEQUENCES)
def test_layers_on_sequences(build: Build, shared: bool) -> None:
    check(build, torch.randn(BATCH, 4, 6).double(), 3, shared=shared)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("padding", [None, 2])
def test_embedding(padding: int | None, shared: bool) -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Embedding(5, 4, padding_idx=padding), nn.Linear(4, 3), nn.Flatten(), nn.Linear(18, 2))

    check(build, torch.randint(5, (BATCH, 6)), 3, shared=shared)


def test_volumes() -> None:
    check(
        lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.BatchNorm3d(2), nn.AvgPool3d(2), nn.Flatten()),
        torch.randn(BATCH, 1, 4, 4, 4).double(),
        2,
        shared=True,
    )


def test_a_layer_that_stays_in_evaluation() -> None:
    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.conv, self.own = nn.BatchNorm2d(2), nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)

        def train(self, mode: bool = True) -> Frozen:
            super().train(mode)
            self.norm.eval()
            return self

        def forward(self, images: Tensor) -> Tensor:
            return self.own(self.conv(self.norm(images)))

    check(Frozen, torch.randn(BATCH, 2, 4, 4).double(), 2, shared=True)


def test_tied_weights_are_one_parameter() -> None:
    def build() -> nn.Module:
        net: Any = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
        net[2].weight = net[0].weight
        return net

    check(build, torch.randn(BATCH, 4).double(), 2, shared=True)
