"""What is kept of trials' checkpoints: one row a trial, written under the lease of a running attempt."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, Row, and_, delete, select

from studies.contract.states import AttemptState, StudyState
from studies.contract.worker_protocol import CheckpointInfo
from studies.errors import LeaseLost
from studies.storage import checkpoints
from studies.storage.sql import tables
from studies.storage.sql.metrics import upsert

_c = tables.checkpoint.c
_COLUMNS = (_c.trial_id, _c.attempt_id, _c.step, _c.bytes, _c.sha256)
_ENDED = tuple(state for state in StudyState if state.ended)


def keep(connection: Connection, attempt_id: str, token: str, info: CheckpointInfo) -> CheckpointInfo | None:
    """Write down the checkpoint of a running attempt's trial; return the one that it replaces.

    Raises:
        LeaseLost: no attempt of this id and token is running.
    """
    trial_id = _fenced(connection, attempt_id, token, lock=True)
    before = of(connection, [trial_id]).get(trial_id)
    row = {"trial_id": trial_id, **info.model_dump()}
    statement = upsert(connection, tables.checkpoint).values(row)
    changed = {name: statement.excluded[name] for name in row if name != "trial_id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["trial_id"], set_=changed))
    return before


def kept(connection: Connection, attempt_id: str, token: str) -> CheckpointInfo | None:
    """Return the checkpoint of a running attempt's trial; raises as `keep` does."""
    trial_id = _fenced(connection, attempt_id, token, lock=False)
    return of(connection, [trial_id]).get(trial_id)


def of(connection: Connection, trial_ids: Collection[str]) -> dict[str, CheckpointInfo]:
    """Return the checkpoints that are kept of these trials."""
    if not trial_ids:
        return {}
    return _by_trial(connection.execute(select(*_COLUMNS).where(_c.trial_id.in_(trial_ids))))


def retire(connection: Connection) -> dict[str, CheckpointInfo]:
    """Forget the checkpoints that nobody will resume from; return the others, by trial."""
    trial, study = tables.trial.c, tables.study.c
    resumed = and_(trial.state.in_(checkpoints.RESUMED), study.state.not_in(_ENDED))
    wanted = select(trial.id).join_from(tables.trial, tables.study, study.id == trial.study_id).where(resumed)
    connection.execute(delete(tables.checkpoint).where(_c.trial_id.not_in(wanted)))
    return _by_trial(connection.execute(select(*_COLUMNS)))


def _by_trial(rows: Iterable[Row[str, str, int, int, str]]) -> dict[str, CheckpointInfo]:
    return {
        row.trial_id: CheckpointInfo(attempt_id=row.attempt_id, step=row.step, bytes=row.bytes, sha256=row.sha256)
        for row in rows
    }


def _fenced(connection: Connection, attempt_id: str, token: str, *, lock: bool) -> str:
    """Return the trial of a running attempt, locked where it is asked for: no rescue happens meanwhile."""
    attempt, trial = tables.attempt.c, tables.trial.c
    live = (attempt.id == attempt_id) & (attempt.token == token) & (attempt.state == AttemptState.RUNNING)
    query = select(trial.id).join_from(tables.trial, tables.attempt, attempt.trial_id == trial.id).where(live)
    found = connection.execute(query.with_for_update(of=tables.trial, key_share=True) if lock else query).first()
    if found is None:
        raise LeaseLost
    # What was read before the lock was had may not hold any more: an expiry may have been faster.
    if lock and connection.execute(select(attempt.id).where(live)).first() is None:
        raise LeaseLost
    return str(found.id)
