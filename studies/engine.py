"""The shell around the core: load what is known of a study, decide, do it in one transaction; then tell Optuna.

Plain synchronous code without threads or clock: the service calls `Engine.tick` about twice a second. Several servers
may do so on one database, since a decision only counts at the version of the study that it was made on.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from studies.contract.study_file import StudySpec
from studies.core.actions import Action, Fail
from studies.core.decide import decide
from studies.core.sampling import Sampler
from studies.core.snapshot import Snapshot
from studies.errors import NotFound, StorageUnavailable
from studies.log_lines import bound
from studies.storage.port import SettledTrial, StudyStore

logger = logging.getLogger(__name__)

MAX_RACES = 5
"""How often a step decides anew because the study moved while it was deciding."""

MAX_STEPS = 20
"""Most steps of one study in one tick, so that none keeps the others waiting."""

MAX_FAILURES = 3
"""Ticks in a row in which a study may raise before it is failed."""

REFRESH_TICKS = 20
"""Every so many ticks all active studies are looked at, moved or not. Events can be missed: PostgreSQL may commit an
event after one with a greater id, and points that are reported close together share one event."""

MIRROR_BATCH = 50
"""Most trials of one study that are recorded with Optuna at once; on SQLite all other writers wait meanwhile."""

RECORDING_SECONDS = 0.2
"""How long a tick goes on to record settled trials with Optuna: studies wait meanwhile, so the rest is for the next."""

_EVENTS_PER_PAGE = 500
_SETTLING = frozenset({"study", "stage", "trial"})
"""Kinds of events after which trials may be settled."""

Decide = Callable[[Snapshot, Sampler], tuple[Action, ...]]


class Mirror(Protocol):
    """Where settled trials are recorded besides our own tables; `OptunaMirror` is the one there is."""

    def write(
        self, study_name: str, direction: Literal["maximize", "minimize"], trials: Sequence[SettledTrial]
    ) -> Mapping[str, int]:
        """Record the trials, each once however often it is given; return the number of each by trial id."""

    def close(self) -> None: ...


class Engine:
    """Moves studies on.

    Args:
        store: where studies live.
        sampler: where stages that search at random get their points from.
        mirror: where settled trials are recorded.
        decision: what to do about a study; another one than the core's is for tests.
        clock: seconds since any moment, by which the time for recording is measured.
    """

    def __init__(
        self,
        store: StudyStore,
        sampler: Sampler,
        mirror: Mirror,
        decision: Decide = decide,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sampler = sampler
        self._mirror = mirror
        self._decide = decision
        self._clock = clock
        self._ticks = 0
        self._last_event: int | None = None
        self._due: set[str] = set()
        self._unmirrored: set[str] = set()
        self._unrecorded: set[str] = set()
        self._specs: dict[str, StudySpec] = {}
        self._failures: Counter[str] = Counter()
        self._away = True

    def tick(self) -> None:
        """Expire leases, move every study of which there is news, and record what has settled.

        A study that raises does not keep the others from moving: it is tried again, and failed with the reason after
        `MAX_FAILURES` ticks in a row. Nor does one part of a tick keep the next from being done. The first tick, and
        the first after the database was away, excuses workers that have not been heard of meanwhile: nobody was there
        to hear them.

        Raises:
            StorageUnavailable: the database does not answer; nothing is lost, the next tick goes on.
        """
        try:
            self._do_all(self._tend_leases, self._store.review_quarantine, self._move_studies, self._record_for_a_while)
        except StorageUnavailable:
            self._away = True
            raise

    def _do_all(self, *parts: Callable[[], object]) -> None:
        """Do every part, then raise the first error, unless what was to blame for it is now out of the way."""
        errors = []
        for part in parts:
            try:
                part()
            except StorageUnavailable:
                raise
            except Exception as error:
                logger.exception("a part of the tick failed")
                errors.append(error)
        if errors and not self._store.isolate():
            raise errors[0]

    def _tend_leases(self) -> None:
        if self._away:
            self._store.extend_leases()
            self._away = False
        self._store.expire_leases()

    def _move_studies(self) -> None:
        self._take_news()
        active = self._store.active_studies()
        self._due.intersection_update(active)
        for study_id in active:
            if study_id in self._due:
                with bound(study=study_id):
                    self._advance(study_id)

    def step(self, study_id: str) -> bool:
        """Decide once and do it; return whether the study moved, by us or by another, so that asking again is due."""
        for _ in range(MAX_RACES):
            known = self._store.load(study_id)
            actions = self._decide(known.snapshot, self._sampler)
            if not actions:
                return False
            if self._store.apply(study_id, known.version, actions):
                return True
        return True

    def flush(self, more: Callable[[], bool] = lambda: True) -> bool:
        """Record what has settled, as long as `more` allows; return whether nothing is left to record.

        For a program that ends: what is left is recorded when an engine works on this store again.

        Args:
            more: asked before every round of at most `MIRROR_BATCH` trials a study.

        Raises:
            StorageUnavailable: as `tick`.
        """
        self._take_news()
        self._record_while(more)
        return not self._unmirrored

    def close(self) -> None:
        """Give the mirror's connections back; the store is the caller's."""
        self._mirror.close()

    # --- news ----------------------------------------------------------------------------------------------------

    def _take_news(self) -> None:
        """Note which studies to look at: those with events since the last tick, and now and then all of them."""
        refresh = self._ticks % REFRESH_TICKS == 0
        self._ticks += 1
        if self._last_event is None:
            self._last_event = self._store.last_event_id()
            self._unmirrored.update(study.id for study in self._store.list_studies())
        else:
            self._read_events(self._last_event)
        if refresh:
            active = self._store.active_studies()
            self._due.update(active)
            self._unmirrored.update(active, self._unrecorded)
            self._unrecorded.clear()

    def _read_events(self, last: int) -> None:
        while events := self._store.events(None, after=last, limit=_EVENTS_PER_PAGE):
            last = self._last_event = events[-1].id
            self._due.update(event.study_id for event in events)
            self._unmirrored.update(event.study_id for event in events if event.kind in _SETTLING)

    # --- one study -----------------------------------------------------------------------------------------------

    def _advance(self, study_id: str) -> None:
        """Step a study until it waits for something; one that still moves after `MAX_STEPS` stays due."""
        try:
            if not any(not self.step(study_id) for _ in range(MAX_STEPS)):
                return
        except StorageUnavailable:
            raise
        except Exception as error:
            self._count_failure(study_id, error)
            return
        self._due.discard(study_id)
        self._failures.pop(study_id, None)

    def _count_failure(self, study_id: str, error: Exception) -> None:
        if self._store.isolate():
            return
        self._failures[study_id] += 1
        logger.exception("study %s could not be moved (%d. time in a row)", study_id, self._failures[study_id])
        if self._failures[study_id] >= MAX_FAILURES:
            self._due.discard(study_id)
            self._give_up(study_id, error)

    def _give_up(self, study_id: str, error: Exception) -> None:
        """Fail a study, unless not even that can be done; then it is left until there is news of it."""
        reason = (
            f"Stagetune could not decide how to go on ({type(error).__name__}: {error}). "
            "The server's log has the details; submit the study again under another name once that is mended."
        )
        try:
            known = self._store.load(study_id)
            self._store.apply(study_id, known.version, [Fail(reason)])
        except StorageUnavailable:
            raise
        except Exception:
            logger.exception("study %s cannot even be failed", study_id)

    # --- Optuna's record -----------------------------------------------------------------------------------------

    def _record_for_a_while(self) -> None:
        deadline = self._clock() + RECORDING_SECONDS
        self._record_while(lambda: self._clock() < deadline)

    def _record_while(self, more: Callable[[], bool]) -> None:
        """Record batch by batch, study after study, until nothing is left or `more` says that it is enough."""
        while self._unmirrored and more():
            for study_id in sorted(self._unmirrored):
                with bound(study=study_id):
                    self._record(study_id)

    def _record(self, study_id: str) -> None:
        """Record a study's settled trials; what fails is tried again with the next news or refresh."""
        try:
            settled = self._store.settled_trials(study_id, limit=MIRROR_BATCH + 1)
            if settled:
                self._store.mark_mirrored(self._written(self._spec(study_id), settled[:MIRROR_BATCH]))
        except StorageUnavailable:
            raise
        except NotFound:
            settled = []  # it was pruned meanwhile: there is nothing left to record
        except Exception:
            logger.exception("the trials of study %s could not be recorded with Optuna", study_id)
            settled = []
            self._unrecorded.add(study_id)
        if len(settled) <= MIRROR_BATCH:
            self._unmirrored.discard(study_id)

    def _spec(self, study_id: str) -> StudySpec:
        """Return what the study was submitted as, which never changes."""
        if study_id not in self._specs:
            self._specs[study_id] = self._store.get_study(study_id).spec
        return self._specs[study_id]

    def _written(self, spec: StudySpec, trials: Sequence[SettledTrial]) -> dict[str, int]:
        """Hand trials to Optuna; where that fails one by one, so that one it refuses does not hold back the others."""
        try:
            return dict(self._mirror.write(spec.name, spec.metric.direction, trials))
        except StorageUnavailable:
            raise
        except Exception:
            if len(trials) == 1:
                raise
            return self._written_singly(spec, trials)

    def _written_singly(self, spec: StudySpec, trials: Sequence[SettledTrial]) -> dict[str, int]:
        numbers: dict[str, int] = {}
        refused: Exception | None = None
        for trial in trials:
            try:
                numbers |= self._mirror.write(spec.name, spec.metric.direction, [trial])
            except StorageUnavailable:
                raise
            except Exception as error:
                logger.exception("Optuna refuses trial %s of study %s", trial.trial_id, spec.name)
                refused = error
        if refused is not None and not numbers:
            raise refused
        return numbers
