"""The port as a client sees it: what the REST API exposes goes through it, the engine's side straight to the store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import numpy as np
from pydantic import TypeAdapter

from service.app import create_app
from service.client import parameters
from service.settings import Settings
from studies import errors
from studies.contract.states import StudyCommand, TrialState
from studies.contract.study_document import to_document
from studies.contract.study_file import Metric, StageKind, StudySpec
from studies.contract.study_query import StudyPage, StudyQuery
from studies.contract.trial_query import TrialQuery
from studies.contract.views import (
    CurveView,
    DecisionRecord,
    Event,
    LogPage,
    Problem,
    ProfileView,
    StudySummary,
    StudyView,
    TrialDetail,
    TrialPage,
    TrialView,
    WorkerView,
)
from studies.contract.worker_protocol import CheckpointInfo, RegisterWorker, SyncAnswer, SyncRequest, WorkerRegistered
from studies.core.actions import Action
from studies.core.query import Vocabulary, filter_text, term_text
from studies.core.snapshot import Curve
from studies.storage import StudyStore
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
from studies.storage.work_done import WorkLog
from tests.asgi import client_of

ALL_POINTS = 100_000

_ERRORS: dict[str, type[errors.StagetuneError]] = {
    "not-found": errors.NotFound,
    "name-taken": errors.NameTaken,
    "idempotency-conflict": errors.IdempotencyConflict,
    "not-allowed-now": errors.NotAllowedNow,
    "lease-lost": errors.LeaseLost,
    "storage-unavailable": errors.StorageUnavailable,
    "storage-full": errors.StorageFull,
    "schema-mismatch": errors.SchemaMismatch,
}

View = TypeVar("View")


class HttpStore:
    """A `StudyStore` whose studies, trials and workers are reached over HTTP, and `behind` for the rest."""

    def __init__(self, http: httpx.Client, behind: StudyStore) -> None:
        self._http = http
        self._behind = behind

    # --- through the REST API ------------------------------------------------------------------------------------

    def create_study(self, spec: StudySpec, idempotency_key: str | None = None, owner: str = "") -> Created:
        if owner:  # over HTTP that is whoever sends the request
            return self._behind.create_study(spec, idempotency_key, owner)
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        answer = self._call("POST", "/api/v1/studies", json=to_document(spec), headers=headers)
        return Created(answer.json()["id"], fresh=answer.status_code == 201)

    def list_studies(self, limit: int | None = None, name: str | None = None) -> Sequence[StudySummary]:
        asked: dict[str, str | int] = {} if limit is None else {"limit": limit}
        return self._get(list[StudySummary], "/api/v1/studies", **asked, **({} if name is None else {"name": name}))

    def find_studies(self, query: StudyQuery) -> StudyPage:
        answer = self._call("GET", "/api/v1/studies", params=parameters(query))
        found = TypeAdapter(tuple[StudySummary, ...]).validate_json(answer.content)
        facets = self._behind.find_studies(query).facets
        return StudyPage(studies=found, total=int(answer.headers["X-Total-Count"]), facets=facets)

    def get_study(self, study_id: str) -> StudyView:
        return self._get(StudyView, f"/api/v1/studies/{study_id}")

    def find_study(self, name: str) -> str | None:
        found = self._get(list[StudySummary], "/api/v1/studies", name=name)
        return found[0].id if found else None

    def command(self, study_id: str, command: StudyCommand) -> StudyView:
        answer = self._call("POST", f"/api/v1/studies/{study_id}/{command}")
        return StudyView.model_validate_json(answer.content)

    def list_trials(self, study_id: str, after: int | None = None, limit: int = 100) -> TrialPage:
        page = {"limit": limit} if after is None else {"limit": limit, "after": after}
        return self._get(TrialPage, f"/api/v1/studies/{study_id}/trials", **page)

    def find_trials(self, study_id: str, query: TrialQuery) -> TrialPage:
        nothing_known = Vocabulary(Metric(name="none", direction="minimize"))
        asked = {} if query.filter is None else {"filter": filter_text(query.filter, nothing_known)}
        asked["sort"] = term_text(query.order.term, nothing_known)
        asked["order"] = "desc" if query.order.descending else "asc"
        path = f"/api/v1/studies/{study_id}/trials"
        return self._get(TrialPage, path, **asked, offset=query.offset, limit=query.limit)

    def get_trial(self, trial_id: str) -> TrialDetail:
        return self._get(TrialDetail, f"/api/v1/trials/{trial_id}")

    def curve(self, trial_id: str, name: str) -> Curve:
        view = self._get(CurveView, f"/api/v1/trials/{trial_id}/metrics", name=name, points=ALL_POINTS)
        return Curve(np.array(view.steps, np.int64), np.array(view.values, np.float64))

    def log(self, trial_id: str, offset: int = 0, limit: int = 65_536) -> LogPage:
        return self._get(LogPage, f"/api/v1/trials/{trial_id}/log", offset=offset, limit=limit)

    def decisions(self, study_id: str) -> Sequence[DecisionRecord]:
        return self._get(list[DecisionRecord], f"/api/v1/studies/{study_id}/decisions")

    def register_worker(self, worker: RegisterWorker) -> str:
        answer = self._call("POST", "/api/v1/workers", content=worker.model_dump_json())
        return WorkerRegistered.model_validate_json(answer.content).worker_id

    def sync(self, worker_id: str, request: SyncRequest) -> SyncAnswer:
        answer = self._call("POST", f"/api/v1/workers/{worker_id}/sync", content=request.model_dump_json())
        return SyncAnswer.model_validate_json(answer.content)

    def sync_all(self, news: Sequence[tuple[str, SyncRequest]]) -> Sequence[SyncAnswer | Exception]:
        return self._behind.sync_all(news)

    def list_workers(self) -> Sequence[WorkerView]:
        return self._get(list[WorkerView], "/api/v1/workers")

    def drain_worker(self, worker_id: str) -> WorkerView:
        return WorkerView.model_validate_json(self._call("POST", f"/api/v1/workers/{worker_id}/drain").content)

    def release_worker(self, worker_id: str) -> WorkerView:
        return WorkerView.model_validate_json(self._call("POST", f"/api/v1/workers/{worker_id}/release").content)

    def list_profiles(self) -> Sequence[ProfileView]:
        return self._get(list[ProfileView], "/api/v1/profiles")

    def check(self) -> None:
        self._call("GET", "/readyz")

    # --- what is not exposed: credentials, the engine's side ------------------------------------------------------

    @property
    def credentials(self) -> Credentials:
        return self._behind.credentials

    def active_studies(self) -> Sequence[str]:
        return self._behind.active_studies()

    def load(self, study_id: str) -> Known:
        return self._behind.load(study_id)

    def apply(self, study_id: str, version: int, actions: Sequence[Action]) -> bool:
        return self._behind.apply(study_id, version, actions)

    def settled_trials(self, study_id: str, limit: int | None = None) -> Sequence[SettledTrial]:
        return self._behind.settled_trials(study_id, limit)

    def mark_mirrored(self, numbers: Mapping[str, int]) -> None:
        self._behind.mark_mirrored(numbers)

    def expire_leases(self) -> int:
        return self._behind.expire_leases()

    def keep_checkpoint(self, attempt_id: str, token: str, info: CheckpointInfo) -> CheckpointInfo | None:
        return self._behind.keep_checkpoint(attempt_id, token, info)

    def kept_checkpoint(self, attempt_id: str, token: str) -> CheckpointInfo | None:
        return self._behind.kept_checkpoint(attempt_id, token)

    def retire_checkpoints(self) -> Mapping[str, CheckpointInfo]:
        return self._behind.retire_checkpoints()

    def review_quarantine(self) -> int:
        return self._behind.review_quarantine()

    def isolate(self) -> int:
        return self._behind.isolate()

    def extend_leases(self) -> None:
        self._behind.extend_leases()

    def curves(self, study_id: str, name: str, only: Collection[str] | None = None) -> Mapping[str, Curve]:
        return self._behind.curves(study_id, name, only)

    # --- what pages read, which is not exposed as such -----------------------------------------------------------

    def trial_numbers(self, trial_ids: Collection[str]) -> Mapping[str, int]:
        return self._behind.trial_numbers(trial_ids)

    def trials_numbered(self, study_id: str, numbers: Collection[int]) -> Sequence[TrialView]:
        return self._behind.trials_numbered(study_id, numbers)

    def same_configuration(self, trial_id: str, limit: int) -> Sequence[TrialView]:
        return self._behind.same_configuration(trial_id, limit)

    def metric_names(self, study_id: str) -> Sequence[str]:
        return self._behind.metric_names(study_id)

    def known_params(self, study_id: str) -> Sequence[KnownParam]:
        return self._behind.known_params(study_id)

    def find_numbers(self, study_id: str, query: TrialQuery) -> Sequence[int]:
        return self._behind.find_numbers(study_id, query)

    def best_trials(self, study_id: str, limit: int) -> Sequence[TrialView]:
        return self._behind.best_trials(study_id, limit)

    def running_trials(self, study_id: str, limit: int) -> Sequence[TrialView]:
        return self._behind.running_trials(study_id, limit)

    def sample_trials(self, study_id: str, stage: StageKind, most: int) -> Sequence[TrialView]:
        return self._behind.sample_trials(study_id, stage, most)

    def scores(self, study_id: str, stage: StageKind) -> Scores:
        return self._behind.scores(study_id, stage)

    def results(self, study_id: str, most: int, stage: StageKind | None = None) -> Sequence[TrialResult]:
        return self._behind.results(study_id, most, stage)

    def thinned_curves(self, study_id: str, name: str, most: int) -> Sequence[Thinned]:
        return self._behind.thinned_curves(study_id, name, most)

    def trial_states(self, study_id: str) -> Mapping[TrialState, int]:
        return self._behind.trial_states(study_id)

    def runs_on(self, worker_id: str, device: str, within: Span, most: int) -> Sequence[DeviceRun]:
        return self._behind.runs_on(worker_id, device, within, most)

    def failures_on(self, worker_id: str, most: int) -> Sequence[RunFailure]:
        return self._behind.failures_on(worker_id, most)

    def trial_faces(self, trial_ids: Collection[str]) -> Mapping[str, TrialFace]:
        return self._behind.trial_faces(trial_ids)

    def queues(self, most: int) -> Queues:
        return self._behind.queues(most)

    def device_use(self, study_id: str) -> Sequence[DeviceUse]:
        return self._behind.device_use(study_id)

    # --- what is not exposed either ------------------------------------------------------------------------------

    def events(self, study_id: str | None, after: int, limit: int = 500) -> Sequence[Event]:
        return self._behind.events(study_id, after, limit)

    def last_event_id(self) -> int:
        return self._behind.last_event_id()

    @property
    def work(self) -> WorkLog:
        return self._behind.work

    def census(self) -> Census:
        return self._behind.census()

    def close(self) -> None:
        self._behind.close()

    def prune(self, older_than: float, *, dry_run: bool = False) -> Pruned:
        return self._behind.prune(older_than, dry_run=dry_run)

    def compact(self) -> int:
        return self._behind.compact()

    # --- plumbing ------------------------------------------------------------------------------------------------

    def _get(self, view: type[View], path: str, **query: str | int) -> View:
        return TypeAdapter(view).validate_json(self._call("GET", path, params=query).content)

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self._http.request(method, path, **options)
        if answer.is_error:
            problem = Problem.model_validate_json(answer.content)
            raise _ERRORS[problem.type.rpartition("/")[2]](problem.detail)
        return answer


@contextmanager
def http_store(behind: StudyStore) -> Iterator[HttpStore]:
    """Serve `behind` in process, with no engine on it, and reach it over HTTP."""
    app = create_app(Settings(database_url="memory://"), behind, tick=lambda: None)
    with client_of(app) as http:
        yield HttpStore(http, behind)
