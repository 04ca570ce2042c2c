"""The options of ``stagetune-worker``: their names, their help, and the variables that give them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studies.log_lines import LogFormat
from workers.courier import Keeping
from workers.packing.mode import Packing

ServerOption = Annotated[str, typer.Option(help="Address of the Stagetune server.", envvar="STAGETUNE_SERVER")]

TokenOption = Annotated[
    str | None, typer.Option(help="The server's token, if it has one.", envvar="STAGETUNE_TOKEN", show_envvar=True)
]

DevicesOption = Annotated[
    str, typer.Option(help="auto (all CUDA devices, else the CPU), cpu, or a list such as cuda:0,cuda:1.")
]

AllowOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Code that may run here, as a pattern: 'train.py:*' for functions, 'command:python train.py *' for "
        "commands. May be given repeatedly."
    ),
]

EnvOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A variable that runs may see, by name or pattern: 'WANDB_*'. They get PATH, HOME, CUDA_* and the "
        "like, none of the others, and never STAGETUNE_TOKEN. May be given repeatedly."
    ),
]

NameOption = Annotated[str | None, typer.Option(help="How people know this worker. Default: the host's name.")]

WorkdirOption = Annotated[Path, typer.Option(help="Where runs keep logs and checkpoints.")]

PackingOption = Annotated[
    Packing,
    typer.Option(
        help="auto: measure each class of runs and train several as one program where that is faster. processes: "
        "one process a run, as many as memory and throughput allow. off: one run a CUDA device or core.",
        envvar="STAGETUNE_PACKING",
    ),
]

CheckpointsOption = Annotated[
    Keeping,
    typer.Option(
        help="server: the server keeps the checkpoints of runs, so that any worker goes on from them. local: they "
        "stay in --workdir, for one machine or a folder that all workers share.",
        envvar="STAGETUNE_CHECKPOINTS",
    ),
]

CheckpointSecondsOption = Annotated[
    float, typer.Option(min=0.0, help="How often a run that goes on hands its checkpoint to the server, at most.")
]

GraceOption = Annotated[float, typer.Option(min=0.0, help="How long a run that is told to stop has to save its state.")]

MaxRunsOption = Annotated[
    int | None,
    typer.Option(
        min=1, max=1024, help="Bound on what packing decides. Default: 64 on a CUDA device, 16 per core on the CPU."
    ),
]

BuiltinOption = Annotated[
    bool,
    typer.Option(
        help="Offer the builtin objectives; without them, torch is never loaded for the worker's sake.",
        envvar="STAGETUNE_BUILTIN",
    ),
]

LogFormatOption = Annotated[
    LogFormat, typer.Option(envvar="STAGETUNE_LOG_FORMAT", help="text, or json: one object a line.")
]

VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")]
