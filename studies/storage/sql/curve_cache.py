"""Decoded curves of attempts, so that a study that is looked at twice a second costs what is new in it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Result, and_, or_, select

from studies.core.snapshot import Curve
from studies.storage.assembly import joined
from studies.storage.records import AttemptRecord
from studies.storage.sql import tables
from studies.storage.sql.among import among
from studies.storage.sql.metrics import piece

MAX_POINTS = 4_000_000
"""Points kept, 16 bytes each: about 64 MB at the very most. They are those of runs that have not ended."""

_ATTEMPTS_PER_QUERY = 200

_ALL = (
    select(tables.metric_chunk)
    .where(among(tables.metric_chunk.c.attempt_id, "attempts"))
    .order_by(tables.metric_chunk.c.id)
)


@dataclass
class _Entry:
    """One attempt's curves by metric, made of the chunks up to row `last_id`, and the pieces not yet joined to them."""

    last_id: int = 0
    chunks: int = 0
    size: int = 0
    curves: dict[str, Curve] = field(default_factory=dict)
    pieces: dict[str, list[Curve]] = field(default_factory=dict)

    def add(self, chunk_id: int, name: str, curve: Curve) -> None:
        self.last_id = max(self.last_id, chunk_id)
        self.chunks += 1
        self.size += len(curve)
        self.pieces.setdefault(name, []).append(curve)

    def joined(self) -> Mapping[str, Curve]:
        for name, pieces in self.pieces.items():
            self.curves[name] = joined([self.curves.get(name, Curve.empty()), *pieces])
        self.pieces.clear()
        return dict(self.curves)


class CurveCache:
    """Curves by attempt, the least recently used forgotten first. Chunks never change, so entries only grow.

    An attempt's chunks are inserted under its trial's lock: their ids grow in the order of commits, and what is newer
    than an entry has larger ids.
    """

    def __init__(self, max_points: int = MAX_POINTS) -> None:
        self._max_points = max_points
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def curves(self, connection: Connection, attempts: Sequence[AttemptRecord]) -> dict[str, Mapping[str, Curve]]:
        """Return the curves of `attempts` by attempt and metric; reads only chunks that it has not seen."""
        with self._lock:
            stale = [attempt for attempt in attempts if self._entry(attempt.id).chunks < attempt.chunks]
            for start in range(0, len(stale), _ATTEMPTS_PER_QUERY):
                self._read(connection, stale[start : start + _ATTEMPTS_PER_QUERY])
            found = {attempt.id: self._entry(attempt.id).joined() for attempt in attempts}
            self._forget()
            return found

    def forget(self, attempt_ids: Iterable[str]) -> None:
        """Forget attempts that nobody will ask for again."""
        with self._lock:
            for attempt_id in attempt_ids:
                self._entries.pop(attempt_id, None)

    @property
    def size(self) -> int:
        """Points that are kept."""
        return sum(entry.size for entry in self._entries.values())

    def _entry(self, attempt_id: str) -> _Entry:
        entry = self._entries.setdefault(attempt_id, _Entry())
        self._entries.move_to_end(attempt_id)
        return entry

    def _read(self, connection: Connection, attempts: Sequence[AttemptRecord]) -> None:
        """Read the chunks that have not been seen: of attempts that are new here all, of the others the later ones."""
        c, last = tables.metric_chunk.c, {attempt.id: self._entries[attempt.id].last_id for attempt in attempts}
        new = [attempt_id for attempt_id, seen in last.items() if not seen]
        if new:
            self._add(connection.execute(_ALL, {"attempts": new}))
        known = [and_(c.attempt_id == attempt_id, c.id > seen) for attempt_id, seen in last.items() if seen]
        if known:
            self._add(connection.execute(select(tables.metric_chunk).where(or_(*known)).order_by(c.id)))

    def _add(self, rows: Result[Any]) -> None:
        for row in rows.mappings():
            self._entries[row["attempt_id"]].add(row["id"], row["name"], piece(row))

    def _forget(self) -> None:
        kept = self.size
        while kept > self._max_points and self._entries:
            _, entry = self._entries.popitem(last=False)
            kept -= entry.size
