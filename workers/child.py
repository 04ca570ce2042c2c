"""The entry of a run: what the process forked for it does, from its first line to its exit."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from studies.contract.study_file import BuiltinObjective, FunctionObjective
from workers.channel import FrameWriter
from workers.objectives import BUILTIN
from workers.processes import die_with_parent
from workers.run_directory import RunDirectory
from workers.runtime.reporter import Reporter
from workers.runtime.run_context import Ending, RunContext

MAX_TRACEBACK = 20_000
"""Characters of a traceback that travel to the server; the log on disk has all of it."""


def run_child(directory: Path, device: str, channel: int, keeper: int) -> NoReturn:
    """Run what ``run.json`` in `directory` says, report through `channel`, and exit.

    Exit codes: 0 finished as the last frame says, 1 an exception that ``error.json`` holds, else what user code chose.

    Args:
        directory: the run directory.
        device: ``cpu`` or ``cuda:N``.
        channel: descriptor of the pipe to the agent.
        keeper: process id of the keeper, with which this process dies.
    """
    die_with_parent(keeper)
    os.setsid()
    home = RunDirectory(directory)
    _write_output_to(home.log)
    stop = _StopFlag()
    send = FrameWriter(channel)
    try:
        ending = _execute(home, device, Reporter(send), stop)
        send({"kind": "finished", "state": ending.state, "step": ending.step, "reason": ending.reason})
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException as fault:
        traceback.print_exc()
        home.write_error(error_record(fault))
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: this is a fork of the nursery, whose cleanups are not ours to run.
    os._exit(code & 0xFF)


def error_record(fault: BaseException) -> dict[str, Any]:
    """Return an exception as data: type, message, traceback (its end, where it is long)."""
    text = "".join(traceback.format_exception(fault))
    return {"type": type(fault).__name__, "message": str(fault)[:4000], "traceback": text[-MAX_TRACEBACK:]}


def _execute(home: RunDirectory, device: str, reporter: Reporter, stop: _StopFlag) -> Ending:
    run = home.read_spec()
    context = RunContext(run, device, home.path, home.delivered, reporter, stop)
    match run.objective:
        case BuiltinObjective(name=name, args=args):
            return _run_task(BUILTIN[name], context, args.model_dump())
        case FunctionObjective() as objective:
            from workers.objectives.function import run_function

            return run_function(context, objective, Path.cwd())


def _run_task(target: str, context: RunContext, args: Mapping[str, Any]) -> Ending:
    import torch

    from workers.runtime.loop import train

    if context.device == "cpu":
        torch.set_num_threads(1)  # Many runs share the machine: one core each, and sums in a fixed order.
    module, _, name = target.partition(":")
    task = getattr(importlib.import_module(module), name)
    return train(context, task(args, context.run.params, context.device))


class _StopFlag:
    """Becomes true with the first SIGTERM."""

    def __init__(self) -> None:
        self._set = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def __call__(self) -> bool:
        return self._set

    def _on_signal(self, *_: object) -> None:
        self._set = True


def _write_output_to(log: Path) -> None:
    """Send standard output and error, of this process and of what it starts, to the log, line by line."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
