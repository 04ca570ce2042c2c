"""What K models of one architecture have in common."""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor, nn

from workers.runtime.engines.base import Slot, layout
from workers.runtime.engines.batched.program import Program
from workers.runtime.engines.batched.trace import traced

PLAIN = (bool, int, float, str, tuple, type(None))
"""Settings that can be compared."""

INNER = frozenset({"_parameters", "_buffers", "_modules"})
"""What torch's modules keep where `vars` finds it, known by other means."""


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
        """Read the plan off one model, once for all models of its anatomy.

        Raises:
            NotStackable: no stacked form.
        """
        looks = _Looks.of(model)
        known = next((blueprint for before, blueprint in _KNOWN if before.same_as(looks)), None)
        if known is None:
            known = cls._read(model)
            _KNOWN.append((looks, known))
        return known

    @classmethod
    def _read(cls, model: nn.Module) -> Blueprint:
        # Without the numbers: what remains are the layers' settings, which the rules look up.
        shell = copy.deepcopy(model).to("meta")
        programs = {training: traced(shell, training=training) for training in (True, False)}
        return cls(layout(model), _homes(model), tuple(model.state_dict()), programs)


@dataclass(frozen=True)
class _Looks:
    """All that a trace of a model can depend on: its anatomy, and what else its modules hold, hooks for instance."""

    anatomy: list[Any]
    others: list[tuple[str, str, Any]]

    @classmethod
    def of(cls, model: nn.Module) -> Self:
        own = ((path, name, value) for path, module in model.named_modules() for name, value in vars(module).items())
        others = [
            (path, name, _kept(value))
            for path, name, value in own
            if not isinstance(value, PLAIN) and name not in INNER
        ]
        return cls(anatomy(model), others)

    def same_as(self, other: Self) -> bool:
        """Say whether one trace serves both; where that is not certain it does not."""
        return (
            self.anatomy == other.anatomy
            and len(self.others) == len(other.others)
            and all(
                mine[:2] == theirs[:2] and _interchangeable(mine[2], theirs[2])
                for mine, theirs in zip(self.others, other.others, strict=True)
            )
        )


def _kept(value: object) -> object:
    """Return what is remembered of a value: of a collection what it holds now, for hooks may be added to it later."""
    return copy.copy(value) if isinstance(value, dict | list | set) else value


def _interchangeable(mine: object, theirs: object) -> bool:
    if isinstance(mine, dict | list | set):
        return type(mine) is type(theirs) and _members(mine) == _members(theirs)
    return mine is theirs


def _members(collection: Any) -> list[int]:
    """Return which objects a collection holds: to be equal is not enough, and tensors cannot even be asked."""
    pairs = collection.items() if isinstance(collection, dict) else ((item,) for item in collection)
    return [id(item) for pair in pairs for item in pair]


_KNOWN: deque[tuple[_Looks, Blueprint]] = deque(maxlen=2)
"""Latest architectures of this process, which trains one class of runs: each is traced once, however packs change."""


def all_tensors(model: nn.Module) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = dict(model.named_parameters(remove_duplicate=False))
    return tensors | dict(model.named_buffers(remove_duplicate=False))


def anatomy(model: nn.Module) -> list[Any]:
    """Return what must agree between models for one program to compute them all: layers, settings and shapes."""
    settings = [
        (path, type(module), {name: value for name, value in vars(module).items() if isinstance(value, PLAIN)})
        for path, module in model.named_modules()
    ]
    shapes = [(name, tensor.shape, tensor.requires_grad) for name, tensor in all_tensors(model).items()]
    return [settings, shapes]


def _homes(model: nn.Module) -> dict[str, str]:
    tensors = all_tensors(model)
    first: dict[int, str] = {}
    return {name: first.setdefault(id(tensor), name) for name, tensor in tensors.items()}
