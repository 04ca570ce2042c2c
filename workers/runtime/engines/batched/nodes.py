"""What a node of a traced model computes, and what it writes."""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import fx, nn

from workers.runtime.engines.base import NotStackable
from workers.runtime.engines.batched import layers, program
from workers.runtime.engines.batched.functions import ACTIVATIONS, FUNCTIONS, IN_PLACE, METHODS, Function, unchanged
from workers.runtime.engines.batched.members import Layer
from workers.runtime.engines.batched.program import Compute

# They draw from torch's own generator, unless told that they shall not.
_RANDOM = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "stochastic_depth"}

_FRESH_FUNCTIONS = {operator.add, operator.mul, operator.sub, torch.add, torch.cat, torch.mul}


class Nodes:
    """The nodes of one model, in the mode that it is in."""

    def __init__(self, model: nn.Module) -> None:
        self._modules: dict[str, nn.Module] = dict(model.named_modules())
        self._tensors = {name for name, _ in model.named_parameters(remove_duplicate=False)}
        self._tensors |= {name for name, _ in model.named_buffers(remove_duplicate=False)}

    def module(self, node: fx.Node) -> nn.Module:
        return self._modules[str(node.target)]

    def title(self, node: fx.Node) -> str:
        """Return what the user would call it."""
        match node.op:
            case "call_module":
                return f"{node.target} ({type(self.module(node)).__name__})"
            case "call_function":
                return f"{node.name} ({getattr(node.target, '__name__', node.target)})"
            case _:
                return f"{node.name} ({node.target})"

    def compute(self, node: fx.Node) -> Compute:
        """Return the stacked form of a node.

        Raises:
            NotStackable: there is none.
        """
        if self._writes(node) and not self._is_alone(cast(fx.Node, node.args[0])):
            raise NotStackable(f"{self.title(node)} changes in place what is used elsewhere too")
        compute = self._rule(node)
        if compute is None:
            raise NotStackable(f"{self.title(node)} has no stacked form")
        return compute

    def _rule(self, node: fx.Node) -> Compute | None:
        match node.op:
            case "call_module":
                return self._layer(node)
            case "call_function":
                target = cast(Callable[..., Any], IN_PLACE.get(node.target, node.target))
                rule = self._random(node) if _name(target) in _RANDOM else FUNCTIONS.get(target)
                return rule and program.function_step(target, rule)
            case "call_method":
                method = cast(str, IN_PLACE.get(node.target, node.target))
                return program.function_step(_method(method), METHODS[method]) if method in METHODS else None
            case "get_attr" if node.target in self._tensors:
                return program.tensor_step(str(node.target))
        return None

    def _layer(self, node: fx.Node) -> Compute | None:
        module = self.module(node)
        rule = layers.RULES.get(type(module))
        if rule is None:
            return None
        obstacle = layers.obstacle(module)
        if obstacle is not None:
            raise NotStackable(f"{self.title(node)}: {obstacle}")
        if self._writes(node) and not self._is_ours(cast(fx.Node, node.args[0])):
            module = copy.copy(module)
            module.inplace = False  # type: ignore[assignment]
        return program.layer_step(rule, Layer(module, str(node.target), module.training))

    def _random(self, node: fx.Node) -> Function | None:
        """Return the rule of a dropout that drops nothing."""
        bound = inspect.signature(cast(Callable[..., Any], node.target)).bind(*node.args, **node.kwargs)
        bound.apply_defaults()
        return unchanged if bound.arguments["p"] == 0 or not bound.arguments["training"] else None

    def _writes(self, node: fx.Node) -> bool:
        """Say whether the model alone would write into the node's first argument."""
        if node.op == "call_module":
            return bool(getattr(self.module(node), "inplace", False))
        by_position = node.target in ACTIVATIONS and any(argument is True for argument in node.args[1:])
        return node.target in IN_PLACE or bool(node.kwargs.get("inplace")) or by_position

    def _is_alone(self, node: fx.Node) -> bool:
        """Say whether nobody but its one user could see that a node's tensor is written."""
        return len(node.users) == 1 and node.op != "get_attr" and all(map(self._is_alone, self._aliased(node)))

    def _aliased(self, node: fx.Node) -> list[fx.Node]:
        """Return the nodes whose memory a node's result may share."""
        if self._is_fresh(node):
            return []
        return node.all_input_nodes[:1] if self._writes(node) else node.all_input_nodes

    def _is_fresh(self, node: fx.Node) -> bool:
        if node.op == "call_module":
            return type(self.module(node)) in layers.FRESH
        return node.target in _FRESH_FUNCTIONS

    def _is_ours(self, node: fx.Node) -> bool:
        """Say whether a rule made the result, and not as a view: autograd copies where a view is written."""
        if node.op == "call_module" and isinstance(self.module(node), nn.Linear):
            return False
        return self._is_fresh(node) or node.target in IN_PLACE


def _method(name: str) -> Callable[..., Any]:
    def call(tensor: Any, *arguments: Any, **options: Any) -> Any:
        return getattr(tensor, name)(*arguments, **options)

    return call


def _name(target: Callable[..., Any]) -> str:
    return getattr(target, "__name__", "")
