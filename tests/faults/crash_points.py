"""A server that dies at a chosen statement or commit, and starts again; workers that outlive it.

All that a server leaves behind went through a database connection. So "it may die at any moment" is a countable set:
before each statement that writes, before each commit of such, and after each call that has committed while nobody has
heard of it yet. A death is an exception that no handler expects, and that takes the transaction with it as the end of a
process would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy import Engine as Database

from studies.contract.states import StageState
from studies.contract.study_file import StudySpec
from studies.contract.worker_protocol import AttemptReport, Lease, MetricChunk
from studies.core.actions import Action, AddTrials, CloseStage, Finish, OpenStage
from studies.core.snapshot import Snapshot
from studies.engine import Engine, Mirror
from studies.storage import open_store
from studies.storage.optuna_bridge.mirror import OptunaMirror
from studies.storage.sql.engine import database_url
from tests import builders as build
from tests.faults.ledger import Ledger

LEASE_SECONDS = 30.0
MAX_TURNS = 400
KEYS = {"lr_sweep": ("falls-silent", "fails-once", "diverges", "completes"), "decay_schedule": ("last", "fails-twice")}

_LONG_SILENT = (
    "UPDATE stagetune_attempt SET lease_expires_at = 0 WHERE worker_id <> :alive AND ended_at IS NULL",
    "UPDATE stagetune_worker SET last_sync_at = 0 WHERE id <> :alive",
)

Due = Callable[[int], bool]
"""Says of the n-th moment, counted from 0, whether the server dies there."""


_READS = ("SELECT", "BEGIN", "PRAGMA", "SHOW", "SET", "EXPLAIN")
_WROTE = "has written"


class Death(BaseException):
    """The server's process has ended; no `except Exception` survives that."""


class Fate:
    """Counts the moments at which a server may die, and lets it die where one is due."""

    def __init__(self, due: Due) -> None:
        self.moments = 0
        self.deaths = 0
        self.committed = False
        self._due = due
        self._spared = False

    def moment(self) -> None:
        """Die here, if it is due."""
        if self._spared:
            return
        self.moments += 1
        if self._due(self.moments - 1):
            self.deaths += 1
            raise Death

    def before_statement(self, connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if not statement.lstrip().upper().startswith(_READS):
            connection.info[_WROTE] = True
            self.moment()

    def before_commit(self, connection: Connection) -> None:
        if connection.info.pop(_WROTE, False):
            self.moment()
            self.committed = True

    def after_call(self) -> None:
        """Die with what has been committed since the last call, before anybody hears of it."""
        if self.committed:
            self.committed = False
            self.moment()

    @contextmanager
    def spared(self) -> Iterator[None]:
        """Let what is done here pass: it is not the server that does it."""
        before, self._spared = self._spared, True
        yield
        self._spared = before


@contextmanager
def fated(due: Due) -> Iterator[Fate]:
    """Let every database connection of this process, Optuna's too, die where it is due."""
    fate = Fate(due)
    hooks = {"before_cursor_execute": fate.before_statement, "commit": fate.before_commit}
    for name, hook in hooks.items():
        event.listen(Database, name, hook)
    try:
        yield fate
    finally:
        for name, hook in hooks.items():
            event.remove(Database, name, hook)


class Mortal:
    """What its owner may die after each call of: it has been done, and nobody knows."""

    def __init__(self, behind: Any, fate: Fate) -> None:
        self._behind = behind
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._behind, name)
        if not callable(member):
            return member

        def call(*arguments: Any, **options: Any) -> Any:
            answer = member(*arguments, **options)
            self._fate.after_call()
            return answer

        return call


class Nowhere:
    """A mirror that records nothing: opening Optuna's takes longer than all else that a server does at its start."""

    def write(self, *_: object) -> dict[str, int]:
        return {}

    def close(self) -> None:
        """There is nothing to give back."""


class Server:
    """A store and an engine that end and begin together."""

    def __init__(self, url: str, fate: Fate, mirror: Mirror) -> None:
        self._store, self._mirror = open_store(url, LEASE_SECONDS), mirror
        self.store = Mortal(self._store, fate)
        self.engine = Engine(self.store, no_sampler, Mortal(self._mirror, fate), decide)  # type: ignore[arg-type]

    def close(self) -> None:
        self._mirror.close()
        self._store.close()


