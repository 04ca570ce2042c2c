"""Which workers the page shows: those asked for, a page at a time; long silent ones are folded away. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.format import count
from studies.contract.base import Timestamp
from studies.contract.states import WorkerHold
from studies.contract.views import WorkerView

LONG_GONE = 600.0
"""Seconds of silence after which a worker is folded away: it was stopped, and nobody waits for it."""

CARDS = 12
"""Workers on one page: each has its devices, and each device its timeline."""

GONE_SHOWN = 100
"""Long silent workers that are listed, the latest first."""

SEARCH_FROM = 6
"""Workers from which on there is something to search."""


@dataclass(frozen=True)
class Fleet:
    """The workers as the page shows them.

    Attributes:
        shown: one page of those that match.
        page, pages: which, counted from 1, and of how many.
        matching: workers that match and are not folded away.
        gone: those that have been silent for long, the latest first, and how many there are in all.
        known: all that there are, former starts of the same node aside.
    """

    shown: tuple[WorkerView, ...]
    page: int
    pages: int
    matching: int
    gone: tuple[WorkerView, ...]
    all_gone: int
    known: int


def fleet(workers: Iterable[WorkerView], now: Timestamp, search: str = "", page: int = 1) -> Fleet:
    """Return the page of the workers that match `search`; a page that there is not becomes the last one."""
    current = _current(workers)
    found = [worker for worker in current if _matches(worker, search)]
    gone = [worker for worker in found if _long_gone(worker, now)]
    here = sorted((worker for worker in found if not _long_gone(worker, now)), key=_order)
    pages = max(1, -(-len(here) // CARDS))
    page = min(max(1, page), pages)
    return Fleet(
        shown=tuple(here[CARDS * (page - 1) : CARDS * page]),
        page=page,
        pages=pages,
        matching=len(here),
        gone=tuple(gone[:GONE_SHOWN]),
        all_gone=len(gone),
        known=len(current),
    )


def _current(workers: Iterable[WorkerView]) -> list[WorkerView]:
    """Return the workers without those that were started again since; `workers` come last seen first."""
    seen: set[tuple[str, str]] = set()
    current = []
    for worker in workers:
        node = worker.hostname, worker.name
        if worker.alive or node not in seen:
            current.append(worker)
        seen.add(node)
    return current


def _long_gone(worker: WorkerView, now: Timestamp) -> bool:
    return not worker.alive and now - worker.last_sync_at > LONG_GONE


def _matches(worker: WorkerView, search: str) -> bool:
    """Return whether every word is in its name, its host or a device's model."""
    text = " ".join((worker.name, worker.hostname, *(device.model for device in worker.devices))).casefold()
    return all(word in text for word in search.casefold().split())


def _order(worker: WorkerView) -> tuple[bool, bool, str, float]:
    """Those that need somebody come first, then by name: an order that no sync changes."""
    return worker.hold is not WorkerHold.QUARANTINED, worker.alive, worker.name, worker.registered_at


def summary(workers: Sequence[WorkerView]) -> str:
    """Return all workers in a line: ``3 workers alive · 14 of 64 slots in use · 1 quarantined``; "" without any."""
    alive = [worker for worker in workers if worker.alive]
    if not workers:
        return ""
    devices = [device for worker in alive for device in worker.devices]
    held = sum(worker.hold is not None for worker in alive)
    facts = (
        f"{count(len(alive), 'worker')} alive" if alive else "No worker is alive",
        f"{sum(len(device.running) for device in devices):,} of "
        f"{count(sum(device.capacity for device in devices), 'slot')} in use"
        if alive
        else "",
        f"{held} held back" if held else "",
    )
    return " · ".join(filter(None, facts))
