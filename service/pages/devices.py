"""A device as the workers page tells it: its memory, its throughput, and what runs on it now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.format import count, memory
from service.pages.packs import (
    MemberRow,
    PackRow,
    Throughput,
    member_rows,
    multi_process_service,
    pack_row,
    throughput,
)
from studies.contract.views import DeviceView
from studies.storage.port import TrialFace

TRIALS_SHOWN = 100
"""Trials of one device that are listed: nobody reads more of them at once."""


@dataclass(frozen=True)
class MemoryBar:
    """A device's memory in percent of the whole, and in words.

    Attributes:
        own: what the processes of the worker hold.
        others: what anybody else holds; all that is used where the worker's processes cannot be told apart.
        aside: what the worker keeps free for what its processes may yet take.
    """

    own: float
    others: float
    aside: float
    words: str


@dataclass(frozen=True)
class DeviceRow:
    """A device.

    Attributes:
        facts: how full and how busy it is, in words.
        bar: its memory, None where its size is not known.
        throughput: what its runs train together, None where that is not known.
        unpacked: trials that its worker has not put into a pack yet.
        more: trials that run on it and are not listed.
    """

    device: DeviceView
    facts: str
    bar: MemoryBar | None
    throughput: Throughput | None
    packs: tuple[PackRow, ...] = ()
    unpacked: tuple[MemberRow, ...] = ()
    more: int = 0


def listed(device: DeviceView) -> tuple[str, ...]:
    """Return the trials on a device that are listed."""
    return device.running[:TRIALS_SHOWN]


def device_row(device: DeviceView, faces: Mapping[str, TrialFace], labels: Mapping[str, str]) -> DeviceRow:
    """Return a device in words.

    Args:
        device: the device.
        faces: of the trials that are `listed`; others are counted.
        labels: classes of runs in words.
    """
    shown = {trial_id: faces[trial_id] for trial_id in listed(device) if trial_id in faces}
    packed = {trial_id for pack in device.packs for trial_id in pack.trials}
    slots = f"{len(device.running)} of {count(device.capacity, 'slot')} in use"
    return DeviceRow(
        device=device,
        facts=" · ".join(filter(None, (slots, _busy(device), multi_process_service(device)))),
        bar=memory_bar(device),
        throughput=throughput(device),
        packs=tuple(pack_row(pack, shown, labels) for pack in device.packs),
        unpacked=tuple(row for trial_id in shown if trial_id not in packed for row in member_rows([trial_id], shown)),
        more=max(0, len(device.running) - TRIALS_SHOWN),
    )


def memory_bar(device: DeviceView) -> MemoryBar | None:
    """Return what of a device's memory is used and by whom, and what is kept free for runs that it has."""
    whole = device.memory_bytes
    if not whole:
        return None
    held = sum(pack.memory_bytes or 0 for pack in device.packs)
    used = max(held, device.memory_used_bytes or 0)
    aside = sum(max(0, (pack.reserved_bytes or 0) - (pack.memory_bytes or 0)) for pack in device.packs)
    own, others = min(1.0, held / whole), min(1.0, used / whole) - min(1.0, held / whole)
    rest = min(aside / whole, 1.0 - own - others)
    words = _memory_words(device, held, aside)
    return MemoryBar(round(100 * own, 1), round(100 * others, 1), round(100 * rest, 1), words)


def _memory_words(device: DeviceView, held: int, aside: int) -> str:
    used, whole = device.memory_used_bytes, memory(device.memory_bytes)
    facts = (
        f"{whole} in all" if used is None and not held else f"{memory(max(held, used or 0))} of {whole} used",
        f"{memory(held)} by the runs here" if held else "",
        f"{memory(aside)} more set aside for them" if aside else "",
    )
    return ", ".join(filter(None, facts))


def _busy(device: DeviceView) -> str:
    return "" if device.utilization is None else f"{min(100, round(100 * device.utilization))} % busy"
