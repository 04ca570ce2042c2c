"""A server that dies at every statement and commit there is: started again it goes on by itself, and nothing is lost."""

from __future__ import annotations

import time

from studies.storage import open_store
from tests.faults.crash_points import LEASE_SECONDS, World, fated
from tests.invariant import assert_whole


def test_measure(database):
    began = time.monotonic()
    with fated(lambda moment: False) as fate:
        world = World(database, fate)
        world.live()
    print(fate.moments, time.monotonic() - began)
    store = open_store(database, LEASE_SECONDS)
    trials = assert_whole(store, world.study_id, database, ledger=world.ledger)
    print([(t.key, t.state, [a.state for a in t.attempts]) for t in trials])
    store.close()
    for step in (61, 83, 97):
        pass
