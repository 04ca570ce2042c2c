"""From a model to its program: which rule computes what its ``forward`` calls, in which order."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch import fx, nn

from workers.runtime.engines.base import NotStackable
from workers.runtime.engines.batched import program
from workers.runtime.engines.batched.layers import RULES
from workers.runtime.engines.batched.nodes import Nodes
from workers.runtime.engines.batched.program import Program, Step


class _Tracer(fx.Tracer):
    """Stops at every layer that has a rule, and at torch's own modules."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in RULES or super().is_leaf_module(m, module_qualified_name)


def traced(model: nn.Module, *, training: bool) -> Program:
    """Return the program of `model` in training or evaluation.

    Args:
        model: on any device; only its structure is read. Left in the given mode.
        training: the mode.

    Raises:
        NotStackable: its ``forward`` depends on the data, or calls what has no rule.
    """
    model.train(training)
    _refuse_hooks(model)
    try:
        graph = _Tracer().trace(model)
    except Exception as fault:
        raise NotStackable(f"the model's forward cannot be traced: {fault}") from fault
    *body, output = graph.nodes
    result = output.args[0]
    if sum(node.op == "placeholder" for node in body) != 1:
        raise NotStackable("a forward with other than one argument")
    if not isinstance(result, fx.Node):
        raise NotStackable("a forward that returns other than one tensor")
    _refuse_idle_parameters(model, result)
    positions = {node: position for position, node in enumerate(body)}
    nodes = Nodes(model)
    steps = tuple(_step(node, nodes, positions) for node in body[1:])
    return Program(steps, positions[result], _counters(body, nodes))


def _step(node: fx.Node, nodes: Nodes, positions: dict[fx.Node, int]) -> Step:
    options = {name: option for name, option in node.kwargs.items() if name != "inplace"}
    spent = [earlier for earlier in node.all_input_nodes if max(earlier.users, key=positions.__getitem__) is node]
    return Step(
        name=nodes.title(node),
        compute=nodes.compute(node),
        readers=tuple(program.reader(argument, positions) for argument in node.args),
        options={name: program.reader(option, positions) for name, option in options.items()},
        spent=tuple(positions[earlier] for earlier in spent),
    )


def _refuse_hooks(model: nn.Module) -> None:
    for path, module in model.named_modules():
        own: dict[str, Any] = vars(module)
        if any(own[name] for name in own if name.endswith("_hooks") and "state_dict" not in name):
            raise NotStackable(f"{path or 'the model'} has hooks")


def _refuse_idle_parameters(model: nn.Module, result: fx.Node) -> None:
    """Alone, a parameter without a gradient is not updated at all, weight decay included."""
    used: set[int] = set()
    found, left = {result}, [result]
    while left:
        node = left.pop()
        used |= _parameters(model, node)
        new = set(node.all_input_nodes) - found
        found |= new
        left.extend(new)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and id(parameter) not in used:
            raise NotStackable(f"{name} takes no part in the forward")


def _parameters(model: nn.Module, node: fx.Node) -> set[int]:
    match node.op:
        case "call_module":
            return {id(parameter) for parameter in model.get_submodule(str(node.target)).parameters()}
        case "get_attr":
            owner, _, name = str(node.target).rpartition(".")
            return {id(getattr(model.get_submodule(owner), name))}
    return set()


def _counters(body: list[fx.Node], nodes: Nodes) -> Counter[str]:
    layers = [node for node in body if node.op == "call_module"]
    return Counter(f"{node.target}.num_batches_tracked" for node in layers if _counts(nodes.module(node)))


def _counts(module: nn.Module) -> bool:
    return module.training and getattr(module, "num_batches_tracked", None) is not None
