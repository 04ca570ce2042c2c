"""A pack's surroundings that a test writes the script of, and an engine that is exact by construction."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from studies.contract.packing import Engine
from studies.contract.study_file import BuiltinObjective
from studies.contract.worker_protocol import RunSpec
from tests.integration.worker_harness import digits
from workers.objectives.image_classification.task import ImageClassification
from workers.objectives.task import Task
from workers.runtime.engines.base import StackedModel, StateDict
from workers.runtime.engines.serial import SerialModel
from workers.runtime.loop import train
from workers.runtime.reporter import Reporter
from workers.runtime.run_context import Ending, RunContext

METRICS = ("loss", "train_accuracy", "lr", "dev_accuracy", "dev_loss", "dev_f1")


@dataclass
class Script:
    """What happens to one run of a pack.

    Attributes:
        arrives: the pack's turn at which it comes; 0 for a first member.
        stop_after: updates of this attempt after which it is told to stop; None lets it run.
        delivered: last step whose metrics the server has.
    """

    run: RunSpec
    directory: Path
    arrives: int = 0
    stop_after: int | None = None
    delivered: int = 0
    frames: list[dict[str, Any]] = field(default_factory=list)

    def context(self, device: str = "cpu") -> RunContext:
        self.directory.mkdir(parents=True, exist_ok=True)
        reporter = Reporter(lambda frame: self.frames.append(dict(frame)))
        updates = itertools.count()  # It is asked before every update.
        return RunContext(
            self.run,
            device,
            self.directory,
            self.delivered,
            reporter,
            lambda: self.stop_after is not None and next(updates) >= self.stop_after,
        )

    def curve(self, name: str) -> dict[int, float]:
        parts = [frame["points"].get(name, ((), ())) for frame in self.frames if frame["kind"] == "points"]
        return {step: value for steps, values in parts for step, value in zip(steps, values, strict=True)}

    @property
    def curves(self) -> dict[str, dict[int, float]]:
        return {name: self.curve(name) for name in METRICS}

    @property
    def started_from(self) -> int:
        (step,) = [int(frame["step"]) for frame in self.frames if frame["kind"] == "started"]
        return step

    @property
    def checkpoint(self) -> dict[str, Any]:
        state: dict[str, Any] = torch.load(self.directory / "checkpoint.pt", map_location="cpu", weights_only=True)
        return state


class ScriptedPack:
    """`PackSurroundings` that brings the runs of `scripts` at their turns and keeps what it is told, by trial id."""

    def __init__(self, *scripts: Script, device: str = "cpu") -> None:
        self._coming = list(scripts)
        self._device = device
        self._turn = 0
        self.endings: dict[str, Ending] = {}
        self.failures: dict[str, BaseException] = {}
        self.evictions: dict[str, str] = {}
        self.paces: list[tuple[int, float]] = []

    def arrivals(self) -> Sequence[RunContext]:
        here = [script for script in self._coming if script.arrives <= self._turn]
        self._coming = [script for script in self._coming if script not in here]
        self._turn += 1
        return [script.context(self._device) for script in here]

    def ended(self, context: RunContext, ending: Ending) -> None:
        self._settle(self.endings, context, ending)

    def failed(self, context: RunContext, fault: BaseException) -> None:
        self._settle(self.failures, context, fault)

    def evicted(self, context: RunContext, reason: str) -> None:
        self._settle(self.evictions, context, reason)

    def pace(self, width: int, samples_per_second: float, memory_bytes: int | None) -> None:
        self.paces.append((width, samples_per_second))

    def _settle(self, book: dict[str, Any], context: RunContext, word: object) -> None:
        told = self.endings.keys() | self.failures.keys() | self.evictions.keys()
        assert context.run.trial_id not in told, "told twice"
        book[context.run.trial_id] = word


def build_task(context: RunContext) -> Task:
    assert isinstance(context.run.objective, BuiltinObjective)
    return ImageClassification(context.run.objective.args.model_dump(), context.run.params, context.device)


def run_pack(
    *scripts: Script,
    engine: Engine = "serial",
    width: int = 32,
    build: Callable[[RunContext], Task] = build_task,
    device: str = "cpu",
    **ways: Any,
) -> ScriptedPack:
    pack = ScriptedPack(*scripts, device=device)
    train(pack, device, engine, width, build, **ways)
    assert not pack._coming, "the pack ended before all had come"
    return pack


def run_alone(run: RunSpec, directory: Path, device: str = "cpu", **script: Any) -> Script:
    """Train one run as a pack of its own and return what it said."""
    alone = Script(run, directory, **script)
    run_pack(alone, width=1, device=device)
    return alone


def trial(number: int, model: str = "small_cnn", **changes: Any) -> RunSpec:
    """A run on digits in float64, the trial of that number."""
    run = digits(trial_id=f"tr_{number}", trial_number=number, precision="float64", **changes)
    args = run.objective.args.model_copy(update={"model": model})  # type: ignore[union-attr]
    return run.model_copy(update={"objective": run.objective.model_copy(update={"args": args})})


class LoopedModel(StackedModel):
    """A stack that computes one member after the other, each exactly as alone: what differs is the loop's doing."""

    def __init__(self, members: Sequence[SerialModel]) -> None:
        self.members = list(members)
        self.slots = members[0].slots
        self.weights = torch.cat([member.weights for member in members])
        self.generators = [member.generators[0] for member in members]
        for row, member in zip(self.weights, members, strict=True):
            for slot, parameter in zip(self.slots, _trainable(member.modules[0]), strict=True):
                parameter.data = row[slot.columns].view(slot.shape)

    @classmethod
    def stack(cls, models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> Self:
        pairs = zip(models, generators, strict=True)
        return cls([SerialModel.stack([model], [generator]) for model, generator in pairs])

    def train(self, *, mode: bool = True) -> None:
        for member in self.members:
            member.train(mode=mode)

    def forward(self, inputs: Tensor, *, shared: bool) -> Tensor:
        batches = [inputs] * self.width if shared else list(inputs)
        pairs = zip(self.members, batches, strict=True)
        return torch.cat([member.forward(batch, shared=True) for member, batch in pairs])

    def gradients(self, losses: Tensor) -> Tensor:
        parameters = [parameter for member in self.members for parameter in _trainable(member.modules[0])]
        found = torch.autograd.grad(losses.sum(), parameters)
        return torch.cat([gradient.flatten() for gradient in found]).view_as(self.weights)

    def select(self, members: Sequence[int]) -> Self:
        return type(self)([self.members[member].select([0]) for member in members])

    def join(self, other: Self) -> Self:
        return type(self)([member.select([0]) for member in self.members + other.members])

    def unstacked(self, pattern: nn.Module) -> list[nn.Module]:
        return [member.modules[0] for member in self.members]

    def state_dict(self, member: int) -> StateDict:
        return self.members[member].state_dict(0)

    def load_state_dict(self, member: int, state: Mapping[str, Tensor]) -> None:
        self.members[member].load_state_dict(0, state)


def _trainable(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
