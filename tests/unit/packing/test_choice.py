"""The choice of an engine from its timings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from studies.contract.packing import EngineTiming
from workers.packing.choice import Choice, RunLength, choose, memory, summarise
from workers.packing.estimates import peak

LENGTH = RunLength(num_steps=1000, batch_size=64)
LONG = RunLength(num_steps=1_000_000, batch_size=64)


def timing(
    engine: str, rate: float, width: int = 1, memory_bytes: int | None = None, refused: str = ""
) -> EngineTiming:
    return EngineTiming.model_validate(
        {
            "engine": engine,
            "width": width,
            "samples_per_second": rate,
            "memory_bytes": memory_bytes,
            "refused": refused,
        }
    )


def test_the_fastest_is_taken_with_its_numbers() -> None:
    timings = [timing("serial", 4000), timing("serial_channels_last", 5000), timing("batched", 12_500, 8)]
    assert choose(timings, LENGTH) == Choice(
        "batched",
        8,
        "batched layers, 8 at a time: 12,500 samples/s, 2.5 times the best alone "
        "(one run a process, channels last: 5,000 samples/s)",
    )


def test_fusing_must_gain_more_than_the_noise() -> None:
    choice = choose([timing("serial", 1000), timing("batched", 1029, 8)], LENGTH)
    assert (choice.engine, choice.width) == ("serial", 1)
    assert choice.note.endswith("batched layers, 8 at a time: 1,029 samples/s, 1.03 times that: not worth fusing")
    assert choose([timing("serial", 1000), timing("batched", 1031, 8)], LENGTH).engine == "batched"


def test_the_narrowest_of_nearly_equal_widths_is_taken() -> None:
    timings = [timing("serial", 100), *(timing("batched", rate, w) for w, rate in ((4, 300), (8, 392), (16, 400)))]
    assert choose(timings, LENGTH).width == 8


def test_what_refused_is_not_taken_and_said() -> None:
    refusing = timing("batched", 0, 4, refused="LSTM has no stacked form")
    assert choose([timing("serial", 100), refusing], LENGTH).note.endswith("cannot be fused: LSTM has no stacked form")


def test_compiling_pays_in_long_runs_alone() -> None:
    timings = [timing("serial", 4000), timing("batched", 8000, 8), timing("batched_compiled", 16_000, 8)]
    assert choose(timings, LENGTH).engine == "batched"
    assert choose(timings, LONG).engine == "batched_compiled"


def test_without_any_measurement_runs_are_alone() -> None:
    assert choose([], LENGTH).engine == "serial"
    assert choose([timing("batched", 100, 4)], LENGTH).engine == "serial"


RATES = st.floats(1.0, 1e6)
FUSED = st.builds(
    timing, st.sampled_from(["batched", "vmap", "batched_compiled"]), RATES, st.sampled_from([4, 8, 16, 32])
)


@given(serial=st.lists(RATES, min_size=1, max_size=2), fused=st.lists(FUSED, max_size=8), steps=st.integers(1, 10**7))
def test_never_slower_than_the_best_alone(serial: list[float], fused: list[EngineTiming], steps: int) -> None:
    alone = [timing(name, rate) for name, rate in zip(("serial", "serial_channels_last"), serial, strict=False)]
    choice = choose([*alone, *fused], RunLength(steps, 64))
    taken = [t.samples_per_second for t in [*alone, *fused] if (t.engine, t.width) == (choice.engine, choice.width)]
    assert max(taken) >= max(serial)
    assert choice.note


def test_memory_is_a_line_through_the_widths() -> None:
    assert memory([timing("batched", 1, 4, 1300), timing("batched", 1, 8, 1700)]) == (1000, 100)
    assert memory([timing("serial", 1, 1, 900)]) == (900, 0)
    assert memory([timing("serial", 1)]) == (0, 0)


@given(st.dictionaries(st.sampled_from([4, 8, 16, 32]), st.integers(0, 10**10), min_size=1))
def test_no_width_is_estimated_below_what_it_took(peaks: dict[int, int]) -> None:
    timings = [timing("serial", 1.0), *(timing("batched", 10.0 * w, w, peak) for w, peak in peaks.items())]
    profile = summarise("builtin/" + "a" * 16, "device", timings, LENGTH)
    assert profile.engine == "batched"
    assert all(peak(profile, width) >= seen for width, seen in peaks.items())


def test_the_profile_keeps_what_it_was_made_from() -> None:
    timings = (timing("serial", 100, 1, 500), timing("batched", 400, 4, 800), timing("vmap", 300, 4, 900))
    profile = summarise("builtin/" + "a" * 16, "device", timings, LENGTH)
    assert profile.timings == timings
    assert (profile.alone_rate, profile.width) == (100, 4)
    assert (profile.base_bytes, profile.member_bytes) == (500, 100)
