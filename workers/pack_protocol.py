"""What the agent and a pack's process say to each other, one JSON frame at a time, over a pipe each way.

A process is forked for a pack. It is given the pack's own folder (``pack.json`` in it says what to do), and then hears
and says:

    agent -> pack   {"kind": "join", "attempt": id, "directory": path}   a run wants in (``run.json`` lies there)
                    {"kind": "stop", "attempt": id}                      that member alone: save its state and end
    pack -> agent   {"kind": "taken", "attempt": id}                     it is a member now; what was not taken by the
                                                                         end of the process has not begun
                    {"kind": "started", "attempt": id, "step": n, "note": text}
                    {"kind": "points", "attempt": id, "points": {name: [steps, values]}}
                    {"kind": "evaluated", "attempt": id, "step": n, "metrics": {...}}
                    {"kind": "finished", "attempt": id, "state": ..., "step": n, "reason": text}
                    {"kind": "failed", "attempt": id, "error": {type, message, traceback}}
                    {"kind": "evicted", "attempt": id, "reason": text}
                    {"kind": "pace", "width": k, "samples_per_second": x, "memory_bytes": n or null}
                    {"kind": "profile", "profile": {...}}                a probe's result (`RunProfile`)

SIGTERM to the process tells every member to stop. Two pipes and not one socket: an order to a process that has just
ended must not cost what it said last.
"""

from __future__ import annotations

from studies.contract.base import Message
from studies.contract.packing import Engine


class PackOrder(Message):
    """``pack.json``: what a pack's process is to do.

    Attributes:
        device: ``cpu`` or ``cuda:N``.
        device_model: the device's model, for the profile that a probe makes.
        engine: how to train; a serial one takes one member and no joins.
        width: most members at once.
        lone_engine: the serial engine of a fused pack while its members are fewer than `fused_from`.
        fused_from: members from which on `engine` is faster than one after another.
        members: (attempt id, run directory) of the first ones.
        probe: measure the class of the first member and end, instead of training.
        memory_fraction: share of the device's memory that the process may allocate; None leaves it unbounded.
    """

    device: str
    device_model: str = ""
    engine: Engine
    width: int = 1
    lone_engine: Engine = "serial"
    fused_from: int = 2
    members: tuple[tuple[str, str], ...] = ()
    probe: bool = False
    memory_fraction: float | None = None

    @property
    def single(self) -> bool:
        """Whether one run is all that this process will ever train: what is printed is then that run's output."""
        return self.width == 1 and not self.probe
