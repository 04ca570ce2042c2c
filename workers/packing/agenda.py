"""What a probe times next: as little as is needed to choose. Pure; the timing itself is in `workers.runtime.probe`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from studies.contract.packing import Engine, EngineTiming
from workers.packing.choice import COMPILE_SECONDS, NOISE, SHAPES
from workers.packing.sizes import is_serial

WIDTHS = (4, 8, 16, 32)

PAIR = 2
"""Members of the smallest pack: whether fusing pays for it already is timed last."""

BUDGET_SECONDS = {"cpu": 1.0, "cuda": 5.0}
"""Most time for a probe's steps, by type of device; what a card has to load at first comes on top."""

SHARE = 0.03
"""Most of the time of the runs to come that may go into measuring them..."""

RUNS = 8
"""...which are taken to be so many: a stage asks for a handful of runs of each class, and what was found is kept."""

STEPS = 4
"""Steps that a candidate takes at least: one to warm up, three to be timed."""


@dataclass(frozen=True)
class Candidate:
    engine: Engine
    width: int


@dataclass(frozen=True)
class Purse:
    """What a probe may still spend.

    Attributes:
        seconds: left for timed steps.
        step_seconds: of one run alone; a fused step of K members is taken to cost K of them, the worst case.
        long_runs: whether the runs are long enough for compiling, and trying that.
    """

    seconds: float
    step_seconds: float
    long_runs: bool = False

    def affords(self, width: int) -> bool:
        return width * self.step_seconds * STEPS <= self.seconds


def budget(kind: str, num_steps: int, step_seconds: float) -> float:
    """Return the seconds that a probe may take for its steps.

    Args:
        kind: ``cpu`` or ``cuda``.
        num_steps: of a run of the class.
        step_seconds: of that run alone.
    """
    return min(BUDGET_SECONDS[kind], SHARE * RUNS * num_steps * step_seconds)


def worth_compiling(num_steps: int, step_seconds: float) -> bool:
    """Say whether trying a compiled form takes no more than its share of the runs to come."""
    return SHARE * RUNS * num_steps * step_seconds >= SHAPES * COMPILE_SECONDS


def next_candidate(timings: Sequence[EngineTiming], purse: Purse) -> Candidate | None:
    """Return the fused way to time next, None when it is enough.

    One width of one fused engine is always timed. Then batched layers, or vmap where they refuse, are widened while
    that pays; vmap is tried beside batched layers where time is left, and a compiled form for long runs. At last two
    members are timed, which says from how many on fusing pays (`workers.packing.sizes.fused_from`).
    """
    engine = _engine(timings)
    if engine is None:
        return None
    tried = [timing for timing in timings if timing.engine == engine]
    if not tried:
        return Candidate(engine, _first_width(purse))
    return next(chain(_further(engine, tried, timings, purse), _pair(timings, purse)), None)


def _engine(timings: Sequence[EngineTiming]) -> Engine | None:
    """Return the engine to widen: batched layers unless they refused, then vmap unless that refused too."""
    engines: tuple[Engine, ...] = ("batched", "vmap")
    return next((engine for engine in engines if not _refused(engine, timings)), None)


def _refused(engine: Engine, timings: Iterable[EngineTiming]) -> bool:
    """Say whether it was tried and never worked."""
    tried = [timing for timing in timings if timing.engine == engine]
    return bool(tried) and all(timing.refused for timing in tried)


def _first_width(purse: Purse) -> int:
    """Begin where a step's overhead is shared by enough members to show, but not with what is too dear."""
    return WIDTHS[1] if purse.affords(WIDTHS[1]) else WIDTHS[0]


def _further(
    engine: Engine, tried: Sequence[EngineTiming], timings: Sequence[EngineTiming], purse: Purse
) -> Iterable[Candidate]:
    width = _next_width(tried)
    if width is not None and purse.affords(width):
        yield Candidate(engine, width)
    best = max(tried, key=lambda timing: timing.samples_per_second)
    untried: list[Engine] = ["vmap"] if engine == "batched" else []
    if purse.long_runs:
        untried += ["batched_compiled" if engine == "batched" else "vmap_compiled"]
    for other in untried:
        if all(timing.engine != other for timing in timings) and purse.affords(best.width):
            yield Candidate(other, best.width)


def _pair(timings: Sequence[EngineTiming], purse: Purse) -> Iterable[Candidate]:
    """Two members under the engine that will be taken, unless that is a serial one."""
    best = max(timings, key=lambda timing: timing.samples_per_second)
    tried = any((timing.engine, timing.width) == (best.engine, PAIR) for timing in timings)
    if not is_serial(best.engine) and not tried and purse.affords(PAIR):
        yield Candidate(best.engine, PAIR)


def _next_width(tried: Sequence[EngineTiming]) -> int | None:
    """Widen while the throughput rises by more than the noise; where the first step up brought nothing, narrow."""
    rates = {timing.width: timing.samples_per_second for timing in tried}
    widest = max(rates)
    rises = all(
        rates[wider] > rates[narrower] * (1 + NOISE)
        for narrower, wider in zip(sorted(rates), sorted(rates)[1:], strict=False)
    )
    refused = any(timing.refused for timing in tried)
    if rises and not refused:
        return next((width for width in WIDTHS if width > widest), None)
    narrower = [width for width in WIDTHS if width < min(rates)]
    return narrower[-1] if narrower else None
