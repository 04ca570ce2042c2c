"""A server that dies at every statement and commit there is: started again it goes on, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from functools import cache

import pytest
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import event

from studies.contract.states import AttemptState, TrialState
from studies.engine import Engine
from studies.storage import open_store
from studies.storage.optuna_bridge.mirror import OptunaMirror
from studies.storage.sql import store
from tests.faults.crash_points import LEASE_SECONDS, Due, Fate, World, decide, fated, no_sampler
from tests.invariant import assert_whole

PERIOD = 23
"""A server lives for so many moments; longer than any one thing that it has to do takes, or it would never get on."""

GROUPS = 4
"""Tests that share the runs."""

RECORDING_PERIOD = 41
FIRST_DEATH = 7

E = AttemptState
ATTEMPTS = {
    "falls-silent": [E.EXPIRED, E.COMPLETED],
    "fails-once": [E.FAILED, E.COMPLETED],
    "fails-twice": [E.FAILED, E.FAILED],
    "diverges": [E.DIVERGED],
    "completes": [E.COMPLETED],
    "last": [E.COMPLETED],
}
"""How every trial goes, whatever becomes of the server."""


@pytest.fixture(autouse=True)
def _compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a store that is opened again find its statements compiled: that is most of what opening one takes.

    Here processes die, not machines: nothing has to reach the disk.
    """
    make_engine = store.make_engine

    @cache
    def quick(url: str) -> SqlEngine:
        engine = make_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
        return engine

    monkeypatch.setattr(store, "make_engine", quick)


def live(database: str, name: str, due: Due, *, recording: bool) -> tuple[World, Fate]:
    """Let a study live through its server's deaths."""
    with fated(due) as fate:
        world = World(database, fate, name, recording=recording)
        world.live()
    return world, fate


def assert_lived(database: str, worlds: Iterable[World]) -> None:
    """Hold studies to what was promised, once a server has had the time to record what is left."""
    with closing(open_store(database, LEASE_SECONDS)) as opened, closing(OptunaMirror(database)) as mirror:
        assert Engine(opened, no_sampler, mirror, decide).flush()
        for world in worlds:
            trials = assert_whole(opened, world.study_id, database, ledger=world.ledger)
            assert {trial.key: [attempt.state for attempt in trial.attempts] for trial in trials} == ATTEMPTS
            assert {trial.key for trial in trials if trial.state is TrialState.FAILED} == {"fails-twice"}


@pytest.mark.parametrize("begin", [0, *(pytest.param(begin, marks=pytest.mark.long) for begin in range(1, GROUPS))])
def test_every_moment_of_the_store_and_the_engine(sqlite_store_url: str, begin: int) -> None:
    """Each run dies at every 23rd moment, and each of the 23 begins one later: together they die at every one."""
    _die_every_period(sqlite_store_url, range(begin, PERIOD, GROUPS))


@pytest.mark.long
def test_moments_of_the_store_and_the_engine_on_postgres(postgres_store_url: str) -> None:
    _die_every_period(postgres_store_url, range(0, PERIOD, 2 * GROUPS))


def _die_every_period(database: str, firsts: Iterable[int]) -> None:
    lived = [
        live(database, f"at-{first}", lambda moment, first=first: moment % PERIOD == first, recording=False)
        for first in firsts
    ]
    assert min(fate.deaths for _, fate in lived) > 1
    assert_lived(database, [world for world, _ in lived])


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_moments_of_optunas_record(request: pytest.FixtureRequest, database: str) -> None:
    url = request.getfixturevalue(f"{database}_store_url")
    world, fate = live(url, "recorded", lambda moment: moment % RECORDING_PERIOD == FIRST_DEATH, recording=True)
    assert fate.deaths
    assert_lived(url, [world])
