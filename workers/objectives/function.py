"""The objective ``function``: a user's own ``train(trial)``. Needs no torch."""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from studies.contract.base import Params, Scalar
from studies.contract.study_file import FunctionObjective
from studies.core import schedules
from workers.objectives.no_metric import NoMetric
from workers.runtime.own_checkpoints import OwnCheckpoints
from workers.runtime.run_context import Ending, RunContext

Train = Callable[["FunctionTrial"], object]


class Diverged(BaseException):
    """Leaves the user's function at the first loss that is not finite. No ``except Exception`` holds it up."""


class FunctionTrial:
    """What ``train(trial)`` is given.

    Attributes:
        params: hyperparameters by name, ``lr`` being the peak learning rate.
        args: the objective's arguments from the study file.
        num_steps: how many updates to make, counted from the trial's beginning.
        seed: seed of this trial.
        device: ``cpu`` or ``cuda:N``.
        checkpoint_dir: a folder that later attempts of this trial find again.
        resume_step: the last step that an earlier attempt reported if it left something in ``checkpoint_dir``,
            otherwise 0. Read the step you stand at from your own checkpoint, and report from the next one on.
    """

    def __init__(self, context: RunContext, args: Mapping[str, Scalar]) -> None:
        self._context = context
        self._run = context.run
        self.params: Params = dict(context.run.params)
        self.args = dict(args)
        self.num_steps = context.run.num_steps
        self.seed = context.run.seed
        self.device = context.device
        self._own = OwnCheckpoints.of(context)
        self.checkpoint_dir, self.resume_step = self._own.folder, self._own.resume_step
        self._started = False

    def lr(self, step: int) -> float:
        """Return the learning rate of the update with index `step`, counted from 0, by the stage's schedule."""
        return schedules.lr(self._run.schedule, float(self._run.params["lr"]), step)

    def report(self, step: int, loss: float | None = None, **metrics: float) -> None:
        """Report metrics after `step` completed updates. A loss that is not finite ends the trial as diverged.

        Raises:
            ValueError: `step` is not above the last one reported under that name.
        """
        self._start(step)
        values = metrics if loss is None else {"loss": loss, **metrics}
        self._context.reporter.report(step, values)
        self._context.reporter.flush_if_due()
        if loss is not None and not math.isfinite(loss):
            raise Diverged(f"loss was {float(loss)} at step {step}")

    def should_stop(self) -> bool:
        """Say whether to save what is needed to go on later, and return."""
        return self._context.stopping()

    def _start(self, step: int) -> None:
        if not self._started:
            self._started = True
            self._context.reporter.started(self._own.started_from(step))


def run_function(context: RunContext, objective: FunctionObjective, folder: Path) -> Ending:
    """Run the function that `objective` names, looked up below `folder`.

    Raises:
        NoMetric: it returned without reporting the study's metric.
    """
    train = load_target(objective.target, folder)
    trial = FunctionTrial(context, objective.args)
    reporter, metric = context.reporter, context.run.metric.name
    try:
        train(trial)
    except Diverged as diverged:
        reporter.flush()
        return Ending("diverged", reporter.last_step, str(diverged))
    reporter.flush()
    if context.stopping() and reporter.last_step < context.run.num_steps:
        return Ending("stopped", reporter.last_step)
    if not reporter.reported(metric) and not trial.resume_step:
        raise NoMetric(
            f"{objective.target} returned without reporting {metric!r}, the study's metric: call "
            f"trial.report(step, {metric}=...) at least once"
        )
    return Ending("completed", reporter.last_step)


def load_target(target: str, folder: Path) -> Train:
    """Import ``file.py:function`` or ``package.module:function`` and return the function.

    Raises:
        ValueError: the file lies outside `folder`, or there is no such function; the message names both.
    """
    place, _, name = target.partition(":")
    sys.path.insert(0, str(folder))
    module = _load_file(place, folder) if place.endswith(".py") else importlib.import_module(place)
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{place} has no function {name!r}: check the objective's target")
    return function  # type: ignore[no-any-return]


def _load_file(place: str, folder: Path) -> ModuleType:
    path = (folder / place).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"{place} lies outside the worker's folder: move it below {folder.resolve().name}/")
    if not path.is_file():
        raise ValueError(f"there is no {place} below the worker's folder: start the worker where the file is")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{place} cannot be imported: is it a Python file?")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
