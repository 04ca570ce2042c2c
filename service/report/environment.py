"""In which surroundings a study ran, and what of them nobody wrote down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from service.conclusions import Chosen
from service.format import count, duration, number, params, words
from service.report.summary import subject
from studies.contract.command import CommandObjective
from studies.contract.packing import run_class
from studies.contract.study_file import BuiltinObjective, StudySpec
from studies.contract.views import ProfileView
from studies.storage.port import DeviceUse

Fact = tuple[str, str]
"""A name and what is known under it."""


def environment(
    spec: StudySpec, found: Chosen | None, use: Sequence[DeviceUse], profiles: Iterable[ProfileView], version: str
) -> tuple[Fact, ...]:
    """Return what is known: code, data, seeds, versions, devices."""
    return (
        ("Stagetune", _versions(use, version)),
        ("Objective", subject(spec.objective)),
        *_data(spec),
        ("Optimiser", spec.optimizer),
        ("Precision", spec.precision if isinstance(spec.objective, BuiltinObjective) else "left to your code"),
        ("Evaluated", f"every {count(spec.evaluate_every, 'step')}, and at the end of a run"),
        ("Seed of the study", number(spec.seed)),
        ("Software", ", ".join(_software(spec, found, profiles)) or "not recorded"),
        *_devices(use),
    )


def not_recorded(spec: StudySpec) -> str:
    """Return what a study does not know of its surroundings, in a sentence."""
    code = "" if isinstance(spec.objective, BuiltinObjective) else "the version of your code, "
    return f"Not recorded: {code}the versions of Python, CUDA and the driver, and a checksum of the data."


def _versions(use: Sequence[DeviceUse], version: str) -> str:
    workers = sorted({part.version for part in use} - {"", version})
    return version + (f"; workers {', '.join(workers)}" if workers else "")


def _data(spec: StudySpec) -> Iterator[Fact]:
    if isinstance(spec.objective, BuiltinObjective):
        args = spec.objective.args
        size = f", images resized to {args.image_size} pixels" if args.image_size else ""
        yield (
            "Data",
            f"{args.dataset}{size}; {number(100 * args.dev_fraction)} % of the training set held out as dev set",
        )
    elif isinstance(spec.objective, CommandObjective):
        yield "Command", " ".join(spec.objective.command)
    elif spec.objective.args:
        yield "Arguments", params(spec.objective.args)


def _software(spec: StudySpec, found: Chosen | None, profiles: Iterable[ProfileView]) -> list[str]:
    """Return what runs of the chosen class were measured with, such as ``torch 2.14.1``."""
    if found is None:
        return []
    own = run_class(spec.objective, spec.optimizer, spec.precision, found.params)
    return sorted({seen.profile.software for seen in profiles if seen.profile.run_class == own} - {""})


def _devices(use: Sequence[DeviceUse]) -> Iterator[Fact]:
    """Yield a fact a device, over all stages."""
    found: dict[tuple[str, str, str], list[DeviceUse]] = {}
    for part in use:
        found.setdefault((part.worker, part.device, part.model), []).append(part)
    for (worker, device, model), parts in found.items():
        runs, seconds = sum(part.runs for part in parts), sum(part.seconds for part in parts)
        name = f"{model} ({device})" if model else device
        yield f"Worker {worker}", f"{words(name)}: {count(runs, 'run')}, {duration(seconds)} of run time"