class Node:
    """A worker: it sends its news again until a server has answered.

    Args:
        name: its name.
        ledger: where is written down what it said and heard.
        script: how attempts end.
        capacity: runs at once.
    """

    def __init__(self, name: str, ledger: Ledger, script: Script, capacity: int) -> None:
        self._name = name
        self._ledger = ledger
        self._script = script
        self._capacity = capacity
        self._news: dict[str, list[AttemptReport]] = {}
        self.worker_id = ""
        self.answered = 0

    def turn(self, store: Any) -> None:
        """Register if need be, then sync once, with the next news of each run."""
        if not self.worker_id:
            self.worker_id = store.register_worker(build.worker(self._name, capacity=self._capacity))
        request = build.sync(*[news[0] for news in self._news.values()], capacity=self._capacity)
        self._ledger.note_request(request)
        answer = store.sync(self.worker_id, request)
        self._ledger.note_answer(request, answer)
        self.answered += len(answer.acknowledged)
        for attempt_id in answer.acknowledged:
            self._news[attempt_id].pop(0)
        ended = [attempt_id for attempt_id, news in self._news.items() if not news]
        for attempt_id in (*ended, *answer.lost):
            self._news.pop(attempt_id, None)
        for lease in answer.leases:
            self._news.setdefault(lease.attempt_id, self._script.of(lease))


class Script:
    """What runs report, and how they end."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def of(self, lease: Lease) -> list[AttemptReport]:
        """Return a run's news, in their order: some points, then more of them with its end."""
        first = self._first.setdefault(lease.run.trial_id, lease.attempt_id) == lease.attempt_id
        key = str(lease.run.params["key"])
        failed = key == "fails-twice" or (key == "fails-once" and first)
        outcome = "failed" if failed else "diverged" if key == "diverges" else "completed"
        return [build.report(lease, *_points(0, 1, 2)), build.report(lease, *_points(1, 3, 4), outcome=outcome)]


def _points(sequence: int, *steps: int) -> list[MetricChunk]:
    values = {step: 1.0 / step for step in steps}
    return [build.chunk(name, values, sequence=sequence) for name in ("loss", "dev_accuracy")]


class World:
    """A study from its submission to its end, whatever becomes of the server.

    Args:
        url: its database.
        fate: when its server dies.
        name: the study's.
        recording: whether Optuna's record is written along.
    """

    def __init__(self, url: str, fate: Fate, name: str, *, recording: bool) -> None:
        script = Script()
        self.ledger = Ledger()
        self.study_id = ""
        self._spec = spec(name)
        self._url = url
        self._fate = fate
        self._recording = recording
        self._server = self._started()
        self._silent = Node(f"silent-{name}", self.ledger, script, capacity=1)
        self._node = Node(f"node-{name}", self.ledger, script, capacity=2)

    def live(self) -> None:
        """Go on until the study has ended and everything is recorded."""
        for _ in range(MAX_TURNS):
            try:
                if self._turn():
                    break
            except Death:
                self._restart()
        else:
            raise AssertionError(f"the study did not end within {MAX_TURNS} turns")
        with self._fate.spared():
            self._server.close()

    def _started(self) -> Server:
        return Server(self._url, self._fate, OptunaMirror(self._url) if self._recording else Nowhere())

    def _turn(self) -> bool:
        server = self._server
        if not self.study_id:
            self.study_id = server.store.create_study(self._spec, self._spec.name).study_id
        server.engine.tick()
        if self._silent.answered == 0:
            self._silent.turn(server.store)
            return False
        self._forget_the_silent()
        self._node.turn(server.store)
        return bool(server.store.get_study(self.study_id).state.ended and server.engine.flush())

    def _forget_the_silent(self) -> None:
        """Let every node but the one that works be silent for long: the database's clock cannot be moved.

        Where a server died before a worker heard of its registration, there is one that nobody ever was.
        """
        with self._fate.spared():
            database = create_engine(database_url(self._url))
            with database.begin() as connection:
                for statement in _LONG_SILENT:
                    connection.execute(text(statement), {"alive": self._node.worker_id})
            database.dispose()

    def _restart(self) -> None:
        with self._fate.spared():
            self._server.close()
            self._server = self._started()


def spec(name: str) -> StudySpec:
    """A study that `decide` moves on."""
    return build.spec(name, stages=[{"kind": kind} for kind in KEYS])


def decide(snapshot: Snapshot, _: object) -> tuple[Action, ...]:
    """Two stages of a few trials each: open, ask, close when all have ended, finish."""
    for stage in snapshot.stages:
        if stage.state is StageState.COMPLETED:
            continue
        if stage.state is StageState.PENDING:
            return (OpenStage(stage.kind),)
        return _proceed(snapshot, stage.kind)
    return (Finish(snapshot.trials[-1].id, "every stage has closed"),)


def _proceed(snapshot: Snapshot, kind: Any) -> tuple[Action, ...]:
    trials = snapshot.of(kind)
    if not trials:
        proposals = tuple(build.proposal(key, params={"lr": 0.1, "key": key}) for key in KEYS[kind])
        return (AddTrials(kind, proposals),)
    if all(trial.state.ended for trial in trials):
        return (CloseStage(kind, build.decision(trials[0].id)),)
    return ()


def no_sampler(request: object) -> tuple[Any, ...]:
    raise AssertionError(f"nothing here samples, yet {request} was asked")
