"""Pruning a database: our studies and Optuna's record of them, then the space that they took."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from studies.storage import open_store
from studies.storage.optuna_bridge.forgetting import forget_studies
from studies.storage.port import Pruned


@dataclass(frozen=True)
class Freed:
    """What was pruned (or would be), and by how many bytes the database's file became smaller."""

    pruned: Pruned
    file_bytes: int = 0


def prune(database_url: str, older_than: float, *, dry_run: bool = False, compact: bool = True) -> Freed:
    """Forget studies that ended more than `older_than` seconds ago, and all that belongs to them.

    Optuna's record goes first: if this is interrupted, the study is still there to be pruned again.

    Raises:
        StagetuneError: the database cannot be used; the message says what to do.
    """
    with closing(open_store(database_url)) as store:
        store.check()
        planned = store.prune(older_than, dry_run=True)
        if dry_run:
            return Freed(planned)
        names = [name for study in planned.studies for name in study.optuna]
        if names:
            forget_studies(database_url, names)
        pruned = store.prune(older_than)
        return Freed(pruned, store.compact() if compact else 0)
