"""Many curves as two arrays: each part of the arithmetic is what a loop over the curves would say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from studies.core.curves.ragged import Ragged
from studies.core.snapshot import Curve


@st.composite
def curve(draw: st.DrawFn) -> Curve:
    steps = draw(st.lists(st.integers(0, 100), min_size=1, max_size=8))
    return Curve(np.array(steps, np.int64), np.arange(len(steps), dtype=np.float64))


CURVES = st.lists(curve(), min_size=1, max_size=6)


def _gaps(one: Curve) -> list[int]:
    between = np.diff(one.steps).tolist()
    return [*between, between[0]] if between else [1]


def _same(first: Curve, second: Curve) -> bool:
    return np.array_equal(first.steps, second.steps) and np.array_equal(first.values, second.values)


@given(curves=CURVES)
def test_its_curves_are_those_it_was_made_of(curves: list[Curve]) -> None:
    ragged = Ragged.of(curves)
    assert len(ragged) == len(curves)
    assert all(map(_same, ragged.curves(), curves))


@given(curves=CURVES)
def test_gaps_and_what_rises(curves: list[Curve]) -> None:
    ragged = Ragged.of(curves)
    assert ragged.gaps.tolist() == [gap for one in curves for gap in _gaps(one)]
    assert ragged.rising().tolist() == [bool((np.diff(one.steps) > 0).all()) for one in curves]


@given(curves=CURVES, data=st.data())
def test_taking_some(curves: list[Curve], data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.booleans(), min_size=len(curves), max_size=len(curves)).filter(any))
    taken = Ragged.of(curves).take(np.array(wanted)).curves()
    assert all(map(_same, taken, [one for one, want in zip(curves, wanted, strict=True) if want]))
    assert len(taken) == sum(wanted)


def _joined(curves: Sequence[Curve]) -> Curve:
    return Curve(np.concatenate([one.steps for one in curves]), np.concatenate([one.values for one in curves]))


@given(firsts=CURVES, data=st.data())
def test_gathering_by_owner(firsts: list[Curve], data: st.DataObject) -> None:
    """Every owner has a curve; some have another further on."""
    seconds = data.draw(st.lists(st.tuples(st.integers(0, len(firsts) - 1), curve()), max_size=6))
    owners = [*range(len(firsts)), *(owner for owner, _ in seconds)]
    gathered = Ragged.of([*firsts, *(one for _, one in seconds)]).gathered(np.array(owners)).curves()
    wanted = [_joined([first, *(one for of, one in seconds if of == owner)]) for owner, first in enumerate(firsts)]
    assert len(gathered) == len(wanted)
    assert all(map(_same, gathered, wanted))
