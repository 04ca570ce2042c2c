"""Small questions that several parts of packing ask of a class of runs."""

from __future__ import annotations

from collections.abc import Sequence

from studies.contract.packing import Engine, EngineTiming, RunProfile
from workers.packing.estimates import reservation

SERIAL: tuple[Engine, ...] = ("serial", "serial_channels_last")
"""Engines that train one run in a process."""

GIGABYTE, MEGABYTE = 10**9, 10**6


def is_serial(engine: str) -> bool:
    return engine in SERIAL


def is_users_own(run_class: str) -> bool:
    """A user's function or command trains as it likes: it cannot be fused, and only its own run shows its needs."""
    return run_class.startswith(("function/", "command/"))


def width_of(profile: RunProfile) -> int:
    """Return how many members a process of this class has room for."""
    return 1 if is_serial(profile.engine) else profile.width


def exceeds(profile: RunProfile, budget_bytes: int | None) -> bool:
    """Say whether not even one run of this class is believed to fit."""
    return budget_bytes is not None and reservation(profile, 1) > budget_bytes


def best_serial(timings: Sequence[EngineTiming]) -> Engine:
    """Return the fastest way to train one run alone; the plain one where nothing was measured."""
    measured = [timing for timing in timings if is_serial(timing.engine) and not timing.refused]
    return max(measured, key=lambda timing: timing.samples_per_second).engine if measured else "serial"


def fused_from(profile: RunProfile) -> int:
    """Return from how many members on one program of them is as fast as the best way alone, at least two.

    Between timed widths a step's time is interpolated; below the narrowest it is taken to be no shorter than there.
    """
    steps = sorted(
        (timing.width, timing.width / timing.samples_per_second)
        for timing in profile.timings
        if timing.engine == profile.engine and not timing.refused and timing.samples_per_second > 0
    )
    if not steps or is_serial(profile.engine):
        return 2
    pays = (members for members in range(2, profile.width) if members >= profile.alone_rate * _time(members, steps))
    return next(pays, max(2, profile.width))


def _time(members: int, steps: Sequence[tuple[int, float]]) -> float:
    """Return the time of a step, relative to the samples of one member, from (width, time) in ascending order."""
    narrow, short = max((step for step in steps if step[0] <= members), default=steps[0])
    wide, long = min((step for step in steps if step[0] >= members), default=steps[-1])
    return max(short, long) if wide <= narrow else short + (long - short) * (members - narrow) / (wide - narrow)


def in_bytes(count: int) -> str:
    """Return a number of bytes for people: ``512 MB``, ``3.2 GB``."""
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE else f"{count / MEGABYTE:.0f} MB"
