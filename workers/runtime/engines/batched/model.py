"""K models of one architecture as one program of batched layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from workers.runtime.engines.base import NotStackable, Slot, StackedModel, StateDict, filled
from workers.runtime.engines.batched.blueprint import Blueprint, all_tensors, anatomy
from workers.runtime.engines.batched.members import Members
from workers.runtime.engines.batched.program import Program
from workers.runtime.engines.batched.value import Form, Value, stack


class BatchedModel(StackedModel):
    """Grouped convolutions, batched products, and norms over all members' channels.

    Each `forward` first lays the columns of `weights` out parameter by parameter (one kernel, one more copy of the
    weights in memory), because K * C channels side by side are what grouped operators want.
    """

    def __init__(
        self, blueprint: Blueprint, weights: Tensor, buffers: dict[str, Tensor], generators: Sequence[torch.Generator]
    ) -> None:
        self.slots = blueprint.slots
        self.weights = weights
        self.generators = list(generators)
        self._blueprint = blueprint
        self._buffers = buffers
        self._columns = [slot.shape.numel() for slot in self.slots]
        self._copies = [weights.new_empty(self.width, size) for size in self._columns]
        self._leaves = [
            copied.detach().view(self.width, *slot.shape).requires_grad_()
            for copied, slot in zip(self._copies, self.slots, strict=True)
        ]
        own = buffers | dict(zip((slot.name for slot in self.slots), self._leaves, strict=True))
        tensors = {name: own[home] for name, home in blueprint.homes.items()}
        self._members = Members(self.width, tensors, self.generators)
        self._training = True

    @classmethod
    def stack(cls, models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> Self:
        if any(anatomy(model) != anatomy(models[0]) for model in models[1:]):
            raise NotStackable("the models differ in more than their weights")
        blueprint = Blueprint.of(models[0])
        rows = [_row(model, blueprint.slots) for model in models]
        buffers = [_constants(model) for model in models]
        stacked = {name: torch.stack([own[name] for own in buffers]) for name in buffers[0]}
        return cls(blueprint, torch.stack(rows), stacked, generators)

    def train(self, *, mode: bool = True) -> None:
        self._training = mode

    def forward(self, inputs: Tensor, *, shared: bool) -> Tensor:
        self._lay_out()
        program = self._blueprint.programs[self._training]
        outputs = program.run(self._members, Value(inputs, Form.SHARED, self.width) if shared else stack(inputs))
        self._count(program)
        return outputs.stacked()

    # Compiled code must not write into the memory of leaves that it reads.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _lay_out(self) -> None:
        """Copy the weights to where the leaves are."""
        with torch.no_grad():
            torch.split_with_sizes_copy(self.weights, self._columns, 1, out=self._copies)

    def gradients(self, losses: Tensor) -> Tensor:
        parts = torch.autograd.grad(losses, self._leaves, torch.ones_like(losses))
        return torch.cat([part.reshape(self.width, -1) for part in parts], dim=1)

    def select(self, members: Sequence[int]) -> Self:
        chosen = list(members)
        buffers = {name: buffer[chosen] for name, buffer in self._buffers.items()}
        return self._of(self.weights[chosen], buffers, [self.generators[member] for member in chosen])

    def join(self, other: Self) -> Self:
        if (self.slots, self._blueprint.keys) != (other.slots, other._blueprint.keys):
            raise ValueError("only stacks of one architecture can be joined")
        buffers = {name: torch.cat([buffer, other._buffers[name]]) for name, buffer in self._buffers.items()}
        return self._of(torch.cat([self.weights, other.weights]), buffers, self.generators + other.generators)

    def unstacked(self, pattern: nn.Module) -> list[nn.Module]:
        return [filled(pattern, self._own(member)) for member in range(self.width)]

    def state_dict(self, member: int) -> StateDict:
        return {key: tensor.clone() for key, tensor in self._views(member).items()}

    def load_state_dict(self, member: int, state: Mapping[str, Tensor]) -> None:
        views = self._views(member)
        if views.keys() != state.keys():
            raise ValueError(f"the state of another model: {sorted(views.keys() ^ state.keys())} differ")
        for key, tensor in views.items():
            tensor.copy_(state[key])

    def _of(self, weights: Tensor, buffers: dict[str, Tensor], generators: list[torch.Generator]) -> Self:
        other = type(self)(self._blueprint, weights, buffers, generators)
        other.train(mode=self._training)
        return other

    def _views(self, member: int) -> StateDict:
        """Return the tensors of one member's state dict, where they lie."""
        own = self._own(member)
        return {key: own[self._blueprint.homes[key]] for key in self._blueprint.keys}

    def _own(self, member: int) -> StateDict:
        """Return one member's parameters and buffers by their first names, where they lie."""
        own = {name: buffer[member] for name, buffer in self._buffers.items()}
        return own | {slot.name: self.weights[member, slot.columns].view(slot.shape) for slot in self.slots}

    def _count(self, program: Program) -> None:
        """Count the batches that the batch norms have seen, all with one kernel."""
        counters = [self._members.tensors[name] for name in program.norm_calls]
        if counters:  # Asked of the list: torch.compile of 2.11 takes an empty Counter for true.
            torch._foreach_add_(counters, list(program.norm_calls.values()))


def _row(model: nn.Module, slots: Sequence[Slot]) -> Tensor:
    """Return the trainable parameters one after the other.

    Raises:
        NotStackable: they are of several dtypes, or on several devices.
    """
    parameters = [model.get_parameter(slot.name).detach() for slot in slots]
    if len({(parameter.dtype, parameter.device) for parameter in parameters}) != 1:
        raise NotStackable("parameters of several dtypes, or on several devices")
    return torch.cat([parameter.flatten() for parameter in parameters])


def _constants(model: nn.Module) -> dict[str, Tensor]:
    """Return what is not trained: buffers and frozen parameters."""
    return {name: tensor.detach() for name, tensor in all_tensors(model).items() if not tensor.requires_grad}
