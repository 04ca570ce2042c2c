"""What makes runs alike, and what has been measured of runs that are alike: the words of packing.

A *class of runs* are those that cost a device the same: one objective with the same arguments, batch size, optimiser
and precision. Runs of one class differ in what can be stacked (`STACKABLE`), so they may train as one program.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import textwrap
from typing import Annotated, Literal

from pydantic import Field

from studies.contract.base import Message, NonNegative, Params
from studies.contract.command import CommandObjective
from studies.contract.study_file import BuiltinObjective, FunctionObjective, Objective, OptimizerName, Precision

STACKABLE = frozenset({"lr", "momentum", "weight_decay", "label_smoothing", "clip_norm"})
"""Hyperparameters in which the members of a fused pack may differ (with schedule, seed and number of steps)."""

Engine = Literal["serial", "serial_channels_last", "batched", "vmap", "batched_compiled", "vmap_compiled"]
"""How a process trains: one run after its own program, or several members as one stacked model."""

ClassName = Annotated[str, Field(pattern=r"^(builtin|function|command)/[0-9a-f]{16}$")]
MAX_BYTES = 2**62
"""More than any device has, and still a number that every language and database holds."""

Bytes = Annotated[int, Field(ge=0, le=MAX_BYTES)]
Width = Annotated[int, Field(ge=1, le=1024)]

LONGEST_SUBJECT = 120
"""Characters of a command in a label."""

MAX_CLASSES_PER_SYNC = 256
MAX_PACKS_PER_DEVICE = 256


def run_class(objective: Objective, optimizer: OptimizerName, precision: Precision, params: Params) -> str:
    """Return the name of a run's class, such as ``builtin/3f2a...``: the kind of objective, then a digest.

    Equal for runs that differ in `STACKABLE` hyperparameters alone.
    """
    fixed = {name: value for name, value in params.items() if name not in STACKABLE}
    identity = [objective.model_dump(mode="json"), optimizer, precision, fixed]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{objective.kind}/{digest[:16]}"


def class_label(objective: Objective, optimizer: OptimizerName, precision: Precision, params: Params) -> str:
    """Return a class in words: ``small_cnn on digits, batch size 64, sgd``. Arguments of functions are left out."""
    fixed = [f"{name.replace('_', ' ')} {value}" for name, value in sorted(params.items()) if name not in STACKABLE]
    return ", ".join((_subject(objective), *fixed, optimizer, *([] if precision == "float32" else [precision])))


def _subject(objective: Objective) -> str:
    match objective:
        case BuiltinObjective(args=args):
            return f"{args.model} on {args.dataset}"
        case FunctionObjective(target=target):
            return target
        case CommandObjective(command=command):
            return textwrap.shorten(shlex.join(command), LONGEST_SUBJECT, placeholder=" ...")


class EngineTiming(Message):
    """A few timed steps of one way to train.

    Attributes:
        engine: the way.
        width: members of the one process that was timed.
        samples_per_second: samples of a step, times members, over the median time of a step.
        memory_bytes: the process's peak, context included; None where it could not be told.
        refused: why this way cannot be taken (the model cannot be stacked, out of memory, other results than alone).
    """

    engine: Engine
    width: Width = 1
    samples_per_second: NonNegative = 0.0
    memory_bytes: Bytes | None = None
    refused: str = Field(default="", max_length=500)


class RunProfile(Message):
    """What has been measured of a class of runs on a model of device: kept in the store, corrected by what happens.

    Attributes:
        run_class: as `run_class` names it.
        device_model: the device's model (`Device.model`; the CPU's name on a CPU).
        engine: the fastest way to train this class there.
        width: members of one process at which `engine` was fastest; 1 for the serial ones.
        processes: processes side by side on one device beyond which its throughput did not rise; None until known.
        base_bytes: memory of a process with one member, context included.
        member_bytes: memory of every further member of that process.
        alone_rate: samples per second of one run alone.
        timings: what the choice was made from.
        note: the choice in one sentence with its numbers.
        software: what it was measured with, such as ``torch 2.14.1``: what holds of one version need not of the next.
    """

    run_class: ClassName
    device_model: str = Field(max_length=200)
    software: str = Field(default="", max_length=100)
    engine: Engine = "serial"
    width: Width = 1
    processes: Width | None = None
    base_bytes: Bytes = 0
    member_bytes: Bytes = 0
    alone_rate: NonNegative = 0.0
    timings: Annotated[tuple[EngineTiming, ...], Field(max_length=64)] = ()
    note: str = Field(default="", max_length=1000)


class PackReport(Message):
    """One process on a device as it stands now, for people.

    Attributes:
        engine: how it trains; with a fused engine all its members are one program.
        attempts: its members.
        samples_per_second: samples times members; None until measured.
        alone_rate: what one run of its class does alone; None until measured.
        memory_bytes: memory of the process, None where it cannot be told.
        reserved_bytes: memory that was set aside for it; None where nothing is.
        note: why it is as it is (`RunProfile.note`), or what it is doing ("measuring how to train this class").
        pack_id: names the process among all of all workers; "" from workers that do not say.
    """

    run_class: ClassName
    engine: Engine = "serial"
    attempts: Annotated[tuple[str, ...], Field(max_length=1024)] = ()
    samples_per_second: NonNegative | None = None
    alone_rate: NonNegative | None = None
    memory_bytes: Bytes | None = None
    reserved_bytes: Bytes | None = None
    note: str = Field(default="", max_length=1000)
    pack_id: str = Field(default="", max_length=64)
