"""The choice of an engine: from timed steps to how a class of runs trains on this model of device, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from studies.contract.packing import Engine, EngineTiming, RunProfile
from workers.packing.sizes import is_serial

NOISE = 0.03
"""What a fused engine must gain over the best way alone before it is taken: with a timing that is off by as much,
the pack is still never slower than 0.97 times running alone."""

NEARLY = 0.97
"""A narrower pack is taken if it is as fast as this share of the fastest: it takes less memory and starts sooner."""

COMPILE_SECONDS = 25.0
"""What compiling one shape may cost (10 to 25 s were measured); a pack that fills and empties meets several."""

SHAPES = 3
"""Widths that a compiled pack meets over its life, each compiled once."""

IN_WORDS: dict[Engine, str] = {
    "serial": "one run a process",
    "serial_channels_last": "one run a process, channels last",
    "batched": "batched layers",
    "vmap": "vmap",
    "batched_compiled": "batched layers, compiled",
    "vmap_compiled": "vmap, compiled",
}


@dataclass(frozen=True)
class RunLength:
    """How long runs of a class are, for what pays only in the long run."""

    num_steps: int
    batch_size: int

    @property
    def samples(self) -> int:
        return self.num_steps * self.batch_size


@dataclass(frozen=True)
class Choice:
    """How to train: ``width`` members in a process, and the reason in one sentence."""

    engine: Engine
    width: int
    note: str


def choose(timings: Sequence[EngineTiming], length: RunLength) -> Choice:
    """Return the fastest way to train by samples per second; running alone unless fusing gains more than the noise.

    Args:
        timings: what was measured, refusals included; without a serial one the plain serial engine is taken.
        length: of a typical run.
    """
    usable = [timing for timing in timings if not timing.refused and timing.samples_per_second > 0]
    alone = _fastest([timing for timing in usable if is_serial(timing.engine)])
    if alone is None:
        return Choice("serial", 1, "nothing could be measured: one run a process")
    fused = _narrow_enough([timing for timing in usable if not is_serial(timing.engine)], length)
    if fused is None:
        return Choice(alone.engine, 1, f"{_pace(alone)}; {_why_not_fused(timings)}")
    gain = fused.samples_per_second / alone.samples_per_second
    if gain <= 1 + NOISE:
        return Choice(alone.engine, 1, f"{_pace(alone)}; {_pace(fused)}, {gain:.2f} times that: not worth fusing")
    return Choice(fused.engine, fused.width, f"{_pace(fused)}, {gain:.1f} times the best alone ({_pace(alone)})")


def summarise(run_class: str, device_model: str, timings: Sequence[EngineTiming], length: RunLength) -> RunProfile:
    """Return the profile that a probe's timings amount to."""
    choice = choose(timings, length)
    usable = [timing for timing in timings if not timing.refused]
    alone = _fastest([timing for timing in usable if is_serial(timing.engine)])
    base_bytes, member_bytes = memory(
        [timing for timing in usable if timing.engine == choice.engine or timing is alone]
    )
    return RunProfile(
        run_class=run_class,
        device_model=device_model,
        engine=choice.engine,
        width=choice.width,
        base_bytes=base_bytes,
        member_bytes=member_bytes,
        alone_rate=alone.samples_per_second if alone else 0.0,
        timings=tuple(timings),
        note=choice.note,
    )


def memory(timings: Sequence[EngineTiming]) -> tuple[int, int]:
    """Return bytes of a process with one member, and of each further one.

    The line through the narrowest and the widest timing, never falling; none is estimated below what it took.
    """
    known = sorted((timing.width, timing.memory_bytes) for timing in timings if timing.memory_bytes is not None)
    if not known:
        return 0, 0
    (narrow, low), (wide, high) = known[0], known[-1]
    member = max(0, ceil((high - low) / (wide - narrow))) if wide > narrow else 0
    base = max(peak - (width - 1) * member for width, peak in known)
    return max(0, base), member


def _narrow_enough(fused: Sequence[EngineTiming], length: RunLength) -> EngineTiming | None:
    """Return the narrowest fused timing that is nearly as fast as the fastest worth its compilation."""
    plain = _fastest([timing for timing in fused if not _compiled(timing)])
    worthwhile = [timing for timing in fused if not _compiled(timing) or _repays(timing, plain, length)]
    fastest = _fastest(worthwhile)
    if fastest is None:
        return None
    nearly = [timing for timing in worthwhile if timing.samples_per_second >= NEARLY * fastest.samples_per_second]
    return min(nearly, key=lambda timing: (timing.width, -timing.samples_per_second))


def _repays(compiled: EngineTiming, plain: EngineTiming | None, length: RunLength) -> bool:
    """Say whether a pack of runs of this length saves more than it takes to compile its shapes."""
    if plain is None:
        return False
    samples = compiled.width * length.samples
    saved = samples / plain.samples_per_second - samples / compiled.samples_per_second
    return saved > SHAPES * COMPILE_SECONDS


def _compiled(timing: EngineTiming) -> bool:
    return timing.engine.endswith("_compiled")


def _fastest(timings: Sequence[EngineTiming]) -> EngineTiming | None:
    return max(timings, key=lambda timing: timing.samples_per_second, default=None)


def _pace(timing: EngineTiming) -> str:
    members = "" if is_serial(timing.engine) else f", {timing.width} at a time"
    return f"{IN_WORDS[timing.engine]}{members}: {timing.samples_per_second:,.0f} samples/s"


def _why_not_fused(timings: Sequence[EngineTiming]) -> str:
    refusals = [timing.refused for timing in timings if not is_serial(timing.engine) and timing.refused]
    return f"cannot be fused: {refusals[0]}" if refusals else "fusing was not tried"
