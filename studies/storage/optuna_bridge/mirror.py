"""Optuna's record of a study, written behind: one Optuna study a stage, in the same database as ours.

`optuna.load_study(study_name="<study>/<stage>", storage=url)` and optuna-dashboard read it. Nothing here reads it
back to decide anything.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import Any, Literal

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from sqlalchemy import URL, make_url
from sqlalchemy.pool import NullPool

from studies.storage.optuna_bridge.batches import Recorded, Vanished, add, look, possible, writing
from studies.storage.optuna_bridge.record import TRIAL_ID, Distributions, distributions_for, optuna_trial
from studies.storage.port import SettledTrial

Direction = Literal["maximize", "minimize"]

BUSY_SECONDS = 30
"""How long a writer waits for another on SQLite."""

KEPT = 64
"""Optuna studies of which it is remembered which trials they have."""

_LOCK_KEY = 0x57A6E70E
"""PostgreSQL advisory lock that one server holds at a time while it creates things of Optuna's."""


class OptunaMirror:
    """Writes settled trials to Optuna's tables, each once.

    A trial carries its id as a user attribute, by which it is found again: a crash between the write here and the
    note of it in our own tables, or two servers with the same trials at hand, leave no second copy. Connects at the
    first write. The trials of a stage are written in one transaction where Optuna's tables are as `batches` knows them,
    else one by one; an Optuna study is read once, and then only what others have added to it.

    Args:
        url: the store's own address: ``sqlite:///path``, ``postgresql://...``, or ``memory://`` for a record that ends
            with this object.
    """

    def __init__(self, url: str) -> None:
        self._url = _driven(make_url(url))
        self._storage: BaseStorage | None = None
        self._batched = False
        self._recorded: OrderedDict[str, Recorded] = OrderedDict()
        self._last: optuna.Study | None = None
        self._lock = threading.Lock()

    def write(self, study_name: str, direction: Direction, trials: Sequence[SettledTrial]) -> Mapping[str, int]:
        """Record `trials` and return the Optuna trial number of each by its id.

        Raises:
            optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError: the database refused; what was
                written stays, and writing the same trials again completes the rest.
        """
        if not trials:
            return {}
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        numbers: dict[str, int] = {}
        with self._lock:
            for stage, settled in groupby(sorted(trials, key=_stage), key=_stage):
                numbers |= self._record(f"{study_name}/{stage}", direction, list(settled))
        return numbers

    def close(self) -> None:
        """Give the connections back."""
        if isinstance(self._storage, RDBStorage):
            self._storage.remove_session()
            self._storage.engine.dispose()
        self._storage = self._last = None
        self._recorded.clear()

    def _record(self, name: str, direction: Direction, trials: Sequence[SettledTrial]) -> dict[str, int]:
        """Add the trials that the Optuna study of that name lacks; return the numbers of all."""
        recorded = self._recorded.pop(name, None)
        if recorded is not None:
            with suppress(Vanished):
                return self._add(recorded, trials)
            self._last = None
        try:
            return self._looked_at_anew(name, direction, trials)
        except Exception:
            self._last = None  # it may be what is wrong
            raise

    def _looked_at_anew(self, name: str, direction: Direction, trials: Sequence[SettledTrial]) -> dict[str, int]:
        with self._alone():
            study = self._study(name, direction)
            if not self._batched:
                return _one_by_one(study, trials)
        return self._add(Recorded(name, study._study_id), trials)

    def _add(self, recorded: Recorded, trials: Sequence[SettledTrial]) -> dict[str, int]:
        numbers = _at_once(self._opened(), recorded, trials)
        self._recorded[recorded.name] = recorded  # what raised is not kept: it is looked at anew
        if len(self._recorded) > KEPT:
            self._recorded.popitem(last=False)
        return numbers

    def _opened(self) -> BaseStorage:
        if self._storage is None:
            self._storage = _opened(self._url)
            self._batched = possible(self._storage)
        return self._storage

    def _study(self, name: str, direction: Direction) -> optuna.Study:
        """Return the Optuna study of that name. The last one is kept: it caches what it has read of its trials."""
        if self._last is None or self._last.study_name != name:
            self._last = optuna.create_study(
                study_name=name, storage=self._opened(), direction=direction, load_if_exists=True
            )
        return self._last

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other servers on PostgreSQL from creating tables or studies, or adding trials one by one, meanwhile."""
        if self._url.get_backend_name() != "postgresql":
            yield
            return
        engine = sqlalchemy.create_engine(self._url, poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_LOCK_KEY)))
            yield


def _stage(trial: SettledTrial) -> str:
    return trial.stage


def _at_once(storage: BaseStorage, recorded: Recorded, trials: Sequence[SettledTrial]) -> dict[str, int]:
    """Add the trials that are not recorded yet in one transaction; return the numbers of all."""
    with writing(storage, recorded) as connection:
        look(connection, recorded)
        lacking = [trial for trial in trials if trial.trial_id not in recorded.numbers]
        if lacking:
            distributions = distributions_for(lacking, recorded.distributions)
            add(connection, recorded, [optuna_trial(trial, distributions) for trial in lacking])
            look(connection, recorded)
    return {trial.trial_id: recorded.numbers[trial.trial_id] for trial in trials}


def _one_by_one(study: optuna.Study, trials: Sequence[SettledTrial]) -> dict[str, int]:
    """Do the same through Optuna's interface alone."""
    earlier = study.get_trials(deepcopy=False)
    numbers = {str(trial.user_attrs.get(TRIAL_ID)): trial.number for trial in earlier}
    recorded: Distributions = {name: kind for trial in earlier for name, kind in trial.distributions.items()}
    lacking = [trial for trial in trials if trial.trial_id not in numbers]
    distributions = distributions_for(lacking, recorded)
    for trial in lacking:
        study.add_trial(optuna_trial(trial, distributions))
    if lacking:
        numbers |= {str(trial.user_attrs.get(TRIAL_ID)): trial.number for trial in study.get_trials(deepcopy=False)}
    return {trial.trial_id: numbers[trial.trial_id] for trial in trials}


# --- connections -------------------------------------------------------------------------------------------------


def _opened(url: URL) -> BaseStorage:
    if url.get_backend_name() == "memory":
        return InMemoryStorage()
    return RDBStorage(_literal(url), engine_kwargs=_engine_arguments(url))


def _driven(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url


def _literal(url: URL) -> str:
    """Return the address as Optuna takes it: it formats the text, so braces are doubled."""
    return url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")


def _engine_arguments(url: URL) -> dict[str, Any]:
    """Return how to connect: on SQLite a writer begins as a writer and waits its turn, as ours do.

    A transaction that begins as a reader fails at once where another one writes, whatever the timeout.
    """
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_SECONDS, "isolation_level": "IMMEDIATE"}}
    return {"pool_pre_ping": True, "pool_size": 1, "max_overflow": 4}
