"""The store on SQLite or PostgreSQL: each method one transaction, its work in the modules beside this one."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from studies.contract.states import StudyCommand, TrialState
from studies.contract.study_file import StageKind, StudySpec
from studies.contract.study_query import StudyPage, StudyQuery
from studies.contract.trial_query import TrialQuery
from studies.contract.views import (
    DecisionRecord,
    Event,
    LogPage,
    ProfileView,
    StudySummary,
    StudyView,
    TrialDetail,
    TrialPage,
    TrialView,
    WorkerView,
)
from studies.contract.worker_protocol import CheckpointInfo, RegisterWorker, SyncAnswer, SyncRequest
from studies.core import listing as core_listing
from studies.core.actions import Action
from studies.core.snapshot import Curve, Snapshot
from studies.errors import StagetuneError
from studies.storage import presenting
from studies.storage.census import Census
from studies.storage.credentials import Credentials
from studies.storage.port import (
    Created,
    DeviceRun,
    DeviceUse,
    Known,
    KnownParam,
    Pruned,
    Queues,
    RunFailure,
    Scores,
    SettledTrial,
    Span,
    Thinned,
    TrialFace,
    TrialResult,
)
from studies.storage.records import StudyRecord
from studies.storage.sql import (
    asking,
    census,
    changes,
    checkpoints,
    decisions,
    devices,
    events,
    finding,
    leases,
    listing,
    logs,
    metrics,
    overview,
    poison,
    profiles,
    pruning,
    quarantine,
    rehearsal,
    studies,
    trials,
    waiting,
    workers,
)
from studies.storage.sql.credentials import SqlCredentials
from studies.storage.sql.device_times import DeviceTimes
from studies.storage.sql.engine import make_engine, reading, writing
from studies.storage.sql.schema import check_schema
from studies.storage.sql.study_cache import StudyCache
from studies.storage.sql.sync import sync
from studies.storage.sql.tally_cache import TallyCache
from studies.storage.work_done import WorkDone, WorkLog

logger = logging.getLogger(__name__)


class SqlStore:
    """A `StudyStore` on a database whose schema `upgrade_database` has brought up to date.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user@host/database``.
        lease_seconds: for how long a lease holds without a sync, by the database's clock.
    """

    def __init__(self, url: str, lease_seconds: float = 30.0) -> None:
        self._engine = make_engine(url)
        self._tallies = TallyCache()
        self._device_times = DeviceTimes()
        self._lease_seconds = lease_seconds
        self._cache = StudyCache()
        self._credentials = SqlCredentials(self._engine)
        self._work = WorkLog()

    @property
    def credentials(self) -> Credentials:
        return self._credentials

    # --- studies -------------------------------------------------------------------------------------------------

    def create_study(self, spec: StudySpec, idempotency_key: str | None = None, owner: str = "") -> Created:
        try:
            with writing(self._engine) as connection:
                return studies.create(connection, spec, idempotency_key, owner)
        except IntegrityError:
            return self._created_meanwhile(spec, idempotency_key)

    def _created_meanwhile(self, spec: StudySpec, idempotency_key: str | None) -> Created:
        """Another server was faster with this name or key: answer as if it had been there all along."""
        with reading(self._engine) as connection:
            seen = studies.known(connection, spec, idempotency_key)
        if seen is None:
            raise RuntimeError(f"study {spec.name} could be neither created nor found")
        return seen

    def list_studies(self, limit: int | None = None, name: str | None = None) -> Sequence[StudySummary]:
        with reading(self._engine) as connection:
            return self._summaries(connection, studies.newest_first(connection, limit, name))

    def _summaries(self, connection: Connection, found: Sequence[StudyRecord]) -> list[StudySummary]:
        pictures = studies.pictures(connection, found, self._tallies, self._device_times)
        return [presenting.study_summary(picture) for picture in pictures]

    def find_studies(self, query: StudyQuery) -> StudyPage:
        with reading(self._engine) as connection:
            cards = listing.cards(connection)
            found = core_listing.found(cards, query)
            worth = listing.worth(connection, found, query, self._device_times)
            ordered = core_listing.in_order(found, query.sort, worth)[query.offset : query.offset + query.limit]
            page = self._summaries(connection, listing.named(connection, [card.id for card in ordered]))
        facets = core_listing.facets(cards, archived=query.archived)
        return StudyPage(studies=tuple(page), total=len(found), facets=facets)

    def get_study(self, study_id: str) -> StudyView:
        with reading(self._engine) as connection:
            return self._view(connection, studies.get(connection, study_id))

    def _view(self, connection: Connection, study: StudyRecord) -> StudyView:
        (picture,) = studies.pictures(connection, [study], self._tallies, self._device_times)
        return presenting.study_view(picture, waiting.of_study(connection, study, self._lease_seconds))

    def find_study(self, name: str) -> str | None:
        with reading(self._engine) as connection:
            return studies.find(connection, name)

    def command(self, study_id: str, command: StudyCommand) -> StudyView:
        with writing(self._engine) as connection:
            changes.command(connection, study_id, command)
        return self.get_study(study_id)

    # --- the engine's side ---------------------------------------------------------------------------------------

    def active_studies(self) -> Sequence[str]:
        with reading(self._engine) as connection:
            active = studies.active(connection)
        self._cache.keep(active)
        return active

    def load(self, study_id: str) -> Known:
        with self._cache.turn(), reading(self._engine) as connection:
            study = studies.get(connection, study_id)
            stages = studies.stages(connection, study_id)
            snapshot = Snapshot(
                study_id=study.id,
                spec=study.spec,
                state=study.state,
                stages=tuple(presenting.core_stage(stage) for stage in stages),
                trials=self._cache.trials(connection, study_id),
            )
        return Known(snapshot, study.version)

    def apply(self, study_id: str, version: int, actions: Sequence[Action]) -> bool:
        with writing(self._engine) as connection:
            return changes.apply(connection, study_id, version, actions)

    def settled_trials(self, study_id: str, limit: int | None = None) -> Sequence[SettledTrial]:
        with reading(self._engine) as connection:
            return trials.settled(connection, studies.get(connection, study_id), limit)

    def mark_mirrored(self, numbers: Mapping[str, int]) -> None:
        with writing(self._engine) as connection:
            trials.mark_mirrored(connection, numbers)

    def expire_leases(self) -> int:
        with reading(self._engine) as connection:
            if not leases.any_overdue(connection):
                return 0
        done = WorkDone()
        with writing(self._engine) as connection:
            count = leases.expire(connection, done)
        self._work.add(done)
        return count

    def isolate(self) -> int:
        with writing(self._engine) as connection:
            return poison.isolate(connection)

    def extend_leases(self) -> None:
        with writing(self._engine) as connection:
            leases.extend(connection, self._lease_seconds)

    # --- trials --------------------------------------------------------------------------------------------------

    def list_trials(self, study_id: str, after: int | None = None, limit: int = 100) -> TrialPage:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return trials.page(connection, study_id, after, limit)

    def find_trials(self, study_id: str, query: TrialQuery) -> TrialPage:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return finding.page(connection, study_id, query)

    def find_numbers(self, study_id: str, query: TrialQuery) -> Sequence[int]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return asking.numbers(connection, study_id, query)

    def get_trial(self, trial_id: str) -> TrialDetail:
        with reading(self._engine) as connection:
            because = waiting.of_trial(connection, trials.get(connection, trial_id), self._lease_seconds)
            return trials.detail(connection, trial_id, because)

    def curve(self, trial_id: str, name: str) -> Curve:
        with reading(self._engine) as connection:
            trials.get(connection, trial_id)
            found = metrics.curves(connection, [trial_id], name)
            return found.get(trial_id, {}).get(name, Curve.empty())

    def curves(self, study_id: str, name: str, only: Collection[str] | None = None) -> Mapping[str, Curve]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            ids = trials.ids_of_study(connection, study_id, only)
            found = metrics.curves(connection, ids, name)
            return {trial_id: found[trial_id][name] for trial_id in ids if name in found.get(trial_id, {})}

    def log(self, trial_id: str, offset: int = 0, limit: int = 65_536) -> LogPage:
        with reading(self._engine) as connection:
            trials.get(connection, trial_id)
            return logs.page(connection, trial_id, offset, limit)

    def decisions(self, study_id: str) -> Sequence[DecisionRecord]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return decisions.of_study(connection, study_id)

    # --- what a page shows of a study of any size ----------------------------------------------------------------

    def trial_numbers(self, trial_ids: Collection[str]) -> Mapping[str, int]:
        with reading(self._engine) as connection:
            return overview.numbers(connection, trial_ids)

    def trials_numbered(self, study_id: str, numbers: Collection[int]) -> Sequence[TrialView]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return overview.numbered(connection, study_id, numbers)

    def same_configuration(self, trial_id: str, limit: int) -> Sequence[TrialView]:
        with reading(self._engine) as connection:
            return overview.same_configuration(connection, trials.get(connection, trial_id), limit)

    def metric_names(self, study_id: str) -> Sequence[str]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return overview.metric_names(connection, study_id)

    def known_params(self, study_id: str) -> Sequence[KnownParam]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return presenting.known_params(finding.configurations(connection, study_id))

    def best_trials(self, study_id: str, limit: int) -> Sequence[TrialView]:
        with reading(self._engine) as connection:
            return overview.best(connection, studies.get(connection, study_id), limit)

    def running_trials(self, study_id: str, limit: int) -> Sequence[TrialView]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return overview.running(connection, study_id, limit)

    def sample_trials(self, study_id: str, stage: StageKind, most: int) -> Sequence[TrialView]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return overview.sample(connection, study_id, stage, most)

    def scores(self, study_id: str, stage: StageKind) -> Scores:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return overview.scores(connection, study_id, stage)

    def results(self, study_id: str, most: int, stage: StageKind | None = None) -> Sequence[TrialResult]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return overview.results(connection, study_id, most, stage)

    def thinned_curves(self, study_id: str, name: str, most: int) -> Sequence[Thinned]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return overview.thinned(connection, study_id, name, most)

    def trial_states(self, study_id: str) -> Mapping[TrialState, int]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return overview.states(connection, study_id)

    # --- what a page shows of devices ----------------------------------------------------------------------------

    def runs_on(self, worker_id: str, device: str, within: Span, most: int) -> Sequence[DeviceRun]:
        with reading(self._engine) as connection:
            return devices.runs(connection, worker_id, device, within, most)

    def failures_on(self, worker_id: str, most: int) -> Sequence[RunFailure]:
        with reading(self._engine) as connection:
            return devices.failures(connection, worker_id, most)

    def trial_faces(self, trial_ids: Collection[str]) -> Mapping[str, TrialFace]:
        with reading(self._engine) as connection:
            return devices.faces(connection, trial_ids)

    def queues(self, most: int) -> Queues:
        with reading(self._engine) as connection:
            return waiting.queues(connection, self._lease_seconds, most)

    def device_use(self, study_id: str) -> Sequence[DeviceUse]:
        with reading(self._engine) as connection:
            studies.get(connection, study_id)
            return overview.device_use(connection, study_id)

    # --- workers -------------------------------------------------------------------------------------------------

    def register_worker(self, worker: RegisterWorker) -> str:
        with writing(self._engine) as connection:
            return workers.register(connection, worker)

    def sync(self, worker_id: str, request: SyncRequest) -> SyncAnswer:
        (answer,) = self.sync_all([(worker_id, request)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sync_all(self, news: Sequence[tuple[str, SyncRequest]]) -> Sequence[SyncAnswer | Exception]:
        """Take the news of workers; what nobody foresaw in one report or one row does not hold back the rest."""
        try:
            return self._sync(news)
        except StagetuneError:
            raise
        except Exception:
            logger.exception("the news of %d workers cannot be taken as they are", len(news))
            return [self._sync_warily(*item) for item in news]

    def _sync_warily(self, worker_id: str, request: SyncRequest) -> SyncAnswer | Exception:
        try:
            return self._sync([(worker_id, request)])[0]
        except StagetuneError:
            raise
        except Exception:
            logger.exception("the news of worker %s are tried report by report", worker_id)
        try:
            if not self.isolate():
                request = rehearsal.without_poison(self._engine, worker_id, request, self._lease_seconds)
            return self._sync([(worker_id, request)])[0]
        except StagetuneError:
            raise
        except Exception as error:  # it is raised for the one whose it is
            return error

    def _sync(self, news: Sequence[tuple[str, SyncRequest]]) -> Sequence[SyncAnswer | Exception]:
        done = WorkDone()
        with writing(self._engine) as connection:
            answers = sync(connection, news, self._lease_seconds, done)
        self._work.add(done)
        return answers

    def keep_checkpoint(self, attempt_id: str, token: str, info: CheckpointInfo) -> CheckpointInfo | None:
        with writing(self._engine) as connection:
            return checkpoints.keep(connection, attempt_id, token, info)

    def kept_checkpoint(self, attempt_id: str, token: str) -> CheckpointInfo | None:
        with reading(self._engine) as connection:
            return checkpoints.kept(connection, attempt_id, token)

    def retire_checkpoints(self) -> Mapping[str, CheckpointInfo]:
        with writing(self._engine) as connection:
            return checkpoints.retire(connection)

    def list_workers(self) -> Sequence[WorkerView]:
        with reading(self._engine) as connection:
            return workers.views(connection, self._lease_seconds)

    def drain_worker(self, worker_id: str) -> WorkerView:
        with writing(self._engine) as connection:
            quarantine.drain(connection, worker_id)
            return workers.view(connection, worker_id, self._lease_seconds)

    def release_worker(self, worker_id: str) -> WorkerView:
        with writing(self._engine) as connection:
            quarantine.release(connection, worker_id)
            return workers.view(connection, worker_id, self._lease_seconds)

    def review_quarantine(self) -> int:
        with reading(self._engine) as connection:
            if not quarantine.any_quarantined(connection):
                return 0
        with writing(self._engine) as connection:
            return quarantine.review(connection, self._lease_seconds)

    def list_profiles(self) -> Sequence[ProfileView]:
        with reading(self._engine) as connection:
            return profiles.views(connection)

    # --- events --------------------------------------------------------------------------------------------------

    def events(self, study_id: str | None, after: int, limit: int = 500) -> Sequence[Event]:
        with events.settled(self._engine) as connection:
            return events.later_than(connection, study_id, after, limit)

    def last_event_id(self) -> int:
        with events.settled(self._engine) as connection:
            return events.last_id(connection)

    # --- what is old ---------------------------------------------------------------------------------------------

    def prune(self, older_than: float, *, dry_run: bool = False) -> Pruned:
        return pruning.prune(self._engine, self._tallies, older_than, dry_run=dry_run)

    def compact(self) -> int:
        return pruning.compact(self._engine)

    # --- operations ----------------------------------------------------------------------------------------------

    @property
    def work(self) -> WorkLog:
        return self._work

    def census(self) -> Census:
        with reading(self._engine) as connection:
            return census.take(connection, self._lease_seconds)

    def check(self) -> None:
        with reading(self._engine) as connection:
            check_schema(connection)

    def close(self) -> None:
        self._engine.dispose()
