"""The throughput guard of a card: how many processes of one class may run there, found by trying one more."""

from __future__ import annotations

from collections.abc import Collection

from studies.contract.packing import RunProfile
from workers.pack import Pack
from workers.packing.climb import Climb
from workers.packing.sizes import is_users_own

SETTLED_SECONDS = 3.0
"""A process that is younger still loads its data, or has just made its first steps."""


class ThroughputGuard:
    """One climb for each class of runs, and way to train it, that says how fast it is; a function does not.

    Args:
        limit: most processes of the card.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._climbs: dict[tuple[str, str], Climb] = {}

    def bounded(self, profile: RunProfile) -> RunProfile:
        """Return the profile with the number of processes that may run now."""
        if is_users_own(profile.run_class):
            return profile
        return profile.model_copy(update={"processes": self._climb(profile).allowed})

    def watch(self, packs: Collection[Pack], profile: RunProfile, now: float) -> RunProfile:
        """Take a reading of the card; return the profile, with the best number of processes once that is known.

        Args:
            packs: all processes on the card.
            profile: of the class of one of them.
            now: monotonic seconds.
        """
        if all(_at_work(pack, profile, now) for pack in packs):
            rate = sum(pack.pace.samples_per_second for pack in packs if pack.pace)
            self._climbs[_key(profile)] = self._climb(profile).fed(len(packs), rate)
        found = self._climb(profile).found
        return profile if found is None else profile.model_copy(update={"processes": found})

    def _climb(self, profile: RunProfile) -> Climb:
        remembered = Climb.remembered(self._limit, profile.processes)
        return self._climbs.setdefault(_key(profile), remembered)


def _key(profile: RunProfile) -> tuple[str, str]:
    """How many processes pay depends on how each trains."""
    return profile.run_class, profile.engine


def _at_work(pack: Pack, profile: RunProfile, now: float) -> bool:
    """Whether a process is of that class, trains in that way, is full, and under way long enough to be judged."""
    full = len(pack.attempts) == pack.terms.width
    settled = pack.pace is not None and now - pack.launched_at > SETTLED_SECONDS
    alike = (pack.terms.run_class, pack.terms.engine) == _key(profile)
    return alike and not pack.terms.probe and full and settled
