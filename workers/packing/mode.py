"""How much packing a worker does, and what it makes of a profile accordingly. Pure."""

from __future__ import annotations

from enum import StrEnum

from studies.contract.packing import RunProfile
from workers.packing.sizes import best_serial, fused_from, is_serial


class Packing(StrEnum):
    """``--packing``."""

    AUTO = "auto"
    """Measure each class of runs and train it the fastest way, several runs as one program where that pays."""
    PROCESSES = "processes"
    """Never fuse: one process a run, as many side by side as memory and throughput allow."""
    OFF = "off"
    """One process a run, one run a core or device, nothing is measured."""


def plain(run_class: str, device_model: str, note: str = "") -> RunProfile:
    """Return the profile of which nothing was measured: one run a process, after its own program."""
    return RunProfile(run_class=run_class, device_model=device_model, note=note)


def seen(mode: Packing, run_class: str, device_model: str, known: RunProfile | None) -> RunProfile | None:
    """Return what the plan shall know of a class; None asks for a measurement."""
    match mode:
        case Packing.OFF:
            return plain(run_class, device_model, "packing is off")
        case Packing.PROCESSES:
            return known and unfused(known)
        case Packing.AUTO:
            return known


def unfused(profile: RunProfile, why: str = "as this worker was told") -> RunProfile:
    """Return the profile with the fastest way to train one run a process."""
    if is_serial(profile.engine):
        return profile
    note = f"one process a run, {why}"[:1000]
    alone = {"engine": best_serial(profile.timings), "width": 1, "processes": None, "note": note}
    return profile.model_copy(update=alone)


def within(profile: RunProfile | None, capacity: int) -> RunProfile | None:
    """Return the profile with no wider a pack than the device takes runs: memory is set aside for each member.

    Where fusing so few does not pay, they are not fused.
    """
    if profile is None or is_serial(profile.engine) or profile.width <= capacity:
        return profile
    if capacity < fused_from(profile):
        return unfused(profile, "since the device takes too few at once for fusing to pay")
    return profile.model_copy(update={"width": capacity})
