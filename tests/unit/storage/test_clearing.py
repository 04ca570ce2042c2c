"""Which device is emptied for a run that must be alone and has waited long."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from studies.contract.study_file import FunctionObjective
from studies.contract.worker_protocol import DeviceStatus
from studies.storage.clearing import Overdue, cleared, first, overdue_before
from studies.storage.granting import Queued, Seats
from studies.storage.records import AttemptRecord, DeviceRecord, WorkerRecord

CLASS = "function/0123456789abcdef"
OBJECTIVE = FunctionObjective(kind="function", target="train.py:train")
WAITS = Overdue(Queued("tr", "st", CLASS, alone=True, rivals=2), OBJECTIVE)


def _worker(name: str, *devices: DeviceRecord, allow: str = "*") -> WorkerRecord:
    return WorkerRecord(name, name, "", "", (), (allow,), 0.0, 0.0, devices)


def _device(name: str = "cuda:0", capacity: int = 8, room: Mapping[str, int] | None = None) -> DeviceRecord:
    return DeviceRecord(name, capacity=capacity, status=DeviceStatus(room=dict(room or {})))


def _live(**counts: int) -> list[AttemptRecord]:
    """So many runs on the first card of each worker."""
    return [
        AttemptRecord("at", "tr", "st", 0, worker, "cuda:0", "token", 0.0, 0.0)
        for worker, count in counts.items()
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("workers", "live", "expected"),
    [
        pytest.param([_worker("a", _device()), _worker("b", _device())], {"a": 3, "b": 2}, "b", id="fewest runs"),
        pytest.param([_worker("b", _device()), _worker("a", _device())], {"a": 2, "b": 2}, "a", id="ties by name"),
        pytest.param([_worker("a", _device()), _worker("b", _device(capacity=0))], {"a": 3}, "a", id="draining"),
        pytest.param([_worker("a", _device()), _worker("b", _device(), allow="x")], {"a": 3}, "a", id="unable"),
        pytest.param([_worker("a", _device()), _worker("b", _device(room={CLASS: 0}))], {"a": 3}, "a", id="no room"),
        pytest.param([_worker("a", _device(room={CLASS: 0}))], {"a": 1}, "a", id="no room beside others"),
        pytest.param([], {}, None, id="no worker"),
    ],
)
def test_the_able_device_with_the_fewest_runs_is_cleared(
    workers: list[WorkerRecord], live: dict[str, int], expected: str | None
) -> None:
    found = cleared([WAITS], workers, _live(**live))
    assert found == ({(expected, "cuda:0")} if expected else set())


def test_one_device_is_cleared_for_all_that_it_can_take() -> None:
    other = Overdue(Queued("other", "st", CLASS, alone=True), OBJECTIVE)
    workers = [_worker("a", _device("cuda:0"), _device("cuda:1"))]
    assert cleared([WAITS, other], workers, ()) == {("a", "cuda:0")}
    assert cleared([], workers, ()) == set()


def test_who_has_waited_long_comes_first_and_shares_with_nobody() -> None:
    queue = [Queued("older", "s0", CLASS), WAITS.trial]
    assert [(trial.trial_id, trial.rivals) for trial in first([WAITS], queue)] == [("tr", 0), ("older", 0)]


def test_a_cleared_device_takes_nothing_but_what_runs_alone() -> None:
    assert Seats(_device(), [], cleared=True).left(CLASS) == 0
    assert Seats(_device(), [], cleared=True).left(CLASS, alone=True) == 1
    assert Seats(_device(), _live(a=1), cleared=True).left(CLASS, alone=True) == 0


def test_patience_is_counted_in_leases() -> None:
    assert overdue_before(1000.0, 30.0) == 880.0
