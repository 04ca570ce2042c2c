"""The plan: which leased runs start on a device now, in which processes, and why the others wait. Pure.

In the order of precedence:

1. A run that must be alone has the device to itself. It holds back the runs after it in the order given, so that a
   steady stream of small ones cannot keep it waiting for ever.
2. A class that was never measured is measured first, one class at a time, before more of what is known starts.
3. Every other class gets one process, the largest first; then
   - on a CPU, where a process computes on one thread, the most crowded class gets another, until every core has one
     (guide, stage 1: never two queues where one idles);
   - on a card a process is filled up to its width before the next one starts, since a wider pack costs little more.
4. Runs sit down where the fewest are, in a pack under way or in one that starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from studies.contract.packing import RunProfile
from workers.packing.device_state import DeviceState, Join, Launch, LivePack, Placement, Probe, Wait, Want
from workers.packing.estimates import believed
from workers.packing.seating import Claim, Free, seat, share_of_unknown
from workers.packing.sizes import best_serial, exceeds, is_users_own

TOGETHER = 8
"""Runs of a class that may come while it is measured: what starts together is divided evenly among the processes."""

MEASURING = "measuring how to train this class of runs"
MEASURING_ANOTHER = "another class of runs is being measured on {device}"
MEASURING_FUNCTION = "the first run of this class shows how much memory it takes"
BEHIND_LONER = "a run that must be alone on {device} comes first"
BESIDE_LONER = "a run that must be alone has {device} to itself"
LONER = "must be alone: starts as soon as {device} is empty"


def plan(wants: Sequence[Want], device: DeviceState) -> tuple[Placement, ...]:
    """Return what to do about each of `wants`, given in order of precedence: each stands in exactly one placement.

    Joins and launches together exceed neither the device's capacity nor its processes nor its memory.
    """
    if any(pack.alone for pack in device.packs):
        return tuple(_waits(wants, BESIDE_LONER, device))
    ahead, loner, behind = _at_loner(wants, device)
    if loner is None:
        return tuple(_shared(ahead, device))
    closed = device.capacity == 0 or device.max_processes == 0
    if ahead or device.packs or closed:
        return (*_shared(ahead, device), *_waits([loner], LONER, device), *_waits(behind, BEHIND_LONER, device))
    return (_launch_alone(loner, device), *_waits(behind, BESIDE_LONER, device))


def room(device: DeviceState, profiles: Mapping[str, RunProfile], waiting: Sequence[Want] = ()) -> dict[str, int]:
    """Return how many more runs of each class the device would start now, for `DeviceReport.room`.

    Args:
        device: as it stands after the last plan was carried out.
        profiles: by class of runs, what is known for this model of device.
        waiting: leased runs that the last plan let wait; they come before any new one.

    Returns:
        by class: all of `profiles`, the class that is being measured, and those of `waiting`, since one specimen at a
        time is enough to measure; and by kind of objective for a class not known here.
    """
    closed = any(pack.alone for pack in device.packs) or any(_must_be_alone(want, device) for want in waiting)
    named = dict.fromkeys((*(want.run_class for want in waiting), *_measured_now(device), *profiles), 0)
    if closed or len(waiting) >= Free.of(device).places:
        return {"builtin": 0, "function": 0, "command": 0, **named}
    measured = {name: _room_to_come(name, device, waiting) for name in _measured_now(device)}
    counts = {name: _room_of(name, profile, device, waiting) for name, profile in profiles.items()}
    return {**_room_of_kinds(device, waiting), **named, **measured, **counts}


# --- runs that must be alone -----------------------------------------------------------------------------------------


def _must_be_alone(want: Want, device: DeviceState) -> bool:
    """By order, or because by what is known it does not fit beside anything: it may still fit alone."""
    return want.alone or (want.profile is not None and exceeds(want.profile, device.budget_bytes))


def _at_loner(wants: Sequence[Want], device: DeviceState) -> tuple[Sequence[Want], Want | None, Sequence[Want]]:
    """Split `wants` at the first run that must be alone: those before it, itself, those after it."""
    for index, want in enumerate(wants):
        if _must_be_alone(want, device):
            return wants[:index], want, wants[index + 1 :]
    return wants, None, ()


def _launch_alone(want: Want, device: DeviceState) -> Launch:
    engine = best_serial(want.profile.timings) if want.profile else "serial"
    return Launch((want.attempt_id,), want.run_class, engine, 1, device.budget_bytes or 0, alone=True)


# --- runs that share the device --------------------------------------------------------------------------------------


def _shared(wants: Sequence[Want], device: DeviceState) -> list[Placement]:
    free = Free.of(device)
    unmeasured = [want for want in wants if want.profile is None and not is_users_own(want.run_class)]
    placements = _measure(unmeasured, device, free)
    claims, held = _claims([want for want in wants if want not in unmeasured], device)
    seat(claims, free, spread=_spreads(device))
    return [*placements, *held, *(placement for claim in claims for placement in _seated(claim, free, device))]


def _measure(wants: Sequence[Want], device: DeviceState, free: Free) -> list[Placement]:
    """Start at most one probe, for the first class that has none under way; the runs of all others wait."""
    probing = {pack.run_class for pack in device.packs if pack.probing}
    placements: list[Placement] = []
    for want in wants:
        if want.run_class in probing:
            placements.append(Wait(want.attempt_id, MEASURING))
        elif probing:
            placements.append(Wait(want.attempt_id, MEASURING_ANOTHER.format(device=device.name)))
        elif reason := free.refusal_of_unknown(device):
            placements.append(Wait(want.attempt_id, reason))
        else:
            probing.add(want.run_class)
            placements.append(Probe(want.attempt_id, want.run_class, free.take_unknown(device)))
    return placements


def _claims(wants: Sequence[Want], device: DeviceState) -> tuple[list[Claim], list[Placement]]:
    """Return the claims of the classes, largest first, and the runs that wait for the first of their class."""
    claims: dict[str, Claim] = {}
    held: list[Placement] = []
    for want in wants:
        if want.profile is None and _first_is_under_way(want, device, claims):
            held.append(Wait(want.attempt_id, MEASURING_FUNCTION))
            continue
        claim = claims.setdefault(want.run_class, _claim(want, device))
        claim.pending.append(want.attempt_id)
    return sorted(claims.values(), key=lambda claim: -claim.reservation), held


def _claim(want: Want, device: DeviceState) -> Claim:
    profile = want.profile or _unmeasured(want.run_class, device)
    return Claim(profile, {pack.pack_id: pack for pack in device.packs if _joinable(pack, want.run_class)})


def _unmeasured(run_class: str, device: DeviceState) -> RunProfile:
    """What a function's class is taken for until its first run has shown what it needs: one process a run."""
    share = share_of_unknown(device)
    return RunProfile(run_class=run_class, device_model=device.name, base_bytes=believed(share))


