"""What a soak does to its processes, and when: drawn from a seed, so that a run can be had again. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Strike(StrEnum):
    """One fault. Its value is how the table names it."""

    KILL_SERVER = "server killed"
    RESTART_SERVER = "server restarted"
    KILL_WORKER = "worker killed"
    DRAIN_WORKER = "worker drained"
    KILL_RUN = "run killed"
    KILL_NURSERY = "nursery killed"
    PARTITION = "link stalled beyond a lease"
    CUT = "link cut"
    PAUSE = "study paused and resumed"
    RESTART_DATABASE = "database restarted"
    KILL_DATABASE = "database killed"
    GAVE_UP = "server ended without its database"
    """Not ours: it was started while the database was away, and is started again."""


_WEIGHTS = {
    Strike.KILL_SERVER: 4,
    Strike.RESTART_SERVER: 2,
    Strike.KILL_WORKER: 4,
    Strike.DRAIN_WORKER: 3,
    Strike.KILL_RUN: 3,
    Strike.KILL_NURSERY: 1,
    Strike.PARTITION: 3,
    Strike.CUT: 2,
    Strike.PAUSE: 2,
    Strike.RESTART_DATABASE: 3,
    Strike.KILL_DATABASE: 2,
}
STRIKES = tuple(_WEIGHTS)
OF_A_DATABASE_SERVER = (Strike.RESTART_DATABASE, Strike.KILL_DATABASE)
LONGEST_PAUSE_SECONDS = 3.0


@dataclass(frozen=True)
class Blow:
    """A strike, after a pause, at one of its possible victims; `chance` in [0, 1) chooses which."""

    pause_seconds: float
    strike: Strike
    chance: float


def blows(seed: int, strikes: Sequence[Strike] = STRIKES) -> Iterator[Blow]:
    """Yield blows without end; every kind comes once, in a drawn order, before chance alone decides."""
    draw = random.Random(seed)
    opening = draw.sample(strikes, len(strikes))
    weights = [_WEIGHTS[strike] for strike in strikes]
    while True:
        strike = opening.pop() if opening else draw.choices(strikes, weights)[0]
        yield Blow(draw.uniform(0.2, LONGEST_PAUSE_SECONDS), strike, draw.random())
