"""The objective ``command``: any program. Needs no torch.

The program runs below the pack's process, which follows its metrics, hands SIGTERM on to it, and judges its end. Its
output goes to the run's log.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from studies.contract.base import Params, Scalar
from studies.contract.command import CommandObjective, filled, without_missing
from studies.contract.schedule import Schedule
from workers.environment import OURS, OWN_PYTHONPATH
from workers.objectives.metric_lines import MetricLines
from workers.objectives.no_metric import NoMetric
from workers.runtime.own_checkpoints import OwnCheckpoints
from workers.runtime.run_context import Ending, RunContext

_Process = subprocess.Popen[bytes]

METRICS_FILE = "metrics.jsonl"
POLL_SECONDS = 0.1
"""Between two looks at the metrics of a program that runs."""

DIVERGED_GRACE_SECONDS = 10.0
"""Between SIGTERM and SIGKILL for a program whose loss is not finite any more: there is nothing left to save."""


class CommandFailed(Exception):
    """The program could not be started, or did not end well; the message says how."""


def run_command(context: RunContext, objective: CommandObjective, folder: Path) -> Ending:
    """Run a program to its end in `folder`. It is told to stop by SIGTERM; exit code 0 is a completed run.

    Raises:
        CommandFailed: it cannot be started, or ends with another exit code or by a signal.
        NoMetric: it ends with exit code 0 and has not written the study's metric.
    """
    checkpoints = OwnCheckpoints.of(context)
    metrics = context.directory / METRICS_FILE
    metrics.unlink(missing_ok=True)  # A program of an earlier attempt that still writes has the old file.
    metrics.touch()
    words = run_words(context, checkpoints, metrics)
    lines = MetricLines(metrics, context.reporter, started_from=checkpoints.started_from, note=_note)
    process = _start(objective, context, words, folder)
    _attend(process, lines, context)
    return _ending(process.returncode, lines, context, resumed=checkpoints.resume_step > 0)


def run_words(context: RunContext, checkpoints: OwnCheckpoints, metrics: Path) -> dict[str, str]:
    """Return what a command can ask for beside its hyperparameters (`studies.contract.command.RUN_WORDS`)."""
    run = context.run
    return {
        "num_steps": str(run.num_steps),
        "evaluate_every": str(run.evaluate_every),
        "seed": str(run.seed),
        "device": "cpu" if context.device == "cpu" else "cuda:0",  # the only one that it sees
        "optimizer": run.optimizer,
        "precision": run.precision,
        "metric": run.metric.name,
        "metrics": str(metrics),
        "checkpoint_dir": str(checkpoints.folder),
        "resume_step": str(checkpoints.resume_step),
        "run": str(context.directory / "run.json"),
        **_schedule_words(run.schedule, run.num_steps),
    }


def _schedule_words(schedule: Schedule, num_steps: int) -> dict[str, str]:
    end = num_steps if schedule.end is None else schedule.end
    fields = {**schedule.model_dump(), "end": end, "milestones": ",".join(map(str, schedule.milestones))}
    return {f"schedule_{name}": str(value) for name, value in fields.items()}


def as_text(value: Scalar) -> str:
    """Return a hyperparameter as a word: what JSON has, a text as it is."""
    return value if isinstance(value, str) else json.dumps(value)


def environment(params: Params, words: Mapping[str, str], device: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the program's environment.

    Args:
        params: hyperparameters, which it finds as ``STAGETUNE_PARAM_LR`` and so on.
        words: facts of the run, as ``STAGETUNE_SEED`` and so on.
        device: ``cpu`` or ``cuda:N``: the only device that it sees.
        given: the environment of this process.
    """
    own = {f"{OURS}{name.upper()}": value for name, value in words.items()}
    own |= {f"{OURS}PARAM_{name.upper()}": as_text(value) for name, value in params.items()}
    path = {"PYTHONPATH": given[OWN_PYTHONPATH]} if given.get(OWN_PYTHONPATH) else {}
    kept = {name: value for name, value in given.items() if name != "PYTHONPATH" and not name.startswith(OURS)}
    return {**kept, **path, **own, "CUDA_VISIBLE_DEVICES": _visible(device, given.get("CUDA_VISIBLE_DEVICES"))}


def _visible(device: str, visible: str | None) -> str:
    """Return the one card of those that this process sees, none for a run on the CPU."""
    if device == "cpu":
        return ""
    number = int(device.removeprefix("cuda:"))
    return str(number) if visible is None else visible.split(",")[number].strip()


def _start(objective: CommandObjective, context: RunContext, words: Mapping[str, str], folder: Path) -> _Process:
    params = context.run.params
    values = {**words, **{name: as_text(value) for name, value in params.items()}}
    environ = environment(params, words, context.device, os.environ)
    try:
        command = filled(without_missing(objective.command, values), values)
        return subprocess.Popen(  # noqa: S603  (the worker has allowed it, and no shell sees it)
            command, cwd=folder, stdin=subprocess.DEVNULL, env=environ
        )
    except OSError as fault:
        raise CommandFailed(
            f"{objective.command[0]} cannot be started ({fault.strerror}): "
            "put it on the worker's PATH, or name it by its full path"
        ) from fault


def _attend(process: _Process, lines: MetricLines, context: RunContext) -> None:
    """Follow the program until it has ended and all that it wrote has been read."""
    told_at: float | None = None
    while not _ended_within(process, POLL_SECONDS):
        lines.take()
        context.reporter.flush_if_due()
        if told_at is None and (context.stopping() or lines.diverged):
            told_at = time.monotonic()
            process.terminate()
        if lines.diverged and told_at and time.monotonic() - told_at > DIVERGED_GRACE_SECONDS:
            process.kill()
    lines.take(final=True)
    context.reporter.flush()


def _ended_within(process: _Process, seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _ending(status: int, lines: MetricLines, context: RunContext, *, resumed: bool) -> Ending:
    """Judge how the program ended; `status` as `subprocess.Popen.returncode` has it."""
    step, run = context.reporter.last_step, context.run
    if lines.diverged:
        return Ending("diverged", step, lines.diverged)
    if context.stopping() and (status != 0 or step < run.num_steps):
        return Ending("stopped", step)
    if status != 0:
        raise CommandFailed(_how(status))
    if not context.reporter.reported(run.metric.name) and not resumed:
        raise NoMetric(
            f"the command ended with exit code 0 and never wrote {run.metric.name!r}, the study's metric: append "
            f'lines such as {{"step": 1, "{run.metric.name}": 0.5}} to the file named by {OURS}METRICS'
        )
    return Ending("completed", step)


def _how(status: int) -> str:
    if status < 0:
        return f"the command was killed by {signal.Signals(-status).name}"
    return f"the command ended with exit code {status}"


def _note(text: str) -> None:
    print(f"[stagetune] {text}", flush=True)  # noqa: T201  (into the run's log)
