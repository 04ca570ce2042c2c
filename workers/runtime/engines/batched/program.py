"""A model's forward pass as a list of steps that compute for all members at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx

from workers.runtime.engines.base import NotStackable
from workers.runtime.engines.batched.functions import Function, is_shared
from workers.runtime.engines.batched.layers import Rule
from workers.runtime.engines.batched.members import Layer, Members
from workers.runtime.engines.batched.value import Form, Value, stack

Environment = list[Any]
Reader = Callable[[Environment], Any]
Compute = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the traced model.

    Attributes:
        name: for messages.
        compute: called with the members, then with what the readers find.
        readers: of the arguments, among the results of earlier steps.
        options: likewise, of the named arguments.
        spent: earlier results that nothing after this step reads.
    """

    name: str
    compute: Compute
    readers: tuple[Reader, ...]
    options: dict[str, Reader]
    spent: tuple[int, ...]

    def run(self, members: Members, environment: Environment) -> None:
        arguments = [read(environment) for read in self.readers]
        options = {name: read(environment) for name, read in self.options.items()}
        try:
            result = self.compute(members, *arguments, **options)
        except (NotStackable, TypeError) as fault:  # A rule may know fewer arguments than torch's own function.
            raise NotStackable(f"{self.name}: {fault}") from fault
        environment.append(result)
        for position in self.spent:
            environment[position] = None


@dataclass(frozen=True)
class Program:
    """What the models compute in one mode, training or evaluation.

    Attributes:
        steps: in order; step i's result is environment[i + 1], the input is environment[0].
        output: where the result is.
        norm_calls: how often a forward pass adds one to each batch norm's count of batches, by the path of the counter.
    """

    steps: tuple[Step, ...]
    output: int
    norm_calls: Counter[str]

    def run(self, members: Members, inputs: Value) -> Value:
        environment: Environment = [inputs]
        for step in self.steps:
            step.run(members, environment)
        result = environment[self.output]
        if not isinstance(result, Value):
            raise NotStackable(f"the model returns a {type(result).__name__}, not a tensor")
        return result


def layer_step(rule: Rule, layer: Layer) -> Compute:
    """Return the computation of a module."""

    def compute(members: Members, features: Value) -> Value:
        return rule(layer, members, features)

    return compute


def function_step(original: Callable[..., Any], rule: Function) -> Compute:
    """Return the computation of a function: as it stands on what all members share, else by its rule."""

    def compute(members: Members, *arguments: Any, **options: Any) -> Any:
        if is_shared(arguments) and is_shared(list(options.values())):
            bare = {name: _bare(option) for name, option in options.items()}
            return _shared(original(*map(_bare, arguments), **bare), members.width)
        return rule(*arguments, **options)

    return compute


def tensor_step(path: str) -> Compute:
    """Return the computation that fetches a parameter or a buffer."""
    return lambda members: stack(members.tensors[path])


def reader(argument: Any, positions: dict[fx.Node, int]) -> Reader:
    """Return what builds an argument of a node from the results of earlier steps."""
    match argument:
        case fx.Node():
            position = positions[argument]
            return lambda environment: environment[position]
        case slice():
            parts = [reader(part, positions) for part in (argument.start, argument.stop, argument.step)]
            return lambda environment: slice(*[read(environment) for read in parts])
        case list() | tuple():
            return _sequence_reader(argument, positions)
        case _:
            return lambda _: argument


def _sequence_reader(arguments: Sequence[Any], positions: dict[fx.Node, int]) -> Reader:
    parts = [reader(part, positions) for part in arguments]
    kind = list if isinstance(arguments, list) else tuple
    return lambda environment: kind([read(environment) for read in parts])


def _bare(argument: Any) -> Any:
    if type(argument) in {list, tuple}:
        return type(argument)(map(_bare, argument))
    return argument.tensor if isinstance(argument, Value) else argument


def _shared(result: Any, width: int) -> Any:
    if isinstance(result, Tensor):
        return Value(result, Form.SHARED, width)
    if type(result) in {list, tuple}:
        return type(result)(_shared(part, width) for part in result)
    return result
