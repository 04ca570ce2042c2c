"""The stacked form of functions and tensor methods, as a model's own ``forward`` calls them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from workers.runtime.engines.base import NotStackable
from workers.runtime.engines.batched import operators, shapes
from workers.runtime.engines.batched.value import Form, Value

Function = Callable[..., Any]


def elementwise(function: Callable[..., Tensor]) -> Function:
    def rule(features: Value, *settings: Any, **options: Any) -> Value:
        if any(isinstance(setting, Value) for setting in (*settings, *options.values())):
            raise NotStackable("a setting that is a tensor")
        return features.like(function(features.tensor, *settings, **options))

    return rule


def per_channel(function: Callable[..., Tensor], spatial: int) -> Function:
    def rule(features: Value, *settings: Any, **options: Any) -> Value:
        return operators.per_channel(lambda tensor: function(tensor, *settings, **options), spatial, features)

    return rule


def linear(features: Value, weight: Value, bias: Value | None = None) -> Value:
    return operators.linear(features, weight.tensor, _tensor(bias))


def layer_norm(
    features: Value,
    normalized_shape: tuple[int, ...],
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
) -> Value:
    return operators.layer_norm(features, normalized_shape, _tensor(weight), _tensor(bias), eps)


def convolution(function: Callable[..., Tensor]) -> Function:
    def rule(features: Value, weight: Value, bias: Value | None = None, *settings: Any, **options: Any) -> Value:
        named = dict(zip(("stride", "padding", "dilation", "groups"), settings, strict=False)) | options
        return operators.convolution(function, features, weight.tensor, _tensor(bias), **named)

    return rule


def size(features: Value, dim: int | None = None) -> Any:
    return features.shape if dim is None else features.shape[dim]


def attribute(features: Any, name: str) -> Any:
    """Return what does not depend on how many members there are."""
    if not isinstance(features, Value):
        return getattr(features, name)
    if name in {"shape", "ndim"}:
        return getattr(features, name)
    if name in {"dtype", "device"}:
        return getattr(features.tensor, name)
    raise NotStackable(f"the attribute {name!r} of a tensor")


def item(features: Any, index: Any) -> Any:
    return shapes.item(features, index) if isinstance(features, Value) else features[index]


def unchanged(features: Value, *_: Any, **__: Any) -> Value:
    return features


def _tensor(parameter: Value | None) -> Tensor | None:
    return None if parameter is None else parameter.tensor


def _softmax(features: Value, dim: int, _stacklevel: int = 3, dtype: torch.dtype | None = None) -> Value:
    return shapes.softmax(features, dim, dtype)


def _log_softmax(features: Value, dim: int, _stacklevel: int = 3, dtype: torch.dtype | None = None) -> Value:
    return shapes.log_softmax(features, dim, dtype)


_UNARY = (
    "abs", "ceil", "clamp", "clamp_min", "clamp_max", "cos", "erf", "exp", "expm1", "floor", "log", "log1p",
    "reciprocal", "relu", "round", "rsqrt", "sigmoid", "sign", "sin", "sqrt", "square", "tanh",
)  # fmt: skip

_BINARY = ("add", "div", "maximum", "minimum", "mul", "pow", "sub")

_ACTIVATIONS = (
    "celu", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish", "relu", "relu6",
    "selu", "sigmoid", "silu", "softplus", "softsign", "tanh",
)  # fmt: skip

_POOLING = {
    f"{kind}_pool{spatial}d": spatial
    for kind in ("avg", "max", "adaptive_avg", "adaptive_max")
    for spatial in (1, 2, 3)
}

_SHAPES: dict[str, Function] = {
    "chunk": shapes.chunk,
    "flatten": shapes.flatten,
    "log_softmax": _log_softmax,
    "matmul": operators.matmul,
    "permute": shapes.permute,
    "reshape": shapes.reshape,
    "softmax": _softmax,
    "split": shapes.split,
    "squeeze": shapes.squeeze,
    "transpose": shapes.transpose,
    "unsqueeze": shapes.unsqueeze,
    **{name: partial(shapes.reduction, getattr(torch, name)) for name in ("amax", "amin", "mean", "sum")},
}

_BOTH: dict[str, Function] = {
    **{name: elementwise(getattr(torch, name)) for name in _UNARY},
    **{name: partial(operators.broadcast, getattr(torch, name)) for name in _BINARY},
    **_SHAPES,
}

FUNCTIONS: dict[Callable[..., Any], Function] = {
    **{getattr(torch, name): rule for name, rule in _BOTH.items()},
    **{getattr(functional, name): elementwise(getattr(functional, name)) for name in _ACTIVATIONS},
    **{
        getattr(functional, name): per_channel(getattr(functional, name), spatial) for name, spatial in _POOLING.items()
    },
    **{
        getattr(operator, name): partial(operators.broadcast, getattr(operator, name))
        for name in ("add", "floordiv", "mod", "mul", "neg", "pow", "sub", "truediv")
    },
    functional.conv1d: convolution(functional.conv1d),
    functional.conv2d: convolution(functional.conv2d),
    functional.conv3d: convolution(functional.conv3d),
    functional.layer_norm: layer_norm,
    functional.linear: linear,
    functional.log_softmax: _log_softmax,
    functional.softmax: _softmax,
    operator.getitem: item,
    operator.matmul: operators.matmul,
    torch.cat: shapes.cat,
    getattr: attribute,
}

METHODS: dict[str, Function] = {
    **_BOTH,
    "contiguous": unchanged,
    "dim": cast(Function, operator.attrgetter("ndim")),
    "expand": shapes.expand,
    "size": size,
    "view": shapes.reshape,
}

# What writes its first argument, and the same without writing.
IN_PLACE: dict[Callable[..., Any] | str, Callable[..., Any] | str] = {
    operator.iadd: operator.add,
    operator.imul: operator.mul,
    operator.isub: operator.sub,
    operator.itruediv: operator.truediv,
    torch.relu_: torch.relu,
    "add_": "add",
    "clamp_": "clamp",
    "div_": "div",
    "mul_": "mul",
    "relu_": "relu",
    "sigmoid_": "sigmoid",
    "sub_": "sub",
    "tanh_": "tanh",
}


# Those that may be told to write their first argument.
ACTIVATIONS = frozenset(getattr(functional, name) for name in _ACTIVATIONS)


def is_shared(argument: Any) -> bool:
    """Say whether an argument says the same of all members, so that a function may be applied as it is."""
    if isinstance(argument, list | tuple):
        return all(is_shared(part) for part in argument)
    return not isinstance(argument, Value) or argument.form is Form.SHARED
