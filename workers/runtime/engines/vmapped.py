"""K models as one program under `torch.func.vmap`: for whatever module the batched layers do not know.

The forward is mapped, with one ordinary backward over all members, which is faster than mapping a gradient function.
Parameters and buffers are stacked, so batch norm updates every member's running statistics in place.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Self

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from workers.runtime.engines.base import NotStackable, Slot, StackedModel, StateDict, filled, layout
from workers.runtime.engines.masks import Draw, masked_dropouts, masks_of, recorded, replayed, with_masked_dropout

Form = tuple[object, ...]
"""What a forward depends on besides values: the shape of the batch, training or not, gradients or not, autocast."""


class VmappedModel(StackedModel):
    """Any architecture that `vmap` can run; the first forward on a new form of batch is rehearsed on a copy.

    Attributes:
        shell: the module without its tensors (they are on the ``meta`` device).
        leaves: views [K, *shape] into the weights, by parameter name; gradients are taken by them.
        constants: buffers and frozen parameters by name, stacked [K, *shape].
    """

    def __init__(
        self,
        shell: nn.Module,
        weights: Tensor,
        constants: StateDict,
        generators: Sequence[torch.Generator],
        rehearsed: dict[Form, tuple[Draw, ...]],
    ) -> None:
        self.shell = shell
        self.slots = layout(shell)
        self.weights = weights
        self.leaves = {slot.name: _leaf(weights, slot) for slot in self.slots}
        self.constants = constants
        self.generators = list(generators)
        self._gradients = torch.empty_like(weights)
        self._names = _state_names(shell)
        self._dropouts = masked_dropouts(shell)
        self._rehearsed = rehearsed

    @classmethod
    def stack(cls, models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> Self:
        _refuse_different(models)
        weights = torch.stack([_row(model) for model in models])
        constants = {
            name: torch.stack([_constants(model)[name].detach() for model in models]) for name in _constants(models[0])
        }
        return cls(with_masked_dropout(_shell(models[0])), weights, constants, generators, {})

    def train(self, *, mode: bool = True) -> None:
        self.shell.train(mode)

    def forward(self, inputs: Tensor, *, shared: bool) -> Tensor:
        """Return outputs [K, B, classes].

        Raises:
            NotStackable: vmap cannot run this model on such a batch; nothing has changed.
        """
        form = self._form(inputs, shared=shared)
        if form not in self._rehearsed:
            self._rehearsed[form] = self._rehearse(inputs, shared=shared)
        return self._mapped(inputs, self._rehearsed[form], shared=shared)

    def gradients(self, losses: Tensor) -> Tensor:
        found = torch.autograd.grad(losses.sum(), list(self.leaves.values()), materialize_grads=True)
        torch.cat([gradient.flatten(1) for gradient in found], dim=1, out=self._gradients)
        return self._gradients

    def select(self, members: Sequence[int]) -> Self:
        index = list(members)
        constants = {name: constant[index] for name, constant in self.constants.items()}
        generators = [self.generators[member] for member in index]
        return type(self)(copy.deepcopy(self.shell), self.weights[index], constants, generators, self._rehearsed)

    def join(self, other: Self) -> Self:
        constants = {name: torch.cat([constant, other.constants[name]]) for name, constant in self.constants.items()}
        weights, generators = torch.cat([self.weights, other.weights]), self.generators + other.generators
        return type(self)(copy.deepcopy(self.shell), weights, constants, generators, self._rehearsed)

    def unstacked(self, pattern: nn.Module) -> list[nn.Module]:
        stacked = {name: tensor.detach() for name, tensor in chain(self.leaves.items(), self.constants.items())}
        return [
            filled(pattern, {name: tensor[member] for name, tensor in stacked.items()}) for member in range(self.width)
        ]

    def state_dict(self, member: int) -> StateDict:
        return {key: self._stacked(name)[member].detach().clone() for key, name in self._names.items()}

    def load_state_dict(self, member: int, state: Mapping[str, Tensor]) -> None:
        if set(state) != set(self._names):
            raise ValueError(f"a state of another model: it differs in {sorted(set(state) ^ set(self._names))}")
        with torch.no_grad():
            for key, name in self._names.items():
                self._stacked(name)[member].copy_(state[key])

    def _stacked(self, name: str) -> Tensor:
        return self.leaves[name] if name in self.leaves else self.constants[name]

    def _form(self, inputs: Tensor, *, shared: bool) -> Form:
        kind = inputs.device.type
        autocast = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        shape = inputs.shape if shared else inputs.shape[1:]
        return (shape, inputs.dtype, shared, self.shell.training, torch.is_grad_enabled(), autocast)

    def _mapped(self, inputs: Tensor, draws: Sequence[Draw], *, shared: bool) -> Tensor:
        """The forward itself, with the masks that dropout wants drawn beforehand, each member's from its generator."""
        masks = masks_of(draws, self.generators) if draws else ()
        in_dims = (0, 0, 0, None if shared else 0)
        outputs: Tensor = vmap(self._one, in_dims=in_dims)(self.leaves, self.constants, masks, inputs)
        return outputs

    def _one(self, leaves: StateDict, constants: StateDict, masks: Sequence[Tensor], inputs: Tensor) -> Tensor:
        with replayed(self._dropouts, masks):
            outputs: Tensor = functional_call(self.shell, leaves | constants, (inputs,))
        return outputs

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _rehearse(self, inputs: Tensor, *, shared: bool) -> tuple[Draw, ...]:
        """Return what dropout draws in a forward, found by running a copy of the first member, with its backward."""
        double = self.select([0])
        double.generators = [self.generators[0].clone_state()]
        try:
            draws = double._alone(inputs if shared else inputs[0])
            outputs = double._mapped(inputs if shared else inputs[:1], draws, shared=shared)
            if outputs.requires_grad:
                double.gradients(outputs.sum())
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as fault:
            raise NotStackable(f"vmap cannot run this model: {str(fault).splitlines()[0]}") from fault
        return draws

    def _alone(self, batch: Tensor) -> tuple[Draw, ...]:
        """Run the first member without vmap."""
        tensors = {name: self._stacked(name)[0] for name in self.leaves | self.constants}
        with recorded(self._dropouts, self.generators[0]) as draws:
            functional_call(self.shell, tensors, (batch,))
        return tuple(draws)


