"""How much memory a process will take: estimated with a margin, corrected by what happens.

A process with m members takes ``base_bytes + (m - 1) * member_bytes`` (`RunProfile`). The numbers come from a probe;
every process that ends then says what it really took, and one that runs out of memory says that it was too little.
"""

from __future__ import annotations

from math import ceil

from studies.contract.packing import MAX_BYTES, RunProfile

MARGIN = 0.10
"""Set aside beyond the estimate. Peaks of one class repeat to a percent or two; the rest is for what a short probe does
not see: fragments between the blocks of a caching allocator, workspaces that a library takes when memory is plenty."""

USABLE = 0.92
"""Share of a card that runs may take: the driver, a display and the contexts of starting processes need the rest."""

USABLE_OF_MAIN_MEMORY = 0.80
"""Share of the free main memory: the agent, the data and the system's cache live there too."""

DECAY = 0.1
"""Share by which an estimate that was too high comes down towards an observed peak: what was seen in the last ten
processes still counts, and one small process does not undo what a large one taught."""

OOM_FACTOR = 1.25
"""How far beyond what was not enough the next estimate goes."""


def peak(profile: RunProfile, members: int) -> int:
    """Return the estimated peak in bytes of a process with so many members."""
    return profile.base_bytes + max(members - 1, 0) * profile.member_bytes


def reservation(profile: RunProfile, members: int) -> int:
    """Return the bytes to set aside for a process that may come to have so many members."""
    return ceil(peak(profile, members) * (1 + MARGIN))


def believed(reserved_bytes: int) -> int:
    """Return the largest estimate of one run for which no more than so much is set aside."""
    return max(0, int(reserved_bytes / (1 + MARGIN)) - 1)


def widest(profile: RunProfile, free_bytes: int | None, bound: int) -> int:
    """Return the largest number of members, up to `bound`, whose reservation fits; 0 if not even one does."""
    if free_bytes is None or reservation(profile, bound) <= free_bytes:
        return bound
    if reservation(profile, 1) > free_bytes:
        return 0
    return _largest_fitting(profile, free_bytes, 1, bound)


def _largest_fitting(profile: RunProfile, free_bytes: int, fits: int, exceeds: int) -> int:
    """Bisect: exact where a division would have to undo the rounding of `reservation`."""
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        fits, exceeds = (middle, exceeds) if reservation(profile, middle) <= free_bytes else (fits, middle)
    return fits


def after_peak(profile: RunProfile, members: int, seen_bytes: int) -> RunProfile:
    """Return the profile corrected by the peak of one process, which had up to so many members.

    The estimate for as many members is never below what was seen, and comes down slowly where it was too high.
    """
    expected = peak(profile, members)
    target = seen_bytes if seen_bytes > expected else expected - DECAY * (expected - seen_bytes)
    return _scaled(profile, members, ceil(target))


def after_oom(profile: RunProfile, members: int, held_bytes: int) -> RunProfile:
    """Return the profile raised after a process with so many members ran out of memory.

    Args:
        profile: what was believed.
        members: of the process.
        held_bytes: what it had been given (its reservation, or its cap); 0 where that is not known.

    What was given is scaled, not what is believed: a class that fails again and again with a whole device to itself
    says no more each time than that it does not fit, and one crowded hour must not put it off for ever.
    """
    expected = peak(profile, members)
    enough = max(expected, held_bytes * OOM_FACTOR) if held_bytes else expected * OOM_FACTOR
    return _scaled(profile, members, ceil(enough))


def budget(total_bytes: int, taken_by_others: int = 0) -> int:
    """Return the bytes of a card that runs may take in all; what other people's processes hold is not ours."""
    return max(0, int(total_bytes * USABLE) - taken_by_others)


def budget_of_main_memory(available_bytes: int, held_by_runs: int = 0) -> int:
    """Return the bytes of main memory that runs may take in all, those included that they hold already."""
    return int(max(0, available_bytes + held_by_runs) * USABLE_OF_MAIN_MEMORY)


def cap(reserved_bytes: int, total_bytes: int | None) -> float | None:
    """Return the share of the card that a process may allocate, so that a wrong estimate hurts no neighbour.

    None where nothing was set aside or the card's size is not known: the process is then unbounded.
    """
    if not reserved_bytes or not total_bytes:
        return None
    return min(1.0, reserved_bytes / total_bytes)


def _scaled(profile: RunProfile, members: int, target: int) -> RunProfile:
    """Return the profile with both numbers in proportion, so that so many members are expected to take `target`."""
    target = min(target, MAX_BYTES)
    expected = peak(profile, members)
    if members <= 1 or expected == 0:
        # One process says nothing of what a further member takes, or nothing at all was known.
        return profile.model_copy(update={"base_bytes": max(target, 0)})
    factor = target / expected
    member_bytes = ceil(profile.member_bytes * factor)
    base_bytes = max(0, target - (members - 1) * member_bytes, ceil(profile.base_bytes * factor))
    return profile.model_copy(update={"base_bytes": base_bytes, "member_bytes": member_bytes})
