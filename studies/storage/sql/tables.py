"""The tables. What must never be broken is broken here first: unique keys, checks, one running attempt per trial.

All names begin with ``stagetune_``: Optuna keeps its own tables in the same database. Column names are the fields of
`studies.storage.records`, so that a row is a record.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from studies.contract.decision import Decision
from studies.contract.packing import RunProfile
from studies.contract.schedule import Schedule
from studies.contract.states import AttemptState, StageState, StudyState, TrialState, WorkerHold
from studies.contract.study_file import StudySpec
from studies.contract.worker_protocol import DeviceStatus
from studies.storage.sql.marks import Touch
from studies.storage.sql.types import Count, Document, Json, Names, Readable, Real, StateOf

PREFIX = "stagetune_"
VERSION_TABLE = f"{PREFIX}alembic_version"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, states: type[StrEnum]) -> CheckConstraint:
    names = ", ".join(f"'{state.value}'" for state in states)
    return CheckConstraint(f"{column} IN ({names})", name=column)


study = Table(
    f"{PREFIX}study",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("spec", Document(StudySpec), nullable=False),
    Column("state", StateOf(StudyState), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("version", Count, nullable=False),
    Column("best_trial_id", Text),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("idempotency_key", Text, unique=True),
    Column("document_hash", Text, nullable=False),
    Column("owner", Text, nullable=False, server_default=""),
    Column("archived_at", Double),
    Column("tags", Names, nullable=False, server_default="[]"),
    Column("metric", Text, nullable=False, server_default=""),
    Column("direction", Text, nullable=False, server_default="maximize"),
    _one_of("state", StudyState),
)

stage = Table(
    f"{PREFIX}stage",
    metadata,
    Column("study_id", Text, ForeignKey(study.c.id), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("state", StateOf(StageState), nullable=False),
    Column("approved", Boolean, nullable=False),
    Column("decision", Document(Decision)),
    Column("opened_at", Double),
    Column("closed_at", Double),
    UniqueConstraint("study_id", "position"),
    _one_of("state", StageState),
)

decision = Table(
    f"{PREFIX}decision",
    metadata,
    Column("id", Text, primary_key=True),
    Column("study_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("decided_at", Double, nullable=False),
    Column("decision", Document(Decision), nullable=False),
    UniqueConstraint("study_id", "sequence"),
    ForeignKeyConstraint(["study_id", "stage"], [stage.c.study_id, stage.c.kind]),
)

_SCORED = text("score IS NOT NULL")
_UNFINISHED = text("ended_at IS NULL")
WAITING = text("state = 'waiting'")
_UNRECORDED = text("optuna_number IS NULL")

trial = Table(
    f"{PREFIX}trial",
    metadata,
    Column("id", Text, primary_key=True),
    Column("study_id", Text, ForeignKey(study.c.id), nullable=False),
    Column("number", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("params", Json, nullable=False),
    Column("schedule", Document(Schedule), nullable=False),
    Column("num_steps", Count, nullable=False),
    Column("seed", Count, nullable=False),
    Column("state", StateOf(TrialState), nullable=False),
    Column("reason", Text, nullable=False),
    Column("ended_because", Text, nullable=False),
    Column("parent_id", Text),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("expiries", Integer, nullable=False),
    Column("last_step", Count, nullable=False),
    Column("optuna_number", Integer),
    Column("alone", Boolean, nullable=False, server_default=false()),
    Column("touched", Count, nullable=False, server_default="0", onupdate=Touch()),
    Column("failed_on", Text, nullable=False, server_default=""),
    Column("failed_at", Double),
    Column("score", Double),
    Column("points", Count, nullable=False, server_default="0"),
    Column("bytes", Count, nullable=False, server_default="0"),
    UniqueConstraint("study_id", "number"),
    UniqueConstraint("study_id", "stage", "key"),
    ForeignKeyConstraint(["study_id", "stage"], [stage.c.study_id, stage.c.kind]),
    _one_of("state", TrialState),
    Index("ix_stagetune_trial_study_id_state", "study_id", "state"),
    Index("ix_stagetune_trial_study_id_stage_number", "study_id", "stage", "number"),
    Index(
        "ix_stagetune_trial_unfinished",
        "study_id",
        "number",
        sqlite_where=_UNFINISHED,
        postgresql_where=_UNFINISHED,
    ),
    Index("ix_stagetune_trial_study_id_touched", "study_id", "touched"),
    Index(
        "ix_stagetune_trial_scored",
        "study_id",
        "score",
        "number",
        "stage",
        sqlite_where=_SCORED,
        postgresql_where=_SCORED,
    ),
    Index(
        "ix_stagetune_trial_unrecorded",
        "study_id",
        "stage",
        "number",
        sqlite_where=_UNRECORDED,
        postgresql_where=_UNRECORDED,
    ),
    Index(
        "ix_stagetune_trial_waiting",
        "study_id",
        "alone",
        "number",
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    ),
)

worker = Table(
    f"{PREFIX}worker",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hostname", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("objectives", Names, nullable=False),
    Column("allow", Names, nullable=False),
    Column("registered_at", Double, nullable=False),
    Column("last_sync_at", Double, nullable=False, index=True),
    Column("hold", StateOf(WorkerHold)),
    Column("held_because", Text, nullable=False, server_default=""),
    Column("held_at", Double),
    Column("failing", Names, nullable=False, server_default="[]"),
)

device = Table(
    f"{PREFIX}device",
    metadata,
    Column("worker_id", Text, ForeignKey(worker.c.id), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("memory_bytes", Count),
    Column("memory_used_bytes", Count),
    Column("capacity", Integer, nullable=False),
    Column("status", Document(DeviceStatus), nullable=False, server_default="{}"),
    CheckConstraint("capacity >= 0", name="capacity"),
)

_RUNNING = text("state = 'running'")
_METRICS = text("kind = 'metrics'")

FAILED = text("state IN ('failed', 'evicted', 'expired')")
"""Attempts that did not go well. Literal, so that SQLite sees that a query asks for what the index has."""

_ROOM_FOR_UPDATES = {"fillfactor": 70}
"""For rows that every sync writes: PostgreSQL keeps a row's versions on one page, and leaves the indexes alone."""

