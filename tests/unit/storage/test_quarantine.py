"""When a node is quarantined and when it is let go: the rule alone, in tables and against every history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.states import AttemptState, WorkerHold
from studies.contract.study_file import FunctionObjective
from studies.storage.quarantine import (
    FAILURES_IN_A_ROW,
    REMEMBERED,
    after_end,
    drained,
    guilt,
    inherited,
    innocent,
    pardoned,
    quarantined,
    released,
)
from studies.storage.records import AttemptRecord, WorkerRecord

OBJECTIVES = [FunctionObjective(kind="function", target="train.py:train")]
ROW = ("t1", "t2", "t3")
ENDED = [state for state in AttemptState if state is not AttemptState.RUNNING]


def node(name: str, *failing: str, allow: str = "*", **fields: Any) -> WorkerRecord:
    return WorkerRecord(f"wk_{name}", name, f"{name}.example", "", (), (allow,), 0.0, 0.0, failing=failing, **fields)


def ended(state: AttemptState, trial_id: str = "t", *, alone: bool = False) -> AttemptRecord:
    return AttemptRecord("at", trial_id, "st", 0, "wk", "cpu", "token", 0.0, 0.0, state=state, alone=alone)


@pytest.mark.parametrize(
    ("state", "alone", "after"),
    [
        (AttemptState.COMPLETED, False, ()),
        (AttemptState.DIVERGED, False, ()),
        (AttemptState.FAILED, False, ("t0", "t")),
        (AttemptState.EVICTED, True, ("t0", "t")),
        (AttemptState.EVICTED, False, ("t0",)),
        (AttemptState.STOPPED, False, ("t0",)),
        (AttemptState.PREEMPTED, False, ("t0",)),
        (AttemptState.EXPIRED, False, ("t0",)),
    ],
)
def test_what_the_end_of_an_attempt_does_to_the_row(state: AttemptState, alone: bool, after: tuple[str, ...]) -> None:
    assert after_end(("t0",), ended(state, alone=alone)) == after


GOOD, BAD = node("good"), node("bad", *ROW)
HELD = quarantined(BAD, "why", 1.0)


@pytest.mark.parametrize(
    ("worker", "shared", "peers", "guilty"),
    [
        pytest.param(BAD, (), [BAD, GOOD], True, id="three of its own, one other stands by"),
        pytest.param(node("bad", "t1", "t2"), (), [GOOD], False, id="two"),
        pytest.param(BAD, ("t2",), [GOOD], False, id="one of three failed elsewhere too"),
        pytest.param(node("bad", *ROW, "t4"), ("t2",), [GOOD], True, id="one of four failed elsewhere too"),
        pytest.param(BAD, (), [BAD], False, id="nobody else"),
        pytest.param(BAD, (), [replace(GOOD, hostname=BAD.hostname, name=BAD.name)], False, id="itself, twice"),
        pytest.param(BAD, (), [node("good", allow="other.py:*")], False, id="the other cannot run this"),
        pytest.param(BAD, (), [drained(GOOD, 1.0)], False, id="the other drains"),
        pytest.param(BAD, (), [node("too", "t4", "t5", "t6")], False, id="the other fails as well"),
        pytest.param(BAD, (), [node("too", "t4", "t5", "t6"), GOOD], True, id="one of two others fails as well"),
        pytest.param(drained(BAD, 1.0), (), [GOOD], False, id="it drains"),
        pytest.param(HELD, (), [GOOD], False, id="it is in quarantine already"),
    ],
)
def test_who_is_quarantined(
    worker: WorkerRecord, shared: tuple[str, ...], peers: list[WorkerRecord], guilty: bool
) -> None:
    because = guilt(worker, shared, peers, OBJECTIVES)
    assert bool(because) == guilty
    assert not guilty or "good" in because


@pytest.mark.parametrize(
    ("worker", "shared", "peers", "free"),
    [
        pytest.param(HELD, (), [HELD, GOOD], False, id="nothing has changed"),
        pytest.param(HELD, (), [HELD], False, id="the others have gone"),
        pytest.param(HELD, ("t1",), [GOOD], True, id="a trial failed elsewhere too"),
        pytest.param(replace(HELD, failing=()), (), [], True, id="a run went well after all"),
        pytest.param(HELD, (), [node("too", "t4", "t5", "t6")], True, id="every other fails as well"),
        pytest.param(HELD, (), [node("too", "t4", "t5", "t6"), GOOD], False, id="one of two others fails as well"),
    ],
)
def test_who_is_let_go(worker: WorkerRecord, shared: tuple[str, ...], peers: list[WorkerRecord], free: bool) -> None:
    assert innocent(worker, shared, peers, OBJECTIVES) is free


def test_a_pardon_keeps_the_row_and_a_release_does_not() -> None:
    assert pardoned(HELD, ("t1",)) == replace(BAD, failing=("t2", "t3"))
    assert released(HELD) == replace(BAD, failing=())


def test_what_a_node_that_starts_again_takes_along() -> None:
    fresh = node("bad")
    assert inherited(fresh, None) == fresh
    assert inherited(fresh, HELD) == replace(HELD, id=fresh.id)
    assert inherited(fresh, drained(BAD, 1.0)) == replace(fresh, failing=ROW)


def test_draining_a_held_worker_changes_nothing() -> None:
    assert drained(HELD, 2.0) == HELD
    assert drained(GOOD, 2.0).hold is WorkerHold.DRAINING


Ends = st.lists(st.tuples(st.sampled_from(ENDED), st.integers(0, 40).map(str), st.booleans()), max_size=80)


@given(Ends)
def test_a_row_holds_distinct_trials_since_the_last_success(ends: list[tuple[AttemptState, str, bool]]) -> None:
    row: tuple[str, ...] = ()
    since: set[str] = set()
    for state, trial_id, alone in ends:
        row = after_end(row, ended(state, trial_id, alone=alone))
        since = set() if state in (AttemptState.COMPLETED, AttemptState.DIVERGED) else since
        failed = state is AttemptState.FAILED or (state is AttemptState.EVICTED and alone)
        since = since | {trial_id} if failed else since
        assert len(row) == len(set(row)) <= REMEMBERED
        assert set(row) <= since
        assert set(row) == since or len(since) > REMEMBERED


Rows = st.lists(st.sets(st.integers(0, 12).map(str), max_size=6), min_size=1, max_size=5)


@given(Rows)
def test_never_is_everybody_quarantined(rows: list[set[str]]) -> None:
    """Judged one after the other, in whatever order they fail: one that could take the trials always stays."""
    nodes = [node(str(number), *sorted(row)) for number, row in enumerate(rows)]
    for position, worker in enumerate(nodes):
        elsewhere = {trial for other in nodes if other is not worker for trial in other.failing}
        because = guilt(worker, set(worker.failing) & elsewhere, nodes, OBJECTIVES)
        if because:
            assert len(set(worker.failing) - elsewhere) >= FAILURES_IN_A_ROW
            nodes[position] = quarantined(worker, because, 0.0)
    assert any(worker.hold is None for worker in nodes)


@given(st.integers(1, 5), st.integers(1, 40))
def test_a_study_that_fails_everywhere_ends_with_every_node_free(nodes: int, trials: int) -> None:
    """Each trial fails on one node alone, the hardest case, with a review after every one."""
    workers = {name: node(name) for name in map(str, range(nodes))}
    for number in range(trials):
        able = [name for name, worker in workers.items() if worker.hold is None]
        name = able[number % len(able)]
        worker = replace(
            workers[name], failing=after_end(workers[name].failing, ended(AttemptState.FAILED, str(number)))
        )
        because = guilt(worker, (), workers.values(), OBJECTIVES)
        workers[name] = quarantined(worker, because, 0.0) if because else worker
        for held in [item for item in workers.values() if item.hold is not None]:
            if innocent(held, (), workers.values(), OBJECTIVES):
                workers[held.name] = pardoned(held, ())
    assert any(worker.hold is None for worker in workers.values())
    everyone_failed = trials >= 2 * FAILURES_IN_A_ROW * nodes
    assert not everyone_failed or all(worker.hold is None for worker in workers.values())
