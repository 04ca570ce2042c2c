"""A taste of `make soak`: the same blows for half a minute, with a seed that stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.storage import upgrade_database
from tests.faults.soak.soak import soak
from tests.faults.soak.strikes import OF_A_DATABASE_SERVER, STRIKES, Strike, blows
from tests.faults.soak.table import table

SECONDS = 15.0
SEED = 20


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_short_soak_violates_nothing(sqlite_url: str, tmp_path: Path) -> None:
    upgrade_database(sqlite_url)
    result = soak(sqlite_url, tmp_path, seconds=SECONDS, seed=SEED)
    assert not result.violations, table([result])
    assert sum(result.strikes.values()) >= 2, table([result])


def test_a_seed_draws_the_same_blows_again_and_every_kind_comes_first_once() -> None:
    kinds = [strike for strike in STRIKES if strike not in OF_A_DATABASE_SERVER]
    first, again, other = (blows(seed, kinds) for seed in (1, 1, 2))
    drawn = [next(first) for _ in range(30)]
    assert drawn == [next(again) for _ in range(30)]
    assert drawn != [next(other) for _ in range(30)]
    assert {blow.strike for blow in drawn[: len(kinds)]} == set(kinds)
    assert Strike.KILL_DATABASE not in {blow.strike for blow in drawn}
