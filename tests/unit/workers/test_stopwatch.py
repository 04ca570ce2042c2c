"""Timing turn by turn, against a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from workers.runtime.stopwatch import ratio, turn_by_turn


class Machine:
    """A clock, and programs that move it; everything takes `slow` times as long."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slow = 1.0
        self.order: list[str] = []

    def clock(self) -> float:
        return self.now

    def program(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.order.append(name)
            self.now += seconds * self.slow

        return run


def test_programs_take_turns_there_and_back() -> None:
    machine = Machine()
    programs = {name: machine.program(name, 1.0) for name in "ab"}
    times = turn_by_turn(programs, 0.0, clock=machine.clock)
    assert machine.order == ["a", "b", "b", "a", "a", "b"]
    assert times == {"a": [1.0] * 3, "b": [1.0] * 3}


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 3), (10.0, 5), (1000.0, 8)])
def test_rounds_are_made_while_there_is_time(seconds: float, rounds: int) -> None:
    machine = Machine()
    programs = {name: machine.program(name, 1.0) for name in "ab"}
    assert len(turn_by_turn(programs, seconds, at_most=8, clock=machine.clock)["a"]) == rounds


def test_a_machine_that_slows_down_does_not_change_the_ratio() -> None:
    machine = Machine()
    fast, slow = machine.program("fast", 1.0), machine.program("slow", 3.0)

    def slower() -> None:
        machine.slow *= 2
        fast()

    times = turn_by_turn({"fast": slower, "slow": slow}, 0.0, at_least=2, at_most=2, clock=machine.clock)
    assert times["fast"] == [2.0, 4.0]
    assert ratio(times["slow"], times["fast"]) == pytest.approx((3.0 + 1.5) / 2)


def test_an_outlier_does_not_count() -> None:
    assert ratio([2.0, 2.0, 50.0], [1.0, 1.0, 1.0]) == 2.0
