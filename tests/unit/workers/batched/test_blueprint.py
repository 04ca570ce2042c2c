"""An architecture is traced once in a process, and never taken for another one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.objectives.image_classification.models import build_model
from workers.runtime.engines.base import NotStackable
from workers.runtime.engines.batched.blueprint import Blueprint


class Chosen(nn.Module):
    """Computes with a function that it was given."""

    def __init__(self, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.activation = activation

    def forward(self, features: Tensor) -> Tensor:
        return self.activation(self.linear(features))


def test_models_that_differ_in_their_numbers_share_a_blueprint() -> None:
    first, second = (build_model("small_cnn", (1, 8, 8), 10) for _ in range(2))
    assert Blueprint.of(first) is Blueprint.of(second)


def test_models_that_differ_in_what_they_compute_do_not() -> None:
    assert Blueprint.of(Chosen(functional.relu)) is Blueprint.of(Chosen(functional.relu))
    assert Blueprint.of(Chosen(torch.tanh)) is not Blueprint.of(Chosen(functional.relu))


@pytest.mark.parametrize(
    "activation", [functional.relu, functional.silu], ids=["of another model", "of the same model"]
)
def test_hooks_are_seen_whatever_was_traced_before(activation: Callable[[Tensor], Tensor]) -> None:
    if activation is functional.relu:
        Blueprint.of(Chosen(activation))
    model = Chosen(activation)
    Blueprint.of(model)
    model.linear.register_forward_hook(lambda *_: None)
    with pytest.raises(NotStackable, match="hooks"):
        Blueprint.of(model)
