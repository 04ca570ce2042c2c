"""How runs become members: each is built by itself, then they are stacked, checked and brought to their checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from studies.contract.packing import Engine
from workers.objectives.task import Data, Task
from workers.packing.sizes import is_serial
from workers.runtime.cohort import Cohort, Recipe
from workers.runtime.engines.agreement import disagreement
from workers.runtime.engines.base import NotStackable
from workers.runtime.members import Member, Start, next_batch
from workers.runtime.pack import PackSurroundings
from workers.runtime.run_context import RunContext
from workers.runtime.seeding import seed_everything

BuildTask = Callable[[RunContext], Task]

DATA_SEED = 0
"""Before the data are loaded, once for all members: they are the same for every trial."""


@dataclass(frozen=True, eq=False)
class Newcomer:
    """A member that no cohort has taken in yet, and where it begins."""

    member: Member
    start: Start


class Admission:
    """Builds members and stacks them. What is wrong with one is told of that one alone."""

    def __init__(self, pack: PackSurroundings, device: str, build_task: BuildTask) -> None:
        self._pack = pack
        self._device = device
        self._build_task = build_task
        self._data: Data | None = None

    def newcomer(self, context: RunContext) -> Newcomer | None:
        """Return the run's member, in its own directory at its own checkpoint; None where that failed."""
        try:
            task = self._build_task(context)
            member = Member(context, task, self._load(task))
        except Exception as fault:
            self._pack.failed(context, fault)
            return None
        newcomer = self.restarted(member)
        if newcomer is not None:
            member.announce(newcomer.start)
        return newcomer

    def restarted(self, member: Member) -> Newcomer | None:
        """Return a member as it is at its checkpoint (or step 0), for a pack that has to be built again."""
        try:
            return Newcomer(member, member.start(self._recipe(member)))
        except Exception as fault:
            self._pack.failed(member.context, fault)
            return None

    def cohort(self, engine: Engine, newcomers: Sequence[Newcomer]) -> tuple[list[Member], Cohort | None]:
        """Return those of `newcomers` that can go on, and their cohort (None of nobody), checked against each alone.

        Raises:
            NotStackable: they cannot be trained as one, or not with the results that each has alone.
        """
        members = [newcomer.member for newcomer in newcomers]
        models = [newcomer.start.model for newcomer in newcomers]
        generators = [newcomer.start.generator for newcomer in newcomers]
        tasks = [member.task for member in members]
        cohort = Cohort.create(self._recipe(members[0]), engine, tasks, models, generators)
        if not is_serial(engine):
            check_first_step(cohort, members, models)
        able = [row for row, newcomer in enumerate(newcomers) if self._restore(cohort, row, newcomer)]
        if len(able) < len(members):
            return [members[row] for row in able], cohort.select(able) if able else None
        return members, cohort

    def fused(self, cohort: Cohort, engine: Engine, members: Sequence[Member]) -> Cohort:
        """Return the cohort of `members`, who were trained one after another, as one program, checked likewise.

        Raises:
            NotStackable: as above; `cohort` is as it was.
        """
        together = cohort.under(engine)
        check_first_step(together, members, cohort.models())
        return together

    def _restore(self, cohort: Cohort, row: int, newcomer: Newcomer) -> bool:
        if newcomer.start.checkpoint is None:
            return True
        try:
            cohort.load_state(row, newcomer.start.checkpoint)
        except Exception as fault:
            self._pack.failed(newcomer.member.context, fault)
            return False
        return True

    def _recipe(self, member: Member) -> Recipe:
        return Recipe.of(member.run, self._device)

    def _load(self, task: Task) -> Data:
        if self._data is None:
            seed_everything(DATA_SEED)
            self._data = task.data()
        return self._data


def check_first_step(cohort: Cohort, members: Sequence[Member], models: Sequence[nn.Module]) -> None:
    """Hold the next step of a stack against that of each member alone; nothing moves on.

    Args:
        cohort: as it was made of `models`.
        members: whose batches are taken.
        models: of the members, alone.

    Raises:
        NotStackable: they differ by more than rounding explains.
    """
    numbers = cohort.recipe.arithmetic
    batch = next_batch(members, numbers.dtype)

    def losses(outputs: Tensor, rows: Sequence[int]) -> Tensor:
        if len(rows) == len(cohort):
            return cohort.losses(outputs, batch.targets)
        targets = batch.targets if batch.shared else batch.targets[rows[0]]
        return cohort.tasks[rows[0]].loss(outputs[0], targets).unsqueeze(0)

    difference = disagreement(cohort.model, models, batch.inputs, losses, numbers, shared=batch.shared)
    if difference:
        raise NotStackable(difference)
