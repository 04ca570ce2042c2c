"""The optimisers a study can name, with the guide's rule of what decays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn, optim

from studies.contract.base import Scalar
from studies.contract.study_file import OptimizerName


def build_optimizer(name: OptimizerName, model: nn.Module, params: Mapping[str, Scalar]) -> optim.Optimizer:
    """Return the optimiser `name` over the model's parameters.

    Args:
        name: as in the study file.
        model: its parameters are optimised in place.
        params: ``lr`` (required), ``momentum`` (sgd, nesterov and rmsprop; 0 where absent; the adaptive methods
            adam and adamw keep their own averages and ignore it), ``weight_decay`` (0 where absent).
    """
    lr, momentum = float(params["lr"]), float(params.get("momentum", 0.0))
    groups = parameter_groups(model, float(params.get("weight_decay", 0.0)))
    match name:
        case "sgd":
            return optim.SGD(groups, lr=lr, momentum=momentum)
        case "nesterov":
            # torch refuses Nesterov's correction without momentum, where it would change nothing.
            return optim.SGD(groups, lr=lr, momentum=momentum, nesterov=momentum > 0)
        case "adam":
            return optim.Adam(groups, lr=lr)
        case "adamw":
            return optim.AdamW(groups, lr=lr)
        case "rmsprop":
            return optim.RMSprop(groups, lr=lr, momentum=momentum)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return two groups: weights, which decay, and biases and batch-norm parameters, which do not (guide, stage 4)."""
    weights = list(_parameters(model, decays=True))
    others = list(_parameters(model, decays=False))
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _parameters(model: nn.Module, *, decays: bool) -> Iterator[nn.Parameter]:
    """Biases and the scales and shifts of norm layers are the parameters with one dimension."""
    return (parameter for parameter in model.parameters() if parameter.requires_grad and (parameter.ndim > 1) == decays)


def set_lr(optimizer: optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr
