"""How a worker stands, in words: one place for the pages and the command line. Pure."""

from __future__ import annotations

from typing import Final

from service.format import count
from studies.contract.states import WorkerHold
from studies.contract.views import WorkerView

_HELD: Final[dict[WorkerHold, str]] = {
    WorkerHold.QUARANTINED: "quarantined",
    WorkerHold.DRAINING: "draining",
    WorkerHold.DRAINED: "drained",
}


def standing(worker: WorkerView) -> str:
    """Return how a worker stands, in a word or two: ``alive``, ``quarantined``, ``drained, gone``, ``silent``."""
    held = "" if worker.hold is None else _HELD[worker.hold]
    if worker.alive:
        return held or "alive"
    away = "silent" if is_missed(worker) else "gone"
    return f"{held}, {away}" if held else away


def is_missed(worker: WorkerView) -> bool:
    """Return whether a worker fell silent with runs under way; one without has only gone, as after its work."""
    return not worker.alive and _running(worker) > 0


def held_because(worker: WorkerView) -> str:
    """Return why it is given no new runs and what to do about it, "" where it is given some."""
    match worker.hold:
        case WorkerHold.QUARANTINED:
            return f"{worker.held_because} Mend the node, then release it."
        case WorkerHold.DRAINING:
            return f"Takes no new runs; {count(_running(worker), 'run')} left to finish, then it can be stopped."
        case WorkerHold.DRAINED:
            return "Takes no new runs and has none left: it can be stopped. Released, or started again, it takes runs."
        case None:
            return ""


def _running(worker: WorkerView) -> int:
    return sum(len(device.running) for device in worker.devices)
