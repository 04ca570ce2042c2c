"""What the packing bench runs within one process: a plain PyTorch loop, that loop as a CUDA graph, a fused pack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from studies.contract.packing import Engine
from tests.bench.packing_cases import Case, CaseTask
from workers.objectives.task import batch_order
from workers.runtime.cohort import Batch, Cohort, Recipe
from workers.runtime.precision import arithmetic
from workers.runtime.seeding import own_generator, seed_everything

READ_BACK = 16
"""Steps after which losses are read, in every program."""

LR, MOMENTUM = 0.01, 0.9


class Program(Protocol):
    """Training under way; ``members`` runs take a step at once."""

    members: int

    def steps(self, count: int) -> None:
        """Take so many steps; return when the device has done them."""


class Batches:
    """A case's batches in a shuffled order, from data that live on the device."""

    def __init__(self, case: Case, device: str) -> None:
        task = CaseTask(case, device)
        self._split = task.data().train
        self._order = batch_order(self._split, case.batch, seed=0)
        self._step = 0

    def next(self) -> tuple[Tensor, Tensor]:
        indices = self._order(self._step)
        self._step += 1
        return self._split.batch(indices)


class Plain:
    """One run by a loop as everybody writes it: `torch.optim`, nothing of Stagetune's."""

    members = 1

    def __init__(self, case: Case, device: str, memory_format: torch.memory_format = torch.contiguous_format) -> None:
        seed_everything(0)
        self._batches = Batches(case, device)
        self._format = memory_format
        self.model = case.build().to(device, memory_format=memory_format)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=LR, momentum=MOMENTUM)
        self._waiting: list[Tensor] = []

    def steps(self, count: int) -> None:
        for _ in range(count):
            inputs, targets = self._batches.next()
            self._waiting.append(self.step(inputs.contiguous(memory_format=self._format), targets))
            if len(self._waiting) >= READ_BACK:
                self._read_back()
        self._read_back()

    def step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = functional.cross_entropy(self.model(inputs), targets)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.detach()

    def _read_back(self) -> None:
        if self._waiting:
            torch.stack(self._waiting).tolist()
            self._waiting = []


class Graphed:
    """The plain loop's step recorded once as a CUDA graph, and replayed: no launches to wait for."""

    members = 1

    def __init__(self, case: Case, device: str) -> None:
        self._plain = Plain(case, device)
        self._batches = Batches(case, device)
        inputs, targets = self._batches.next()
        self._inputs, self._targets = inputs.clone(), targets.clone()
        self._warm_up()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = self._plain.step(self._inputs, self._targets)

    def _warm_up(self) -> None:
        """As torch wants it: a few steps on a side stream, before anything is recorded."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self._plain.step(self._inputs, self._targets)
        torch.cuda.current_stream().wait_stream(aside)

    def steps(self, count: int) -> None:
        losses = []
        for _ in range(count):
            inputs, targets = self._batches.next()
            self._inputs.copy_(inputs)
            self._targets.copy_(targets)
            self._graph.replay()
            losses.append(self._loss.clone())
        torch.stack(losses).tolist()


class Fused:
    """A pack as the training loop updates it; the members share one data stream, as in a sweep, or have their own."""

    def __init__(self, case: Case, device: str, engine: Engine, members: int, *, shared: bool = True) -> None:
        self.members = members
        self._shared = shared
        self._batches = Batches(case, device)
        recipe = Recipe("sgd", arithmetic("float32"), device)
        tasks, models, generators = [], [], []
        for index in range(members):
            seed_everything(index)
            tasks.append(CaseTask(case, device, LR))
            models.append(case.build().to(device))
            generators.append(own_generator(device))
        self._cohort = Cohort.create(recipe, engine, tasks, models, generators)
        self._rates = [LR * (1 + index) / members for index in range(members)]

    def steps(self, count: int) -> None:
        waiting = []
        for _ in range(count):
            waiting.append(self._cohort.update(self._batch(), self._rates))
            if len(waiting) >= READ_BACK:
                torch.stack(waiting).tolist()
                waiting = []
        if waiting:
            torch.stack(waiting).tolist()

    def _batch(self) -> Batch:
        if self._shared:
            return Batch(*self._batches.next(), shared=True)
        inputs, targets = zip(*(self._batches.next() for _ in range(self.members)), strict=True)
        return Batch(torch.stack(inputs), torch.stack(targets), shared=False)


Build = Callable[[Case, str, int], Program]

IN_PROCESS: dict[str, Build] = {
    "serial": lambda case, device, _: Plain(case, device),
    "channels_last": lambda case, device, _: Plain(case, device, torch.channels_last),
    "cuda_graph": lambda case, device, _: Graphed(case, device),
    "vmap": lambda case, device, members: Fused(case, device, "vmap", members),
    "batched": lambda case, device, members: Fused(case, device, "batched", members),
}
"""Ways to train K runs in one process. The first three take them one after another, at the speed of one."""


def modes_for(case: Case, device: str) -> list[str]:
    """Return those that mean anything here: graphs are CUDA's, and only convolutions care for a memory format."""
    without = {"cuda_graph"} if device == "cpu" else set()
    if not any(isinstance(layer, nn.Conv2d) for layer in case.build().modules()):
        without.add("channels_last")
    return [mode for mode in IN_PROCESS if mode not in without]
