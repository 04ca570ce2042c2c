"""Memory: estimated, corrected, capped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.packing import RunProfile
from workers.packing.estimates import (
    after_oom,
    after_peak,
    believed,
    budget,
    budget_of_main_memory,
    cap,
    peak,
    reservation,
    widest,
)

BYTES = st.integers(0, 10**11)
MEMBERS = st.integers(1, 64)
PROFILES = st.builds(
    lambda base, member: RunProfile(
        run_class="builtin/" + "a" * 16, device_model="a", engine="batched", base_bytes=base, member_bytes=member
    ),
    BYTES,
    BYTES,
)


@given(PROFILES, MEMBERS)
def test_a_margin_is_set_aside(profile: RunProfile, members: int) -> None:
    assert reservation(profile, members) >= peak(profile, members) * 1.0999


@given(PROFILES, BYTES, MEMBERS)
def test_the_widest_fits_and_the_next_does_not(profile: RunProfile, free: int, bound: int) -> None:
    width = widest(profile, free, bound)
    assert 0 <= width <= bound
    assert width == 0 or reservation(profile, width) <= free
    assert width == bound or reservation(profile, width + 1) > free


@given(PROFILES, MEMBERS)
def test_unknown_memory_bounds_nothing(profile: RunProfile, bound: int) -> None:
    assert widest(profile, None, bound) == bound


@given(PROFILES, MEMBERS, BYTES)
def test_what_was_seen_is_believed(profile: RunProfile, members: int, seen: int) -> None:
    corrected = after_peak(profile, members, seen)
    assert peak(corrected, members) >= seen
    assert corrected.base_bytes >= 0
    assert corrected.member_bytes >= 0


@given(PROFILES, MEMBERS, BYTES)
def test_an_estimate_that_was_too_high_comes_down_slowly(profile: RunProfile, members: int, seen: int) -> None:
    before = peak(profile, members)
    after = peak(after_peak(profile, members, seen), members)
    if seen < before:
        assert before - 0.1 * (before - seen) - 1 <= after <= before


@given(MEMBERS, st.integers(10**6, 10**10))
def test_it_comes_down_in_the_end(members: int, seen: int) -> None:
    profile = RunProfile(run_class="builtin/" + "a" * 16, device_model="a", base_bytes=10 * seen, member_bytes=seen)
    for _ in range(100):
        profile = after_peak(profile, members, seen)
    assert seen <= peak(profile, members) <= 1.05 * seen


@given(PROFILES, MEMBERS, BYTES)
def test_out_of_memory_raises_the_estimate(profile: RunProfile, members: int, held: int) -> None:
    raised = after_oom(profile, members, held)
    enough = max(peak(profile, members), 1.25 * held) if held else 1.25 * peak(profile, members)
    assert peak(raised, members) >= enough * 0.999999
    assert raised.member_bytes >= profile.member_bytes


@given(PROFILES, MEMBERS, st.integers(1, 10**11))
def test_what_does_not_fit_for_an_hour_can_come_down_again(profile: RunProfile, members: int, held: int) -> None:
    once = after_oom(profile, members, held)
    many = once
    for _ in range(50):
        many = after_oom(many, members, held)
    assert peak(many, members) <= peak(once, members) + members


def test_an_estimate_is_never_more_than_can_be_told() -> None:
    profile = RunProfile(run_class="builtin/" + "a" * 16, device_model="a", base_bytes=10**9, member_bytes=10**8)
    for _ in range(200):
        profile = after_oom(profile, 4, 0)
    assert RunProfile.model_validate(profile.model_dump()) == profile


@given(total=st.integers(1, 10**12), others=BYTES, reserved=BYTES)
def test_budgets_and_caps_stay_on_the_device(total: int, others: int, reserved: int) -> None:
    assert 0 <= budget(total, others) < total
    share = cap(reserved, total)
    assert share is None or 0 < share <= 1


def test_main_memory_counts_what_runs_hold_already() -> None:
    assert budget_of_main_memory(80, 20) == 80
    assert budget_of_main_memory(-5) == 0


@pytest.mark.parametrize(("reserved", "total"), [(0, 100), (10, None), (10, 0)])
def test_without_numbers_there_is_no_cap(reserved: int, total: int | None) -> None:
    assert cap(reserved, total) is None


@given(reserved=st.integers(100, 10**13))
def test_what_is_believed_of_a_reservation_fits_it_closely(reserved: int) -> None:
    profile = RunProfile(run_class="function/" + "f" * 16, device_model="a", base_bytes=believed(reserved))
    assert reserved - 3 <= reservation(profile, 1) <= reserved
