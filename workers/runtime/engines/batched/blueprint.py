"""What K models of one architecture have in common."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from workers.runtime.engines.base import Slot, layout
from workers.runtime.engines.batched.program import Program
from workers.runtime.engines.batched.trace import traced


@dataclass(frozen=True)
class Blueprint:
    """What K models have in common; stacks made by `select` and `join` share it.

    Attributes:
        slots: layout of a row of weights.
        homes: the first name of every parameter and buffer, by every name: tied ones have several.
        keys: of the state dict, in order.
        programs: by whether they train.
    """

    slots: tuple[Slot, ...]
    homes: dict[str, str]
    keys: tuple[str, ...]
    programs: dict[bool, Program]

    @classmethod
    def of(cls, model: nn.Module) -> Blueprint:
        """Read the plan off one model.

        Raises:
            NotStackable: no stacked form.
        """
        # Without the numbers: what remains are the layers' settings, which the rules look up.
        shell = copy.deepcopy(model).to("meta")
        programs = {training: traced(shell, training=training) for training in (True, False)}
        return cls(layout(model), _homes(model), tuple(model.state_dict()), programs)


def all_tensors(model: nn.Module) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = dict(model.named_parameters(remove_duplicate=False))
    return tensors | dict(model.named_buffers(remove_duplicate=False))


def anatomy(model: nn.Module) -> list[Any]:
    """Return what must agree between models for one program to compute them all: layers, settings and shapes."""
    plain = (bool, int, float, str, tuple, type(None))
    settings = [
        (path, type(module), {name: value for name, value in vars(module).items() if isinstance(value, plain)})
        for path, module in model.named_modules()
    ]
    shapes = [(name, tensor.shape, tensor.requires_grad) for name, tensor in all_tensors(model).items()]
    return [settings, shapes]


def _homes(model: nn.Module) -> dict[str, str]:
    tensors = all_tensors(model)
    first: dict[int, str] = {}
    return {name: first.setdefault(id(tensor), name) for name, tensor in tensors.items()}