def _shell(model: nn.Module) -> nn.Module:
    """Return a copy of the module whose tensors are on the ``meta`` device, tied ones still tied."""
    parameters = {
        id(each): nn.Parameter(torch.empty_like(each, device="meta"), each.requires_grad) for each in model.parameters()
    }
    buffers = {id(each): torch.empty_like(each, device="meta") for each in model.buffers()}
    # What deepcopy finds in its memo it takes for copied already: no weight is ever copied.
    return copy.deepcopy(model, {**parameters, **buffers})


def _leaf(weights: Tensor, slot: Slot) -> Tensor:
    return weights[:, slot.columns].view(len(weights), *slot.shape).detach().requires_grad_()


def _row(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters() if parameter.requires_grad])


def _constants(model: nn.Module) -> StateDict:
    """Return what a forward needs besides trained parameters: frozen ones and buffers."""
    frozen = ((name, parameter) for name, parameter in model.named_parameters() if not parameter.requires_grad)
    return dict(chain(frozen, model.named_buffers()))


def _state_names(module: nn.Module) -> dict[str, str]:
    """Return for every key of the state dict the one name under which its tensor is known: tied ones have several."""
    known = {id(tensor): name for name, tensor in chain(module.named_parameters(), module.named_buffers())}
    return {key: known[id(tensor)] for key, tensor in module.state_dict(keep_vars=True).items()}


def _refuse_different(models: Sequence[nn.Module]) -> None:
    """One program can only be several models' where they are built alike, to the settings of every layer."""
    first = models[0]
    for member, model in enumerate(models[1:], start=1):
        if str(model) != str(first) or layout(model) != layout(first):
            raise NotStackable(f"model {member} is built differently from model 0")
