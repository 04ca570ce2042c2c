"""Packs and measured classes of runs, in words: what the workers page says of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.format import MISSING, count, memory, number, params, sentence
from studies.contract.base import Params
from studies.contract.packing import Engine, EngineTiming
from studies.contract.views import AttemptView, DeviceView, PackView, ProfileView
from studies.storage.port import TrialFace

MODES: Final[dict[Engine, str]] = {
    "serial": "one process",
    "serial_channels_last": "one process, channels last",
    "batched": "fused, batched layers",
    "vmap": "fused, vmap",
    "batched_compiled": "fused, batched layers, compiled",
    "vmap_compiled": "fused, vmap, compiled",
}


@dataclass(frozen=True)
class MemberRow:
    """A trial of a pack; ``params`` are those in which it differs from the others, all where it is alone."""

    trial_id: str
    number: int
    params: str


@dataclass(frozen=True)
class PackRow:
    """A process. ``mode`` is how it trains; ``facts`` are its width, speed, gain over running alone and memory."""

    mode: str
    about: str
    facts: str
    note: str
    members: tuple[MemberRow, ...]


@dataclass(frozen=True)
class TimingRow:
    mode: str
    width: int
    speed: str
    gain: str
    memory: str
    refused: str


@dataclass(frozen=True)
class ProfileRow:
    """What was measured of a class of runs on a model of device."""

    key: str
    about: str
    device: str
    choice: str
    facts: str
    note: str
    timings: tuple[TimingRow, ...]
    measured_at: float


def speed(samples_per_second: float | None) -> str:
    """Return ``12,400 samples/s``; "" where it is not known."""
    return "" if samples_per_second is None else f"{number(samples_per_second, 3)} samples/s"


def gain(samples_per_second: float | None, alone_rate: float | None) -> float | None:
    """Return how many times as fast as one run alone, None where either is not known."""
    return samples_per_second / alone_rate if samples_per_second is not None and alone_rate else None


def times_alone(value: float | None) -> str:
    """Return ``6.2x one run alone``; "" where it is not known."""
    return "" if value is None else f"{_times(value)} one run alone"


def _times(value: float | None) -> str:
    return MISSING if value is None else f"{number(value, 2)}x"


@dataclass(frozen=True)
class Throughput:
    """What the runs of a device train together.

    Attributes:
        times: what one alone would, such as ``3.1x``; "" where that is not known.
        words: a sentence that says both.
    """

    times: str
    words: str


def throughput(device: DeviceView) -> Throughput | None:
    """Return what a device's packs train together, beside what one of their runs would alone; None if unknown."""
    telling = [pack for pack in device.packs if pack.samples_per_second is not None]
    if not telling:
        return None
    runs = sum(len(pack.trials) for pack in telling)
    gains = [value for pack in telling if (value := gain(pack.samples_per_second, pack.alone_rate)) is not None]
    in_all = speed(sum(pack.samples_per_second or 0.0 for pack in telling))
    if len(gains) < len(telling):
        return Throughput("", f"{count(runs, 'run')} {'train' if runs != 1 else 'trains'} {in_all}.")
    if runs == 1:
        return Throughput(
            _times(sum(gains)), f"One run trains {in_all}: {_times(sum(gains))} what was measured of one alone."
        )
    return Throughput(_times(sum(gains)), f"{runs} together train {_times(sum(gains))} what one alone would: {in_all}.")


def multi_process_service(device: DeviceView) -> str:
    """Say whether NVIDIA's multi-process service runs; "" where there is none to run."""
    if device.mps is None:
        return ""
    return "MPS runs" if device.mps else "MPS does not run: processes take turns"


def trained(attempt: AttemptView) -> str:
    """Return how an attempt was trained: ``fused, batched layers, one of up to 8``; "" where that is not known."""
    how = MODES[attempt.engine] if attempt.engine else ""
    together = f"one of up to {attempt.width}" if attempt.width > 1 else ""
    return ", ".join(filter(None, (how, together, "nothing beside it" if attempt.alone else "")))


def pack_row(pack: PackView, trials: Mapping[str, TrialFace], labels: Mapping[str, str]) -> PackRow:
    """Return a pack in words.

    Args:
        pack: the pack.
        trials: those that run on its device, by id; a member that is not among them is counted, not listed.
        labels: classes in words.
    """
    width = count(len(pack.trials), "run") if pack.trials else ""
    faster = times_alone(gain(pack.samples_per_second, pack.alone_rate))
    held = "" if pack.memory_bytes is None else memory(pack.memory_bytes)
    return PackRow(
        mode=sentence(MODES[pack.engine] if pack.trials else "measuring").rstrip("."),
        about=labels.get(pack.run_class, ""),
        facts=" · ".join(filter(None, (width, speed(pack.samples_per_second), faster, held))),
        note=sentence(pack.note),
        members=member_rows(pack.trials, trials),
    )


def member_rows(trial_ids: Iterable[str], trials: Mapping[str, TrialFace]) -> tuple[MemberRow, ...]:
    """Return trials that train together, each with the hyperparameters in which they differ."""
    known = {trial_id: trials[trial_id] for trial_id in trial_ids if trial_id in trials}
    names = _differing([trial.params for trial in known.values()])
    return tuple(
        MemberRow(
            trial_id, trial.number, params({name: value for name, value in trial.params.items() if name in names})
        )
        for trial_id, trial in known.items()
    )


def _differing(configurations: Sequence[Params]) -> set[str]:
    """Return the names whose values are not all the same; every name where there is one configuration."""
    names = {name for values in configurations for name in values}
    if len(configurations) == 1:
        return names
    return {name for name in names if len({values.get(name) for values in configurations}) > 1}


def profile_rows(profiles: Iterable[ProfileView]) -> tuple[ProfileRow, ...]:
    return tuple(_profile_row(view) for view in profiles)


def _profile_row(view: ProfileView) -> ProfileRow:
    profile = view.profile
    fused = f", up to {profile.width} runs at once" if profile.width > 1 else ""
    side_by_side = f"at most {profile.processes} side by side" if profile.processes else ""
    facts = (
        _memory_of(view),
        f"alone {speed(profile.alone_rate)}" if profile.alone_rate else "",
        side_by_side,
        profile.software,
    )
    return ProfileRow(
        key=f"{profile.run_class.partition('/')[2]}-{profile.device_model}",
        about=view.label or profile.run_class,
        device=profile.device_model or "a device of unknown model",
        choice=MODES[profile.engine] + fused,
        facts=" · ".join(filter(None, facts)),
        note=sentence(profile.note),
        timings=tuple(_timing_row(timing, profile.alone_rate) for timing in profile.timings),
        measured_at=view.measured_at,
    )


def _memory_of(view: ProfileView) -> str:
    profile = view.profile
    if not profile.base_bytes:
        return ""
    more = f", {memory(profile.member_bytes)} for each further run" if profile.member_bytes else ""
    return f"{memory(profile.base_bytes)}{more}"


def _timing_row(timing: EngineTiming, alone_rate: float) -> TimingRow:
    measured = not timing.refused
    return TimingRow(
        mode=MODES[timing.engine],
        width=timing.width,
        speed=number(timing.samples_per_second, 3) if measured else MISSING,
        gain=_times(gain(timing.samples_per_second, alone_rate)) if measured else MISSING,
        memory=memory(timing.memory_bytes),
        refused=sentence(timing.refused),
    )