attempt = Table(
    f"{PREFIX}attempt",
    metadata,
    Column("id", Text, primary_key=True),
    Column("trial_id", Text, ForeignKey(trial.c.id), nullable=False),
    Column("study_id", Text, ForeignKey(study.c.id), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("worker_id", Text, ForeignKey(worker.c.id), nullable=False),
    Column("device", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("state", StateOf(AttemptState), nullable=False),
    Column("reason", Text, nullable=False),
    Column("error", Json),
    Column("started_from", Count, nullable=False),
    Column("chunks", Count, nullable=False),
    Column("stop", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("lease_expires_at", Double, nullable=False),
    Column("alone", Boolean, nullable=False, server_default=false()),
    Column("engine", Text),
    Column("width", Integer, nullable=False, server_default="0"),
    Column("printed", Count, nullable=False, server_default="0"),
    Column("pack_id", Text, nullable=False, server_default=""),
    Column("peak_memory_bytes", Count),
    Column("samples_per_second", Double),
    UniqueConstraint("trial_id", "ordinal"),
    _one_of("state", AttemptState),
    Index(
        "uq_stagetune_attempt_one_running_per_trial",
        "trial_id",
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    ),
    Index("ix_stagetune_attempt_study_id_ended_at", "study_id", "ended_at"),
    Index("ix_stagetune_attempt_running_worker", "worker_id", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    Index("ix_stagetune_attempt_worker_id_device_ended_at", "worker_id", "device", "ended_at"),
    Index("ix_stagetune_attempt_failed", "worker_id", "ended_at", sqlite_where=FAILED, postgresql_where=FAILED),
    postgresql_with=_ROOM_FOR_UPDATES,
)

run_profile = Table(
    f"{PREFIX}run_profile",
    metadata,
    Column("run_class", Text, primary_key=True),
    Column("device_model", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("profile", Readable(RunProfile), nullable=False),
    Column("measured_at", Double, nullable=False),
)

metric_chunk = Table(
    f"{PREFIX}metric_chunk",
    metadata,
    Column("id", Count, primary_key=True),
    Column("attempt_id", Text, ForeignKey(attempt.c.id), nullable=False),
    Column("name", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_step", Count, nullable=False),
    Column("stride", Count),
    Column("steps", LargeBinary),
    Column("values", LargeBinary, nullable=False),
    UniqueConstraint("attempt_id", "name", "sequence"),
    CheckConstraint("(stride IS NULL) <> (steps IS NULL)", name="regular_or_listed"),
)

metric_summary = Table(
    f"{PREFIX}metric_summary",
    metadata,
    Column("trial_id", Text, ForeignKey(trial.c.id), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("last_step", Count, nullable=False),
    Column("last", Real),
    Column("minimum", Real),
    Column("maximum", Real),
    Column("count", Count, nullable=False),
    Column("thinned", LargeBinary),
    postgresql_with=_ROOM_FOR_UPDATES,
)

log_chunk = Table(
    f"{PREFIX}log_chunk",
    metadata,
    Column("attempt_id", Text, ForeignKey(attempt.c.id), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("length", Integer, nullable=False),
    Column("text", Text, nullable=False),
)

checkpoint = Table(
    f"{PREFIX}checkpoint",
    metadata,
    Column("trial_id", Text, ForeignKey(trial.c.id, ondelete="CASCADE"), primary_key=True),
    Column("attempt_id", Text, nullable=False),
    Column("step", Count, nullable=False),
    Column("bytes", Count, nullable=False),
    Column("sha256", Text, nullable=False),
)

event = Table(
    f"{PREFIX}event",
    metadata,
    Column("id", Count, primary_key=True),
    Column("study_id", Text, ForeignKey(study.c.id), nullable=False),
    Column("kind", Text, nullable=False),
    Column("trial_id", Text),
    Column("message", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_stagetune_event_study_id_id", "study_id", "id"),
    Index("ix_stagetune_event_metrics", "study_id", "at", sqlite_where=_METRICS, postgresql_where=_METRICS),
    sqlite_autoincrement=True,
)

token = Table(
    f"{PREFIX}token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", Names, nullable=False),
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("last_used_at", Double),
)

session = Table(
    f"{PREFIX}session",
    metadata,
    Column("key_hash", Text, primary_key=True),
    Column("token_id", Text, ForeignKey(token.c.id)),
    Column("binding", Text, nullable=False),
    Column("opened_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
)

poison = Table(
    f"{PREFIX}poison",
    metadata,
    Column("id", Count, primary_key=True),
    Column("place", Text, nullable=False),
    Column("study_id", Text, nullable=False),
    Column("trial_id", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("found_at", Double, nullable=False),
)
"""Documents that could not be read, as they stood in their rows (`studies.storage.sql.poison`)."""
