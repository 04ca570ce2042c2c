"""Operators that have parameters, or that mix the elements of one member: each on all members at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
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
    _require(features, spatial + 2)
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
    _require(features, spatial + 2)
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


def reshape(features: Value, *sizes: Any) -> Value:
    """Give each member's tensor another shape; one of the sizes may be -1."""
    shape = _complete(_unpacked(sizes), features.shape)
    if features.form is Form.FOLDED and len(shape) > 1 and shape[0] == features.shape[0]:
        apart = features.apart()
        return apart.together(apart.tensor.reshape(shape[0], features.width, *shape[1:]))
    return stack(features.stacked().reshape(features.width, *shape))


def flatten(features: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    start, end = axis(start_dim, features.ndim), axis(end_dim, features.ndim)
    if features.form is Form.SHARED:
        return features.like(features.tensor.flatten(start, end))
    if features.form is Form.FOLDED and start == 1:
        return features.like(features.tensor.flatten(start, end))
    shape = features.shape
    return reshape(features, *shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])


def softmax(features: Value, dim: int, dtype: torch.dtype | None = None) -> Value:
    return _along(torch.softmax, features, dim, dtype=dtype)


def log_softmax(features: Value, dim: int, dtype: torch.dtype | None = None) -> Value:
    return _along(torch.log_softmax, features, dim, dtype=dtype)


def reduction(function: Callable[..., Tensor], features: Value, *dims: Any, **options: Any) -> Value:
    """Reduce axes of each member's tensor: ``function(tensor, dims, keepdim=..., ...)``."""
    keepdim = options.pop("keepdim", False)
    if dims and isinstance(dims[-1], bool):
        dims, keepdim = dims[:-1], dims[-1]
    named = options.pop("dim", None)
    chosen = _unpacked(dims or ((),) if named is None else (named,))
    axes = [axis(dim, features.ndim) for dim in chosen or range(features.ndim)]
    apart = _with_batch_in_front(features, axes)
    return apart.together(function(apart.tensor, [apart.dim(dim) for dim in axes], keepdim=keepdim, **options))


def cat(values: Sequence[Value], dim: int = 0) -> Value:
    chosen = axis(dim, values[0].ndim)
    at: Axis = 1 if chosen > 0 and any(value.form is Form.FOLDED for value in values) else 0
    tensors = [value.stacked().movedim(0, at) for value in values]
    return Apart(torch.cat(tensors, dim=chosen + 1), at).together()


def split(features: Value, size: int | list[int], dim: int = 0) -> tuple[Value, ...]:
    chosen = axis(dim, features.ndim)
    apart = _with_batch_in_front(features, [chosen])
    return tuple(apart.together(part) for part in torch.split(apart.tensor, size, apart.dim(chosen)))


def chunk(features: Value, chunks: int, dim: int = 0) -> tuple[Value, ...]:
    chosen = axis(dim, features.ndim)
    apart = _with_batch_in_front(features, [chosen])
    return tuple(apart.together(part) for part in apart.tensor.chunk(chunks, apart.dim(chosen)))


def permute(features: Value, *dims: Any) -> Value:
    order = [axis(dim, features.ndim) + 1 for dim in _unpacked(dims)]
    return stack(features.stacked().permute(0, *order))


def transpose(features: Value, dim0: int, dim1: int) -> Value:
    return stack(features.stacked().transpose(axis(dim0, features.ndim) + 1, axis(dim1, features.ndim) + 1))


def unsqueeze(features: Value, dim: int) -> Value:
    shape = list(features.shape)
    shape.insert(axis(dim, features.ndim + 1), 1)
    return reshape(features, *shape)


def squeeze(features: Value, dim: int | None = None) -> Value:
    gone = range(features.ndim) if dim is None else [axis(dim, features.ndim)]
    return reshape(features, *(size for at, size in enumerate(features.shape) if size != 1 or at not in gone))


def expand(features: Value, *sizes: Any) -> Value:
    shape = _unpacked(sizes)
    _require(features, len(shape))
    return stack(features.stacked().expand(-1, *shape))


def matmul(left: Value, right: Value) -> Value:
    """Multiply matrices, or batches of them."""
    ndim = max(left.ndim, right.ndim)
    if min(left.ndim, right.ndim) < 2:  # noqa: PLR2004
        raise NotStackable("a product with a vector: give it two axes")
    return stack(_aligned(left, ndim, 0) @ _aligned(right, ndim, 0))


def item(features: Value, index: Any) -> Value:
    """Index with numbers and slices."""
    chosen = index if isinstance(index, tuple) else (index,)
    if not all(part is None or part is Ellipsis or isinstance(part, int | slice) for part in chosen):
        raise NotStackable("indexing by a tensor or a list")
    return stack(features.stacked()[(slice(None), *chosen)])


def axis(dim: int, ndim: int) -> int:
    """Return an axis of a member's tensor as a number that is not negative.

    Raises:
        IndexError: there is no such axis, as torch would say.
    """
    if not -ndim <= dim < max(ndim, 1):
        raise IndexError(f"dim {dim} of a tensor with {ndim} axes")
    return dim % ndim


def _along(function: Callable[..., Tensor], features: Value, dim: int, **options: Any) -> Value:
    chosen = axis(dim, features.ndim)
    apart = _with_batch_in_front(features, [chosen])
    return apart.together(function(apart.tensor, apart.dim(chosen), **options))


def _with_batch_in_front(features: Value, axes: Sequence[int]) -> Apart:
    """Return the members apart so that these axes can be worked on: the batch's only where the members come first."""
    return Apart(features.stacked(), 0) if 0 in axes else features.apart()


def _require(features: Value, ndim: int) -> None:
    if features.ndim != ndim:
        raise NotStackable(f"an input with {features.ndim} axes where {ndim} are expected, the batch among them")


def _unpacked(sizes: Sequence[Any]) -> tuple[int, ...]:
    """Return sizes given one by one or as one sequence."""
    chosen = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    if not all(isinstance(size, int) for size in chosen):
        raise NotStackable(f"sizes that are not numbers: {chosen}")
    return tuple(chosen)


def _complete(shape: tuple[int, ...], old: torch.Size) -> tuple[int, ...]:
    """Return `shape` with its -1 worked out."""
    if -1 not in shape:
        return shape
    known = -prod(shape)
    return tuple(old.numel() // known if size == -1 else size for size in shape)
