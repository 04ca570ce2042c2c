"""Which of a worker's reports cannot be taken: each is tried by itself, and undone."""

from __future__ import annotations

from sqlalchemy import Engine

from studies.contract.salvage import poisoned
from studies.contract.worker_protocol import AttemptReport, SyncRequest
from studies.errors import StagetuneError
from studies.storage.sql.engine import rehearsing
from studies.storage.sql.sync import sync
from studies.storage.work_done import WorkDone


def without_poison(engine: Engine, worker_id: str, request: SyncRequest, lease_seconds: float) -> SyncRequest:
    """Return the news with a failure in place of each report that cannot be taken even by itself."""
    wrong = {report.attempt_id: _trouble(engine, worker_id, report, lease_seconds) for report in request.attempts}
    reports = [
        poisoned(report.attempt_id, report.token, wrong[report.attempt_id]) if wrong[report.attempt_id] else report
        for report in request.attempts
    ]
    return request.model_copy(update={"attempts": tuple(reports)})


def _trouble(engine: Engine, worker_id: str, report: AttemptReport, lease_seconds: float) -> str:
    """Return what goes wrong with one report, "" where nothing does."""
    try:
        with rehearsing(engine) as connection:
            sync(connection, [(worker_id, SyncRequest(attempts=(report,)))], lease_seconds, WorkDone())
    except StagetuneError:
        raise
    except Exception as error:  # whatever it is, the report's run fails with it
        return f"{type(error).__name__}: {error}"
    return ""
