"""Operators that name axes of a member's tensor: translated to where those axes lie beside the members' own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from workers.runtime.engines.base import NotStackable
from workers.runtime.engines.batched.value import Apart, Axis, Form, Value, stack


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
    features.expect(len(shape))
    return stack(features.stacked().expand(-1, *shape))


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
