"""The entry of a pack: what the process forked for it does, from its first line to its exit."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from studies.contract.command import CommandObjective
from studies.contract.study_file import BuiltinObjective, FunctionObjective
from workers.channel import FrameInbox, FrameWriter
from workers.objectives import BUILTIN
from workers.pack_folder import PackFolder
from workers.pack_protocol import PackOrder
from workers.processes import die_with_parent
from workers.run_directory import RunDirectory
from workers.runtime.run_context import Ending, RunContext
from workers.surroundings import ChannelSurroundings, error_record

if TYPE_CHECKING:
    from workers.objectives.task import Task


def run_child(path: Path, heard: int, said: int, keeper: int) -> NoReturn:
    """Do what ``pack.json`` in the folder `path` says, and exit.

    Exit codes: 0 every member's last frame says how it ended, 1 an exception that ``error.json`` or the only member's
    last frame holds, else what user code chose.

    Args:
        path: the pack's folder.
        heard: descriptor of the pipe from the agent.
        said: descriptor of the pipe to the agent.
        keeper: process id of the keeper, with which this process dies.
    """
    die_with_parent(keeper)
    os.setsid()
    folder = PackFolder(path)
    try:
        order = folder.read_order()
        _write_output_to(_output(order, folder))
        code = _execute(order, FrameInbox(heard), FrameWriter(said))
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException as fault:
        traceback.print_exc()
        folder.write_error(error_record(fault))
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: this is a fork of the nursery, whose cleanups are not ours to run.
    os._exit(code & 0xFF)


def _execute(order: PackOrder, inbox: FrameInbox, send: FrameWriter) -> int:
    surroundings = ChannelSurroundings(order, inbox, send)
    surroundings.stop_on_sigterm()
    attempt, directory = order.members[0]
    if order.probe:
        _measure(surroundings.context(attempt, RunDirectory(Path(directory))), order, send)
        return 0
    match RunDirectory(Path(directory)).read_spec().objective:
        case FunctionObjective() | CommandObjective() as objective:
            return _run_users_own(surroundings, objective)
        case BuiltinObjective():
            return _train(surroundings, order)


def _run_users_own(surroundings: ChannelSurroundings, objective: FunctionObjective | CommandObjective) -> int:
    """Run a user's function or command, which always has a process of its own."""
    for context in surroundings.arrivals():
        try:
            ending = _run(context, objective)
        except SystemExit:
            raise
        except BaseException as fault:
            surroundings.failed(context, fault)
            return 1
        surroundings.ended(context, ending)
    return 0


def _run(context: RunContext, objective: FunctionObjective | CommandObjective) -> Ending:
    from workers.objectives.command import run_command
    from workers.objectives.function import run_function

    if isinstance(objective, CommandObjective):
        return run_command(context, objective, Path.cwd())
    return run_function(context, objective, Path.cwd())


def _train(surroundings: ChannelSurroundings, order: PackOrder) -> int:
    from workers.runtime.loop import train

    _take_our_share(order)
    train(
        surroundings,
        order.device,
        order.engine,
        order.width,
        build_task,
        lone_engine=order.lone_engine,
        fused_from=order.fused_from,
    )
    return 0


def _measure(context: RunContext, order: PackOrder, send: FrameWriter) -> None:
    from workers.runtime.probe import measure

    _take_our_share(order)
    profile = measure(context, build_task(context), order.device, order.device_model)
    send({"kind": "profile", "profile": profile.model_dump(mode="json")})


def _take_our_share(order: PackOrder) -> None:
    """Packs share a machine: each computes on one core, with sums in a fixed order, and within its memory."""
    import torch

    torch.set_num_threads(1)
    if order.memory_fraction is not None and order.device != "cpu":
        torch.cuda.set_per_process_memory_fraction(order.memory_fraction, order.device)


def build_task(context: RunContext) -> Task:
    """Return the builtin task that a run asks for."""
    objective = context.run.objective
    if not isinstance(objective, BuiltinObjective):
        raise TypeError(f"a {objective.kind} objective is no task: it runs in a process of its own")
    module, _, name = BUILTIN[objective.name].partition(":")
    task: type[Task] = getattr(importlib.import_module(module), name)
    return task(objective.args.model_dump(), context.run.params, context.device)


def _output(order: PackOrder, folder: PackFolder) -> Path:
    """A run alone in its process has its own log; the members of a pack write their lines to theirs themselves."""
    return RunDirectory(Path(order.members[0][1])).log if order.single else folder.log


def _write_output_to(log: Path) -> None:
    """Send standard output and error, of this process and of what it starts, to the log, line by line."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
