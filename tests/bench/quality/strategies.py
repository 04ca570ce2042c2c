"""Stagetune's own strategies through `decide`, as the engine would ask it, on the simulator of the core's tests.

One step is one epoch. `decide` is asked whenever a run ends, and a few times while it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.contract.study_file import StudySpec
from studies.core.actions import Finish
from studies.core.snapshot import LOSS, Curve, Trial
from studies.storage.optuna_bridge.sampler import OptunaSampler
from tests.bench.quality.ledger import Ledger
from tests.bench.quality.slots import Run
from tests.bench.quality.task import SCHEDULE, Task
from tests.simulation.simulator import Run as WorldRun
from tests.simulation.simulator import Simulation
from tests.simulation.worlds import curve

LOOKS = 26
"""Times that `decide` is asked about a full training while it runs."""


class TabulatedStudy(Simulation):
    """A study whose curves are shown to it from outside, run by run, instead of tick by tick."""

    def __init__(self, spec: StudySpec) -> None:
        super().__init__(spec, _no_world, sampler=OptunaSampler())

    def settle(self) -> None:
        """Ask and apply until there is nothing left to do but wait."""
        self._settle()

    def show(self, trial_id: str, state: TrialState, curves: Mapping[str, Curve]) -> None:
        self._replace(replace(self.snapshot.by_id[trial_id], state=state, curves=curves))


def _no_world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> WorldRun:
    raise NotImplementedError("curves are shown from outside")


class StudySearch:
    """A study at work on a task. What the study leaves open is as in `defaults`."""

    def __init__(self, spec: StudySpec, task: Task, ledger: Ledger, defaults: Params) -> None:
        self._task = task
        self._ledger = ledger
        self._defaults = defaults
        self._study = TabulatedStudy(spec)
        self._stride = max(1, task.epochs // LOOKS)
        self._running: dict[str, Run] = {}
        self._seen: dict[str, int] = {}
        self._started = 0
        self._decide()

    def next(self) -> Run | None:
        trials = self._study.snapshot.trials
        waiting = next((trial for trial in trials if trial.state is TrialState.WAITING), None)
        if waiting is None or self._study.state.ended:
            return None
        run = self._run_of(waiting)
        self._running[waiting.id] = run
        self._reveal(waiting.id, TrialState.RUNNING)
        return run

    def observe(self, run: Run) -> None:
        trial_id = next(name for name, known in self._running.items() if known is run)
        self._seen[trial_id] = run.seen
        ended = run.seen == run.length
        if ended or run.seen % self._stride == 0:
            self._reveal(trial_id, TrialState.COMPLETED if ended else TrialState.RUNNING)
            self._decide()

    def _run_of(self, trial: Trial) -> Run:
        params, span = self._params(trial), self._span(trial)
        self._started += 1
        training = self._task.training(params, trial.seed)
        length = min(self._task.epochs, -(-trial.num_steps * self._task.epochs // span))
        return Run(self._started, params, trial.seed, training, length, seen=self._seen.get(trial.id, 0))

    def _params(self, trial: Trial) -> Params:
        params = {**self._defaults, **trial.params}
        if self._task.forms:
            params[SCHEDULE] = self._task.schedule_label(trial.schedule, self._span(trial))
        return params

    def _span(self, trial: Trial) -> int:
        """Return the steps that stand for the task's whole length.

        A decay that ends early is not in the tables: it is taken from the full training whose decay has the same
        shape, at the cost of that training, and shown to the study on its own axis.
        """
        return min(trial.schedule.end or self._task.epochs, self._task.epochs)

    def _reveal(self, trial_id: str, state: TrialState) -> None:
        """Let the study see what the trial's run has shown so far."""
        run, trial = self._running[trial_id], self._study.snapshot.by_id[trial_id]
        span = self._span(trial)
        shown = np.arange(1, min(trial.num_steps, run.seen * span // self._task.epochs) + 1)
        epochs = -(-shown * self._task.epochs // span) - 1
        metric = self._study.snapshot.spec.metric.name
        curves = {LOSS: curve(run.training.loss[epochs]), metric: curve(run.training.dev[epochs])}
        self._study.show(trial_id, state, curves)
        if state is not TrialState.RUNNING:
            del self._running[trial_id]

    def _decide(self) -> None:
        self._study.settle()
        for trial_id in [name for name in self._running if self._study.snapshot.by_id[name].state.ended]:
            self._running.pop(trial_id).stopped = True
        if isinstance(self._study.last, Finish):
            self._recommend(self._study.last)

    def _recommend(self, finish: Finish) -> None:
        best = self._study.snapshot.by_id[finish.best_trial_id]
        self._ledger.recommend(self._params(best), best.seed, self._seen[best.id])
