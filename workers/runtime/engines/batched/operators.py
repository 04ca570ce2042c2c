"""Operators that have parameters, or several operands: each on all members at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.runtime.engines.base import NotStackable
from workers.runtime.engines.batched.value import Apart, Axis, Form, Value, fold, stack

Padding = str | int | tuple[int, ...]
Size = int | tuple[int, ...]


def linear(features: Value, weight: Tensor, bias: Tensor | None) -> Value:
    """Apply weights [K, out, in] and biases [K, out] to the last axis."""
    if features.ndim == 2:  # noqa: PLR2004, [B, in]
        return _linear_of_vectors(features, weight, bias)
    if features.form is Form.SHARED:
        return _linear_of_shared_tokens(features.tensor, weight, bias)
    inputs, transposed = features.stacked().flatten(1, -2), weight.transpose(1, 2)
    outputs = torch.bmm(inputs, transposed) if bias is None else torch.baddbmm(bias.unsqueeze(1), inputs, transposed)
    return stack(outputs.view(len(weight), *features.shape[:-1], -1))


def _linear_of_vectors(features: Value, weight: Tensor, bias: Tensor | None) -> Value:
    """Multiply from the left, W x, and return the transposed view.

    So the gradient of the weights comes out as they lie, without a transposing copy: up to 2.5 times as fast as x W on
    one CPU thread at 1,024 units. The one batch that members share meets their weights as one layer of K * out units.
    """
    if features.form is not Form.SHARED:
        inputs = features.stacked().transpose(1, 2)
        outputs = torch.bmm(weight, inputs) if bias is None else torch.baddbmm(bias.unsqueeze(2), weight, inputs)
        return stack(outputs.transpose(1, 2))
    units, inputs = weight.flatten(0, 1), features.tensor.t()
    outputs = torch.mm(units, inputs) if bias is None else torch.addmm(bias.view(-1, 1), units, inputs)
    return stack(outputs.view(*weight.shape[:2], -1).transpose(1, 2))


def _linear_of_shared_tokens(features: Tensor, weight: Tensor, bias: Tensor | None) -> Value:
    outputs = functional.linear(features, weight.flatten(0, 1), None if bias is None else bias.flatten())
    return stack(outputs.view(*features.shape[:-1], *weight.shape[:2]).movedim(-2, 0))


def convolution(
    operator: Callable[..., Tensor],
    features: Value,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Value:
    """Convolve with weights [K, out, in / groups, ...]: one operator of K times the groups.

    On a shared batch K layers without groups are one layer of K * out channels.
    """
    width, spatial = len(weight), weight.ndim - 3
    features.expect(spatial + 2)
    kernels, biases = weight.flatten(0, 1), None if bias is None else bias.flatten()
    if features.form is Form.SHARED and groups == 1:
        return fold(operator(features.tensor, kernels, biases, stride, padding, dilation), width)
    return fold(operator(features.folded(), kernels, biases, stride, padding, dilation, width * groups), width)


def layer_norm(
    features: Value, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float = 1e-5
) -> Value:
    """Normalise the last axes, then scale and shift with [K, *shape]."""
    normalised = functional.layer_norm(features.stacked(), list(shape), None, None, eps)
    ones = [1] * (features.ndim - len(shape))
    if weight is not None:
        scale = weight.view(len(weight), *ones, *shape)
        shift = None if bias is None else bias.view(len(bias), *ones, *shape)
        normalised = normalised * scale if shift is None else torch.addcmul(shift, normalised, scale)
    return stack(normalised)


def per_channel(function: Callable[[Tensor], Tensor], spatial: int, features: Value) -> Value:
    """Apply what treats every channel of every sample alike, such as pooling over `spatial` axes."""
    features.expect(spatial + 2)
    if features.form is not Form.STACKED:
        return features.map(function)
    outputs = function(features.tensor.flatten(0, 1))
    return stack(outputs.view(*features.tensor.shape[:2], *outputs.shape[1:]))


def broadcast(function: Callable[..., Tensor], *operands: Any, **options: Any) -> Value:
    """Apply an elementwise function to values and numbers, by the rules of broadcasting of each member's shapes."""
    values = [operand for operand in operands if isinstance(operand, Value)]
    if _lie_alike(values):
        tensors = [operand.tensor if isinstance(operand, Value) else operand for operand in operands]
        return values[0].like(function(*tensors, **options))
    at = _common_axis(values)
    ndim = max(value.ndim for value in values)
    aligned = [_aligned(operand, ndim, at) if isinstance(operand, Value) else operand for operand in operands]
    return Apart(function(*aligned, **options), at).together()


def _lie_alike(values: Sequence[Value]) -> bool:
    """Say whether broadcasting the tensors as they are is broadcasting each member's."""
    if all(value.form is Form.FOLDED for value in values):
        return len({(value.ndim, value.tensor.shape[1]) for value in values}) == 1
    return len({(value.form, value.ndim) for value in values}) == 1


def _common_axis(values: Sequence[Value]) -> Axis:
    """Return where to put the members: beside the channels if a folded operand has the most axes, else in front."""
    ndim = max(value.ndim for value in values)
    folded = [value.ndim for value in values if value.form is Form.FOLDED]
    return 1 if folded and min(folded) == ndim else 0


def _aligned(value: Value, ndim: int, at: Axis) -> Tensor:
    """Return a member's axes, filled up with ones in front to `ndim`, and the members' axis at `at`."""
    missing = ndim - value.ndim
    if value.form is Form.SHARED:
        return value.tensor.view(*[1] * missing, *value.tensor.shape).unsqueeze(at)
    apart = value.apart()
    filled = apart.tensor.movedim(apart.at, 0)
    return filled[(slice(None), *[None] * missing)].movedim(0, at)


def matmul(left: Value, right: Value) -> Value:
    """Multiply matrices, or batches of them."""
    ndim = max(left.ndim, right.ndim)
    if min(left.ndim, right.ndim) < 2:  # noqa: PLR2004
        raise NotStackable("a product with a vector: give it two axes")
    return stack(_aligned(left, ndim, 0) @ _aligned(right, ndim, 0))
