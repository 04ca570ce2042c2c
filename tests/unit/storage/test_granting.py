"""Which waiting trials go to which device: capacity, room, runs that are alone, what goes together, shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.schedule import Schedule
from studies.contract.worker_protocol import DeviceStatus
from studies.storage import leasing
from studies.storage.granting import Asker, Enqueued, Queued, Seats, assign, elsewhere_first, seats_of, share, shares
from studies.storage.records import AttemptRecord, DeviceRecord, TrialRecord
from tests import builders as build

A, B, F = "builtin/a", "builtin/b", "function/f"
NAMES = ["cpu", "cuda:0", "cuda:1"]


def _attempt(device: str, *, alone: bool = False) -> AttemptRecord:
    return AttemptRecord("at", "tr", "st", 0, "wk", device, "token", 0.0, 0.0, alone=alone)


def _device(name: str = "cuda:0", capacity: int = 8, room: Mapping[str, int] | None = None) -> DeviceRecord:
    return DeviceRecord(name, capacity=capacity, status=DeviceStatus(room=dict(room or {})))


def _queue(text: str, study: str = "st", rivals: int = 0) -> list[Queued]:
    """A trial a letter, named by its place; a capital letter must run alone."""
    return [
        Queued(f"{study}{place}", study, f"builtin/{letter.lower()}", letter.isupper(), rivals)
        for place, letter in enumerate(text)
    ]


def _given(queue: Sequence[Queued], seats: Sequence[Seats]) -> list[tuple[str, str]]:
    return assign(queue, seats, shares(queue, seats))


DEVICES = st.lists(
    st.builds(
        _device,
        capacity=st.integers(0, 5),
        room=st.dictionaries(st.sampled_from([A, B, F, "builtin", "function"]), st.integers(0, 4), max_size=3),
    ),
    min_size=1,
    max_size=3,
).map(lambda devices: [DeviceRecord(name, capacity=d.capacity, status=d.status) for name, d in zip(NAMES, devices)])  # noqa: B905
LIVE = st.lists(st.builds(_attempt, st.sampled_from(NAMES), alone=st.booleans()), max_size=8)
QUEUES = st.lists(
    st.builds(
        Queued,
        trial_id=st.uuids().map(str),
        study_id=st.sampled_from(["s1", "s2"]),
        run_class=st.sampled_from([A, B, F]),
        alone=st.booleans(),
        rivals=st.integers(0, 3),
    ),
    max_size=25,
)


@given(DEVICES, LIVE, QUEUES)
def test_no_device_gets_more_than_it_may_hold(
    devices: list[DeviceRecord], live: list[AttemptRecord], queue: list[Queued]
) -> None:
    known = {item.trial_id: item for item in queue}
    given_to: dict[str, list[Queued]] = {}
    for trial_id, name in _given(queue, seats_of(devices, live)):
        given_to.setdefault(name, []).append(known.pop(trial_id))  # each trial once
    for device in devices:
        running = [item for item in live if item.device == device.name]
        fresh = given_to.get(device.name, [])
        assert not fresh or len(running) + len(fresh) <= device.capacity
        for name, count in Counter(item.run_class for item in fresh).items():
            room = device.status.room
            assert count <= room.get(name, room.get(name.partition("/")[0], device.capacity))
        lonely = any(item.alone for item in (*running, *fresh))
        assert not (fresh and lonely) or len(running) + len(fresh) == 1


@given(DEVICES, LIVE, QUEUES)
def test_nothing_that_could_begin_is_left_where_no_other_worker_idles(
    devices: list[DeviceRecord], live: list[AttemptRecord], queue: list[Queued]
) -> None:
    queue = [Queued(item.trial_id, item.study_id, item.run_class, item.alone) for item in queue]
    seats = seats_of(devices, live)
    gone = {trial_id for trial_id, _ in _given(queue, seats)}
    for item in queue:
        fits = any(seat.left(item.run_class, alone=item.alone) for seat in seats)
        assert item.trial_id in gone or not fits


@given(DEVICES, LIVE, QUEUES)
def test_the_same_is_given_every_time(
    devices: list[DeviceRecord], live: list[AttemptRecord], queue: list[Queued]
) -> None:
    assert _given(queue, seats_of(devices, live)) == _given(queue, seats_of(devices, live))


@given(waiting=st.integers(1, 1000), own=st.integers(1, 64), others=st.integers(0, 1000))
def test_a_share_is_fair_and_never_nothing(waiting: int, own: int, others: int) -> None:
    mine = share(waiting, own, own + others)
    assert 1 <= mine <= waiting
    assert waiting * own <= mine * (own + others) < waiting * own + own + others
    assert mine >= share(waiting, own, own + others + 1)
    assert share(waiting, own, own) == waiting


@given(waiting=st.integers(0, 200), workers=st.integers(1, 6))
def test_workers_that_idle_alike_take_all_there_is_and_split_it_evenly(waiting: int, workers: int) -> None:
    left, taken = waiting, []
    for idle in range(workers, 0, -1):
        taken.append(share(left, 1, idle))
        left -= taken[-1]
    assert left == 0
    assert max(taken) - min(taken) <= 1


def test_no_free_device_has_no_share() -> None:
    assert share(5, 0, 3) == 0
    assert _given(_queue("aaa"), seats_of([_device(capacity=0)], ())) == []


def test_one_worker_leaves_something_for_those_that_idle() -> None:
    assert len(_given(_queue("aaaaaa", rivals=1), seats_of([_device()], ()))) == 3
    assert len(_given(_queue("a", rivals=9), seats_of([_device()], ()))) == 1
    for_anyone, for_me = _queue("aaaa", "s1", rivals=1), _queue("bb", "s2", rivals=0)
    given = [trial_id for trial_id, _ in _given([*for_anyone, *for_me], seats_of([_device()], ()))]
    assert given == ["s10", "s11", "s20", "s21"]


def test_a_share_is_of_the_whole_queue_not_of_its_head() -> None:
    queue, seats = _queue("aaaa", rivals=3), seats_of([_device()], ())
    assert (shares(queue, seats), shares(queue, seats, waiting=30)) == ({3: 1}, {3: 8})


@pytest.mark.parametrize(
    ("device", "hungry"),
    [
        pytest.param(_device(), True, id="nothing is said of room"),
        pytest.param(_device(room={A: 0, "builtin": 0}), True, id="functions have all of the capacity"),
        pytest.param(_device(room={A: 1, "builtin": 0, "function": 0}), True, id="one class"),
        pytest.param(_device(room={A: 0, "builtin": 0, "function": 0, "command": 0}), False, id="no room at all"),
        pytest.param(_device(capacity=0), False, id="no capacity"),
    ],
)
def test_a_device_that_takes_nothing_is_not_asked_what(device: DeviceRecord, hungry: bool) -> None:
    assert Seats(device, ()).hungry is hungry


@pytest.mark.parametrize("value", [1, 1.0, True, "1"])
def test_the_queue_names_classes_as_runs_do(value: object) -> None:
    spec = build.spec()
    enqueued = Enqueued(spec)
    for other in (1, 1.0, True, "1", value):
        params = {"lr": 0.1, "batch_size": other, "momentum": 0.9}
        trial = TrialRecord("tr", "st", 0, "k", "lr_sweep", params, Schedule(), 1, 0, 0.0)
        entry = enqueued(trial)
        lease = leasing.lease(_attempt("cpu"), trial, spec)
        assert entry.run_class == lease.run.run_class


@pytest.mark.parametrize(
    ("room", "name", "expected"),
    [
        pytest.param({A: 2}, A, 2, id="of the class"),
        pytest.param({A: 2, "builtin": 3}, B, 3, id="of its kind"),
        pytest.param({A: 2, "builtin": 3}, F, 8, id="the capacity"),
        pytest.param({A: 20}, A, 8, id="no more than the capacity"),
        pytest.param({A: 0, "builtin": 5}, A, 0, id="none of the class"),
    ],
)
def test_room_is_of_the_class_then_of_its_kind_then_the_capacity(
    room: Mapping[str, int], name: str, expected: int
) -> None:
    assert Seats(_device(room=room), ()).left(name) == expected


@pytest.mark.parametrize("room", range(1, 200))
def test_a_class_fills_the_whole_of_its_room(room: int) -> None:
    seats = Seats(_device(capacity=1024, room={A: room}), ())
    for left in range(room, 0, -1):
        assert seats.left(A) == left
        seats.take(A)
    assert seats.left(A) == 0


def test_classes_share_one_memory() -> None:
    seats = Seats(_device(room={A: 4, B: 2}), ())
    seats.take(A)
    seats.take(A)
    assert (seats.left(A), seats.left(B), seats.left(F)) == (2, 1, 6)
    seats.take(B)
    assert (seats.left(A), seats.left(B), seats.left(F)) == (0, 0, 5)


def test_what_the_worker_has_not_heard_of_takes_room_too() -> None:
    seats = seats_of([_device(room={A: 3})], [_attempt("cuda:0")], {"cuda:0": [A]})
    assert [seat.left(A) for seat in seats] == [2]


def test_the_emptiest_device_comes_first() -> None:
    devices = [_device("cuda:0", 2), _device("cuda:1", 3)]
    given = _given(_queue("aaaaa"), seats_of(devices, [_attempt("cuda:0")]))
    assert [name for _, name in given] == ["cuda:1", "cuda:1", "cuda:0", "cuda:1"]


def test_two_waiting_devices_split_a_class_evenly() -> None:
    given = _given(_queue("aaaaaaaa"), seats_of([_device("cuda:0"), _device("cuda:1")], ()))
    assert Counter(name for _, name in given) == {"cuda:0": 4, "cuda:1": 4}


def test_trials_of_one_class_go_out_together_behind_the_first_in_turn() -> None:
    given = _given(_queue("abab"), seats_of([_device(capacity=3)], ()))
    assert [trial_id for trial_id, _ in given] == ["st0", "st2", "st1"]


def test_an_older_study_comes_before_the_class_of_its_head() -> None:
    queue = [*_queue("ab", "old"), *_queue("a", "new")]
    given = _given(queue, seats_of([_device(capacity=2)], ()))
    assert [trial_id for trial_id, _ in given] == ["old0", "old1"]


def test_a_class_without_room_holds_nothing_up() -> None:
    given = _given(_queue("aab"), seats_of([_device(room={A: 0})], ()))
    assert [trial_id for trial_id, _ in given] == ["st2"]


def test_one_that_must_run_alone_gets_a_device_to_itself() -> None:
    both = [_device("cuda:0"), _device("cuda:1")]
    assert _given(_queue("aAa"), seats_of(both, ())) == [("st0", "cuda:0"), ("st2", "cuda:1")]
    assert _given(_queue("Aa"), seats_of(both, ())) == [("st0", "cuda:0"), ("st1", "cuda:1")]
    assert _given(_queue("AA"), seats_of([_device()], ())) == [("st0", "cuda:0")]
    assert _given(_queue("A"), seats_of([_device()], [_attempt("cuda:0")])) == []
    assert _given(_queue("a"), seats_of([_device()], [_attempt("cuda:0", alone=True)])) == []


def test_what_failed_here_goes_last_and_elsewhere_where_it_would_begin_at_once() -> None:
    fresh, again = Queued("fresh", "st", A), Queued("again", "st", A, shunned=True)
    taken = Queued("taken", "st", A, rivals=1, shunned=True)
    assert elsewhere_first([again, taken, fresh]) == [fresh, again]
    assert elsewhere_first([Queued("other", "st", A, rivals=1)]) == [Queued("other", "st", A, rivals=1)]


@pytest.mark.parametrize(
    ("failed_on", "failed_at", "shunned"),
    [("", None, False), ("wk_1", 10.0, True), ("wk_2", 10.0, True), ("wk_1", 9.9, False), ("wk_3", 10.0, False)],
)
def test_a_node_shuns_for_a_while_what_failed_on_it(failed_on: str, failed_at: float | None, shunned: bool) -> None:
    trial = TrialRecord(
        "tr", "st", 0, "key", "lr_sweep", {}, Schedule(), 1, 0, 0.0, failed_on=failed_on, failed_at=failed_at
    )
    assert Enqueued(build.spec(), 0, Asker({"wk_1", "wk_2"}, 10.0))(trial).shunned is shunned
    assert not Enqueued(build.spec())(trial).shunned
