"""The training loop, one for all engines. Read it in one sitting.

A pack has 1..K members, each a run of its own: with its own step, schedule, data order, evaluations and directory. A
run alone is a pack of one. Members may come and go between two updates; whoever stays goes on as it was. While they
are too few for a fused engine to pay, one alone for instance, they compute one after another as each does alone.

A metric's step is the number of updates completed when it was measured: the first loss stands at step 1. The
schedule is asked for the index of the update, which counts from 0.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from studies.contract.packing import Engine
from workers.memory_faults import is_out_of_memory
from workers.packing.sizes import is_serial
from workers.runtime.admission import Admission, BuildTask, Newcomer
from workers.runtime.cohort import Batch, Cohort
from workers.runtime.engines.base import NotStackable
from workers.runtime.evaluation import evaluate
from workers.runtime.members import Member, next_batch
from workers.runtime.pace import Pace
from workers.runtime.pack import PackSurroundings
from workers.runtime.recorder import Readback
from workers.runtime.run_context import Ending, RunContext

TOO_LARGE = (
    "{device} has too little memory left for this run: lower the batch size or the image size, or choose a smaller "
    "model or a device with more memory"
)


CANNOT_FUSE = "these runs cannot train as one program: {fault}"

T = TypeVar("T")


def train(
    pack: PackSurroundings,
    device: str,
    engine: Engine,
    width: int,
    build_task: BuildTask,
    *,
    lone_engine: Engine = "serial",
    fused_from: int = 2,
) -> None:
    """Train the pack's runs, from their checkpoints if there are any, until none is left and none has come.

    Every run ends in one of the words of `PackSurroundings`: ended (completed; stopped, with a checkpoint; diverged,
    at the first loss that is not finite, guide, stage 1), failed or evicted.

    Args:
        pack: where runs come from, and what is told of them.
        device: ``cpu`` or ``cuda:N``.
        engine: how to train; where it cannot train these runs with the results of each alone, `lone_engine` does.
        width: most members at once.
        build_task: makes the task of a run; what it raises is that run's failure.
        lone_engine: the serial engine for fewer members than `fused_from`.
        fused_from: members from which on `engine` is faster than one after another.
    """
    training = _Training(pack, device, Ways(engine, width, lone_engine, fused_from), build_task)
    while training.gather():
        out_of_memory = False
        try:
            training.advance()
        except (RuntimeError, MemoryError) as fault:
            if not is_out_of_memory(fault):
                raise
            out_of_memory = True
        if out_of_memory:  # Not within the except: the exception's traceback holds on to the tensors of the step.
            training.make_room()


@dataclass(frozen=True)
class Ways:
    """How a pack computes, by the number of its members."""

    engine: Engine
    width: int
    lone_engine: Engine
    fused_from: int

    def engine_of(self, members: int) -> Engine:
        return self.engine if members >= self.fused_from or is_serial(self.engine) else self.lone_engine

    def alone(self) -> Ways:
        """Return how one run goes on that nobody may join."""
        return replace(self, engine=self.engine_of(1), width=1)


class _Training:
    """A pack under way: `members` are the rows of `cohort`, oldest first; `newcomers` wait to be stacked."""

    def __init__(self, pack: PackSurroundings, device: str, ways: Ways, build_task: BuildTask) -> None:
        self.pack = pack
        self.device = device
        self.ways = ways
        self.refusal = ""
        self.admission = Admission(pack, device, build_task)
        self.waiting: list[RunContext] = []
        self.newcomers: list[Newcomer] = []
        self.members: list[Member] = []
        self.cohort: Cohort | None = None
        self.readback = Readback.on(device)
        self.pace = Pace()

    # --- between updates -----------------------------------------------------------------------------------------

    def gather(self) -> bool:
        """Take in who has come, as far as there is room; return whether there is anyone to train."""
        self.waiting.extend(self.pack.arrivals())
        if self.refusal:
            self._evict(self.waiting, self.refusal)
            self.waiting = []
        while self.waiting and len(self.members) + len(self.newcomers) < self.ways.width:
            newcomer = self.admission.newcomer(self.waiting.pop(0))
            self.newcomers += [newcomer] if newcomer else []
        return bool(self.members or self.newcomers)

    def advance(self) -> None:
        """Let the newcomers in and those go who are through, then take one step of all the others."""
        if self.newcomers:
            self._read_back()
            self._let_in()
        leaving = [member for member in self.members if member.over or member.context.stopping()]
        if leaving:
            self._read_back()
            self._let_go(leaving)
        self._part_if_few()
        if self.cohort:
            self._update()

    # --- coming and going ----------------------------------------------------------------------------------------

    def _let_in(self) -> None:
        try:
            self._join(self.ways.engine_of(len(self.members) + len(self.newcomers)))
        except NotStackable as fault:
            self._fall_back(CANNOT_FUSE.format(fault=fault))

    def _join(self, engine: Engine) -> None:
        """Bring the newcomers to the members: under the engine that these have, then all under `engine`."""
        before = self.cohort
        able, cohort = self.admission.cohort(before.engine if before else engine, self.newcomers)
        self.newcomers = [newcomer for newcomer in self.newcomers if newcomer.member in able]
        members = self.members + able
        if before and cohort:
            cohort = before.join(cohort)
            if is_serial(cohort.engine) and not is_serial(engine):
                cohort = self.admission.fused(cohort, engine, members)
        self.members, self.cohort, self.newcomers = members, cohort or before, []
        self.pace.restart()

    def _part_if_few(self) -> None:
        """Members who have become too few for a fused engine go on one after another."""
        if self.cohort and not is_serial(self.cohort.engine) and len(self.cohort) < self.ways.fused_from:
            self.cohort = self.cohort.under(self.ways.lone_engine)
            self.pace.restart()

    def _fall_back(self, reason: str) -> None:
        """Let nobody in from now on. A pack that has not begun goes on with its oldest member alone, serially."""
        self.refusal = reason
        kept = 0 if self.cohort else 1
        self._evict([newcomer.member.context for newcomer in self.newcomers[kept:]], reason)
        self.newcomers = self.newcomers[:kept]
        if kept:
            self.ways = self.ways.alone()

    def _let_go(self, leaving: Sequence[Member]) -> None:
        """End those who are through, and those who were told to stop: with a checkpoint of where they stand."""
        endings: dict[Member, Ending | OSError] = {}
        for row, member in enumerate(self.members):
            if member in leaving:
                endings[member] = Ending("completed" if member.over else "stopped", member.step)
                if self.cohort and not member.over:
                    endings[member] = _disk_fault(partial(member.save, self.cohort, row)) or endings[member]
        self._end(endings)

    def _end(self, endings: Mapping[Member, Ending | OSError]) -> None:
        """Tell how members ended, by a fault of the disk perhaps, and close the ranks."""
        for member, ending in endings.items():
            member.recorder.flush()
            if isinstance(ending, Ending):
                self.pack.ended(member.context, ending)
            else:
                self.pack.failed(member.context, ending)
        rows = [row for row, member in enumerate(self.members) if member not in endings]
        self.members = [self.members[row] for row in rows]
        self.cohort = self.cohort.select(rows) if self.cohort and rows else None

    def _evict(self, contexts: Sequence[RunContext], reason: str) -> None:
        for context in contexts:
            self.pack.evicted(context, reason)

    # --- an update -----------------------------------------------------------------------------------------------

    def _update(self) -> None:
        rates = [member.lr() for member in self.members]
        figures, batch = self._computed(lambda cohort: self._step(cohort, rates))
        self.readback.put(figures, rates)
        for member in self.members:
            member.step += 1
        due = [member for member in self.members if member.evaluates]
        if due or self.readback.full:
            self._read_back()
        rows = [row for row, member in enumerate(self.members) if member in due]
        if rows:
            self._evaluate(rows)
        self._tell_pace(len(rates), len(rates) * batch.targets.shape[-1])

    def _step(self, cohort: Cohort, rates: Sequence[float]) -> tuple[Tensor, Batch]:
        batch = next_batch(self.members, cohort.recipe.dtype)
        return cohort.update(batch, rates), batch

    def _computed(self, compute: Callable[[Cohort], T]) -> T:
        """Compute with the cohort. If its engine finds only now that it cannot, members go on one after another."""
        if self.cohort is None:
            raise RuntimeError("nobody is left to compute with")
        try:
            return compute(self.cohort)
        except NotStackable as fault:
            self.refusal = CANNOT_FUSE.format(fault=fault)
            self.ways = replace(self.ways, engine=self.ways.lone_engine)
            self.cohort = self.cohort.under(self.ways.engine)
        return compute(self.cohort)

    def _read_back(self) -> None:
        """Record the latest updates of all members; whose loss is not finite has diverged, the others go on."""
        updates = self.readback.take()
        diverged: dict[Member, Ending | OSError] = {}
        for ahead, (losses, hits, rates) in enumerate(updates, start=1 - len(updates)):
            for member, loss, hit, lr in zip(self.members, losses, hits, rates, strict=True):
                if member in diverged:
                    continue
                step = member.step + ahead
                member.recorder.record(step, loss, hit, lr)
                if not math.isfinite(loss):
                    diverged[member] = Ending("diverged", step, f"loss was {loss} at step {step}")
        for member in self.members:
            member.recorder.flush_if_due()
        if diverged:
            self._end(diverged)

    def _evaluate(self, rows: Sequence[int]) -> None:
        data = self.members[0].data
        figures, cohort = self._computed(lambda cohort: (evaluate(cohort, rows, data), cohort))
        faults: dict[Member, Ending | OSError] = {}
        for row, dev in zip(rows, figures, strict=True):
            member = self.members[row]
            if fault := _disk_fault(partial(member.judged, dev, cohort, row)):
                faults[member] = fault
        if faults:
            self._read_back()
            self._end(faults)

    def _tell_pace(self, width: int, samples: int) -> None:
        rate = self.pace.count(samples)
        if rate is not None:
            on_cpu = self.device == "cpu"
            self.pack.pace(width, rate, None if on_cpu else torch.cuda.max_memory_reserved(self.device))

    # --- out of memory -------------------------------------------------------------------------------------------

    def make_room(self) -> None:
        """Give back the newest members; what a step left half done of the others is done again.

        Newcomers who did not fit beside members under way are all of the newest; otherwise half of the members are,
        and the rest go back to their checkpoints, since the step that failed may have moved batch-norm statistics and
        generators. Steps done again are not recorded again.
        """
        self._read_back()
        reason = f"{self.device} ran out of memory with {len(self.members) + len(self.newcomers)} runs in one pack"
        if self.newcomers and self.members:
            self._evict([newcomer.member.context for newcomer in self.newcomers], reason)
            self.newcomers, self.ways = [], replace(self.ways, width=len(self.members))
        else:
            self._halve(self.members or [newcomer.member for newcomer in self.newcomers], reason)
        gc.collect()
        if self.device != "cpu":
            torch.cuda.empty_cache()

    def _halve(self, crowd: Sequence[Member], reason: str) -> None:
        self.cohort, self.members, self.newcomers = None, [], []
        if len(crowd) == 1:
            self.pack.failed(crowd[0].context, torch.OutOfMemoryError(TOO_LARGE.format(device=self.device)))
            return
        width = (len(crowd) + 1) // 2
        self.ways = replace(self.ways, width=width)
        self._evict([member.context for member in crowd[width:]], reason)
        restarted = [self.admission.restarted(member) for member in crowd[:width]]
        self.newcomers = [newcomer for newcomer in restarted if newcomer]


def _disk_fault(write: Callable[[], None]) -> OSError | None:
    """Write something to a member's directory; return what went wrong, which is that member's end and no other's."""
    try:
        write()
    except OSError as fault:
        return fault
    return None