def _first_is_under_way(want: Want, device: DeviceState, claims: Mapping[str, Claim]) -> bool:
    """On a card an unknown function starts once; on a CPU the cores bound what can go wrong."""
    if _spreads(device):
        return False
    return want.run_class in claims or any(pack.run_class == want.run_class for pack in device.packs)


def _joinable(pack: LivePack, run_class: str) -> bool:
    return pack.fused and not pack.probing and pack.run_class == run_class and len(pack.members) < pack.width


def _spreads(device: DeviceState) -> bool:
    """On a CPU more processes are more throughput, as long as there are cores."""
    return device.name == "cpu"


def _seated(claim: Claim, free: Free, device: DeviceState) -> Iterable[Placement]:
    for pack_id, attempts in claim.joins.items():
        if attempts:
            yield Join(pack_id, tuple(attempts))
    for start in claim.starts:
        yield Launch(
            tuple(start.attempts), claim.profile.run_class, claim.profile.engine, start.width, start.reserved_bytes
        )
    for attempt_id in claim.pending:
        yield Wait(attempt_id, free.refusal(claim.profile, device))


def _waits(wants: Iterable[Want], reason: str, device: DeviceState) -> list[Placement]:
    return [Wait(want.attempt_id, reason.format(device=device.name)) for want in wants]


# --- room ------------------------------------------------------------------------------------------------------------


def _measured_now(device: DeviceState) -> list[str]:
    return [pack.run_class for pack in device.packs if pack.probing]


def _room_to_come(run_class: str, device: DeviceState, waiting: Sequence[Want]) -> int:
    """They wait for the measurement with its specimen, no longer than a few seconds."""
    own = sum(want.run_class == run_class for want in waiting)
    return max(0, min(TOGETHER - own, Free.of(device).places - len(waiting)))


def _room_of(run_class: str, profile: RunProfile, device: DeviceState, waiting: Sequence[Want]) -> int:
    """Seats of packs under way and of processes that could start, less the runs that wait for them."""
    free = Free.of(device)
    if exceeds(profile, device.budget_bytes):  # It is tried alone.
        return 0 if device.packs or waiting else min(1, free.places, free.processes)
    free.places -= len(waiting)
    seats = sum(pack.width - len(pack.members) for pack in device.packs if _joinable(pack, run_class))
    while seats < free.places and (width := free.open(profile)):
        seats += width
    own = sum(want.run_class == run_class for want in waiting)
    return max(0, min(seats - own, free.places))


def _room_of_kinds(device: DeviceState, waiting: Sequence[Want]) -> dict[str, int]:
    """One specimen of an unknown class at a time; users' code is its own specimen, on a CPU one a core."""
    free = Free.of(device)
    unknown = sum(want.profile is None for want in waiting)
    possible = free.refusal_of_unknown(device) is None
    specimen = int(possible and not unknown and not _measured_now(device))
    own = max(0, min(free.processes, free.places) - len(waiting)) if _spreads(device) else specimen
    return {"builtin": specimen, **dict.fromkeys(("function", "command"), own if possible else 0)}
