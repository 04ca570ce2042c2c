"""The stacked form of every layer that has one: K layers as one operator.

A rule takes the layer, the members and the layer's input, and returns what all K layers return, each member's numbers
being those of its layer alone. Layers are looked up by their exact type: a subclass may compute something else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.runtime.dropout import SeededDropout, keep_masks
from workers.runtime.engines.base import NotStackable
from workers.runtime.engines.batched import operators, shapes
from workers.runtime.engines.batched.members import Layer, Members
from workers.runtime.engines.batched.value import Value, fold, stack

Rule = Callable[[Layer, Members, Value], Value]


def linear(layer: Layer, members: Members, features: Value) -> Value:
    return operators.linear(features, layer.weight(members), layer.tensor(members, "bias"))


def convolution(operator: Callable[..., Tensor], layer: Layer, members: Members, features: Value) -> Value:
    module = cast(nn.Conv2d, layer.module)  # or its siblings, which have the same settings
    return operators.convolution(
        operator,
        features,
        layer.weight(members),
        layer.tensor(members, "bias"),
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        groups=module.groups,
    )


def batch_norm(layer: Layer, members: Members, features: Value) -> Value:
    """K*C channels are normalised like C of them; the running statistics [K, C] are written in place."""
    module = cast(nn.BatchNorm2d, layer.module)
    mean, variance = layer.tensor(members, "running_mean"), layer.tensor(members, "running_var")
    normalised = functional.batch_norm(
        features.folded(),
        _flat(mean),
        _flat(variance),
        _flat(layer.tensor(members, "weight")),
        _flat(layer.tensor(members, "bias")),
        training=layer.training or mean is None,
        momentum=cast(float, module.momentum),
        eps=module.eps,
    )
    return fold(normalised, members.width)


def group_norm(layer: Layer, members: Members, features: Value) -> Value:
    module = cast(nn.GroupNorm, layer.module)
    weight, bias = _flat(layer.tensor(members, "weight")), _flat(layer.tensor(members, "bias"))
    groups = members.width * module.num_groups
    return fold(functional.group_norm(features.folded(), groups, weight, bias, module.eps), members.width)


def layer_norm(layer: Layer, members: Members, features: Value) -> Value:
    module = cast(nn.LayerNorm, layer.module)
    weight, bias = layer.tensor(members, "weight"), layer.tensor(members, "bias")
    return operators.layer_norm(features, module.normalized_shape, weight, bias, module.eps)


def embedding(layer: Layer, members: Members, indices: Value) -> Value:
    """K tables are one, in which member k's rows begin at k times the number of rows."""
    module = cast(nn.Embedding, layer.module)
    table = layer.weight(members)
    own = indices.stacked()
    first = torch.arange(members.width, device=own.device).mul_(module.num_embeddings)
    rows = functional.embedding(own + first.view(-1, *[1] * indices.ndim), table.flatten(0, 1))
    if module.padding_idx is None:
        return stack(rows)
    # The padding's row takes part in the sum, but never learns.
    return stack(torch.where((own == module.padding_idx).unsqueeze(-1), rows.detach(), rows))


def dropout(layer: Layer, members: Members, features: Value) -> Value:
    """Each member drops what its own generator says."""
    rate = cast(SeededDropout, layer.module).rate
    if not layer.training or rate == 0:
        return features
    apart = features.apart()
    masks = keep_masks(apart.tensor.movedim(apart.at, 0), rate, members.generators)
    return apart.together(apart.tensor * masks.movedim(0, apart.at))


def elementwise(layer: Layer, _: Members, features: Value) -> Value:
    return features.map(layer.module.forward)


def per_channel(spatial: int, layer: Layer, _: Members, features: Value) -> Value:
    return operators.per_channel(layer.module.forward, spatial, features)


def softmax(function: Callable[[Value, int], Value], layer: Layer, _: Members, features: Value) -> Value:
    dim = cast(nn.Softmax, layer.module).dim
    if dim is None:
        raise NotStackable("it does not say along which dim: give it one")
    return function(features, dim)


def flatten(layer: Layer, _: Members, features: Value) -> Value:
    module = cast(nn.Flatten, layer.module)
    return shapes.flatten(features, module.start_dim, module.end_dim)


def unchanged(_: Layer, __: Members, features: Value) -> Value:
    return features


def _flat(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.view(-1)


_ELEMENTWISE: tuple[type[nn.Module], ...] = (
    nn.CELU, nn.ELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid,
    nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanh,
    nn.Tanhshrink, nn.Threshold,
)  # fmt: skip

_PER_CHANNEL: dict[type[nn.Module], int] = {
    nn.AvgPool1d: 1, nn.AvgPool2d: 2, nn.AvgPool3d: 3,
    nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3,
    nn.AdaptiveAvgPool1d: 1, nn.AdaptiveAvgPool2d: 2, nn.AdaptiveAvgPool3d: 3,
    nn.AdaptiveMaxPool1d: 1, nn.AdaptiveMaxPool2d: 2, nn.AdaptiveMaxPool3d: 3,
    nn.ZeroPad1d: 1, nn.ZeroPad2d: 2, nn.ReflectionPad2d: 2, nn.ReplicationPad2d: 2,
    nn.Upsample: 2,
}  # fmt: skip

RULES: dict[type[nn.Module], Rule] = {
    nn.Linear: linear,
    nn.Conv1d: partial(convolution, functional.conv1d),
    nn.Conv2d: partial(convolution, functional.conv2d),
    nn.Conv3d: partial(convolution, functional.conv3d),
    nn.BatchNorm1d: batch_norm,
    nn.BatchNorm2d: batch_norm,
    nn.BatchNorm3d: batch_norm,
    nn.GroupNorm: group_norm,
    nn.LayerNorm: layer_norm,
    nn.Embedding: embedding,
    nn.Softmax: partial(softmax, shapes.softmax),
    nn.LogSoftmax: partial(softmax, shapes.log_softmax),
    nn.Flatten: flatten,
    nn.Identity: unchanged,
    nn.Dropout: unchanged,
    SeededDropout: dropout,
    **dict.fromkeys(_ELEMENTWISE, elementwise),
    **{module: partial(per_channel, spatial) for module, spatial in _PER_CHANNEL.items()},
}


# Layers whose result is never a view of their input.
FRESH: frozenset[type[nn.Module]] = frozenset({
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm,
    nn.LayerNorm, nn.Embedding,
})  # fmt: skip


def obstacle(module: nn.Module) -> str | None:
    """Say what keeps a module of a known type from being stacked, None where nothing does."""
    settings: dict[str, Any] = vars(module)
    match module:
        case nn.modules.batchnorm._BatchNorm() if module.momentum is None:
            return "batch norm with momentum=None averages over a count of its own: give it a momentum"
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d() if module.padding_mode != "zeros":
            return f"convolution with padding_mode={module.padding_mode!r}"
        case nn.Embedding() if module.max_norm is not None or module.sparse or module.scale_grad_by_freq:
            return "embedding with max_norm, sparse or scale_grad_by_freq"
        case nn.Dropout() if module.training and module.p > 0:
            return "dropout that draws from torch's own generator: use SeededDropout"
    return "pooling that returns indices" if settings.get("return_indices") else None
