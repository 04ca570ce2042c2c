"""The probe: a few timed steps of each way to train a class of runs, turn by turn, on the device they will run on."""

from __future__ import annotations

import gc
from dataclasses import replace
from statistics import median

import torch

from studies.contract.packing import Engine, EngineTiming, RunProfile
from workers.objectives.task import Task
from workers.packing.agenda import Candidate, Purse, budget, next_candidate, worth_compiling
from workers.packing.choice import summarise
from workers.packing.sizes import is_serial
from workers.runtime.engines.base import NotStackable
from workers.runtime.run_context import RunContext
from workers.runtime.specimen import Specimen, Way
from workers.runtime.stopwatch import Program, ratio, turn_by_turn

STEPS_A_TURN = {"cpu": 1, "cuda": 8}
"""On a card steps run ahead of the program, which reads back every few of them, as the loop does."""

FIRST_LOOK_SECONDS = 0.1
"""For timing one run alone, from which follows what the rest may take."""

WAVES = 5
"""Into which the time is divided: in each, one way takes turns with the plain one alone."""

SERIAL = Candidate("serial", 1)
CHANNELS_LAST = Candidate("serial_channels_last", 1)

LONGEST_REFUSAL = 500


def measure(context: RunContext, task: Task, device: str, device_model: str) -> RunProfile:
    """Time the ways to train `task`, and return what they amount to for runs of its class.

    It takes about a second on a CPU and five on a card, less for short runs (`workers.packing.agenda`).

    Args:
        context: of the run that is the specimen.
        task: what it trains.
        device: ``cpu`` or ``cuda:N``.
        device_model: the device's model, for the profile.
    """
    specimen = Specimen(context, task, device)
    probe = _Probe(specimen, torch.device(device).type)
    if specimen.convolutional:
        probe.time(CHANNELS_LAST)
    while (candidate := next_candidate(probe.timings, probe.purse)) is not None:
        probe.time(candidate)
    return summarise(context.run.run_class, device_model, probe.timings, specimen.length)


class _Probe:
    """A measurement under way; it begins with the plain way alone, which the others are held against.

    Attributes:
        timings: what has been measured.
        purse: the time that is left for more.
    """

    def __init__(self, specimen: Specimen, kind: str) -> None:
        self._specimen = specimen
        self._turn_steps = STEPS_A_TURN[kind]
        self._plain = specimen.way(SERIAL)
        times = turn_by_turn({SERIAL: self._turn(self._plain)}, FIRST_LOOK_SECONDS)[SERIAL]
        step_seconds = median(times) / self._turn_steps
        num_steps = specimen.length.num_steps
        seconds = budget(kind, num_steps, step_seconds)
        self._wave_seconds = seconds / WAVES
        self._plain_rate = specimen.length.batch_size / step_seconds
        self.purse = Purse(seconds, step_seconds, worth_compiling(num_steps, step_seconds))
        self._checked: set[Engine] = set()
        self.timings = [_timing(SERIAL, self._plain_rate, self._plain)]

    def time(self, candidate: Candidate) -> None:
        """Add the timing of `candidate`, or why it cannot be taken."""
        self.timings.append(self._timed(candidate))
        gc.collect()
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.empty_cache()

    def _timed(self, candidate: Candidate) -> EngineTiming:
        """An engine refuses in its own words; libraries and compilers fail with all kinds of runtime errors."""
        try:
            way = self._specimen.way(candidate)
            rate = self._rate(candidate, way)
            if rate > self._plain_rate:
                self._check(candidate.engine)
        except NotStackable as refusal:
            return _refused(candidate, str(refusal))
        except RuntimeError as fault:  # torch.OutOfMemoryError is one
            return _refused(candidate, f"{type(fault).__name__}: {fault}")
        return _timing(candidate, rate, way)

    def _rate(self, candidate: Candidate, way: Way) -> float:
        """Return the samples per second of a way, from turns with the plain one: few where its steps are slow."""
        turns = {SERIAL: self._turn(self._plain), candidate: self._turn(way)}
        at_least = 3 if self.purse.affords(candidate.width) else 1
        times = turn_by_turn(turns, self._wave_seconds, at_least=at_least)
        self.purse = replace(self.purse, seconds=self.purse.seconds - sum(map(sum, times.values())))
        return self._plain_rate * candidate.width / ratio(times[candidate], times[SERIAL])

    def _check(self, engine: Engine) -> None:
        """Once for each engine that would be taken: a pack that its own check stops has cost its members time."""
        if engine not in self._checked and not is_serial(engine):
            self._specimen.check(engine)
            self._checked.add(engine)

    def _turn(self, way: Way) -> Program:
        return lambda: way.steps(self._turn_steps)


def _timing(candidate: Candidate, rate: float, way: Way) -> EngineTiming:
    return EngineTiming(
        engine=candidate.engine, width=candidate.width, samples_per_second=rate, memory_bytes=way.peak_bytes
    )


def _refused(candidate: Candidate, reason: str) -> EngineTiming:
    first_line = reason.strip().partition("\n")[0]
    return EngineTiming(engine=candidate.engine, width=candidate.width, refused=first_line[:LONGEST_REFUSAL])
