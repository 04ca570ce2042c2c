"""Device time of studies, brought up to date: what is over is summed up once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.exc import DBAPIError

from studies.contract.base import Timestamp
from studies.core.device_time import Ran, busy_by_device, spans

SETTLING_SECONDS = 120.0
"""A change may be committed so long after the moment that it names: no statement of ours may take longer."""

MOST_STUDIES = 10_000
"""Studies that are remembered; of more, those that nobody has looked at for longest go."""

BEGINNING = 0.0


@dataclass(frozen=True)
class _Summed:
    """Device seconds of all that lies before ``until``: nothing that is yet to come can change them."""

    until: float = BEGINNING
    seconds: float = 0.0


Read = Callable[[Collection[str], Timestamp], Mapping[str, Sequence[Ran]]]
"""Reads the attempts of some studies that run, or ended after a moment."""


class DeviceTimes:
    """Device seconds by study. A look reads what has happened since the one before it.

    What is summed up ends a while before the look: an attempt that is just being granted, or ended, may name a moment
    that has passed when it is committed. One that runs is summed up as far as that: it cannot have ended any earlier.
    """

    def __init__(self, most_studies: int = MOST_STUDIES) -> None:
        self._most_studies = most_studies
        self._summed: OrderedDict[str, _Summed] = OrderedDict()
        self._lock = threading.Lock()

    def seconds(self, study_ids: Collection[str], now: Timestamp, read: Read) -> dict[str, float]:
        """Return the device seconds of each study, at the time `now`."""
        with self._lock:
            known = {study_id: self._summed.get(study_id, _Summed()) for study_id in study_ids}
        try:
            ran = _read_new(known, read)
        except DBAPIError:  # what comes back need not be the database that went
            with self._lock:
                self._summed.clear()
            raise
        summed, recent = _looked(known, ran, now)
        self._keep(summed)
        return {study_id: summed[study_id].seconds + recent[study_id] for study_id in known}

    def _keep(self, summed: Mapping[str, _Summed]) -> None:
        with self._lock:
            for study_id, item in summed.items():
                self._summed[study_id] = item
                self._summed.move_to_end(study_id)
            while len(self._summed) > self._most_studies:
                self._summed.popitem(last=False)


def _read_new(known: Mapping[str, _Summed], read: Read) -> dict[str, Sequence[Ran]]:
    """Read what is not summed up: of studies never looked at all there is, of the others by one moment for them all."""
    unseen = [study_id for study_id, summed in known.items() if summed.until == BEGINNING]
    seen = [study_id for study_id, summed in known.items() if summed.until != BEGINNING]
    first_looks = read(unseen, BEGINNING) if unseen else {}
    later_looks = read(seen, min(known[study_id].until for study_id in seen)) if seen else {}
    return {**first_looks, **later_looks}


def _looked(
    known: Mapping[str, _Summed], ran: Mapping[str, Sequence[Ran]], now: Timestamp
) -> tuple[dict[str, _Summed], dict[str, float]]:
    """Return what is summed up of each study from now on, and the device seconds since then."""
    untils = {study_id: max(summed.until, now - SETTLING_SECONDS) for study_id, summed in known.items()}
    owned = [(study_id, item) for study_id in known for item in ran.get(study_id, ())]
    whole = spans([Ran((study_id, *item.device), item.started_at, item.ended_at) for study_id, item in owned], now)
    first = np.array([known[study_id].until for study_id, _ in owned], np.float64)
    last = np.array([untils[study_id] for study_id, _ in owned], np.float64)
    owner_of = dict(zip(whole.devices.tolist(), (study_id for study_id, _ in owned), strict=True))
    settled = _by_owner(busy_by_device(whole.within(first, last)), owner_of)
    recent = _by_owner(busy_by_device(whole.within(last, np.inf)), owner_of)
    summed = {
        study_id: _Summed(until, known[study_id].seconds + settled.get(study_id, 0.0))
        for study_id, until in untils.items()
    }
    return summed, {study_id: recent.get(study_id, 0.0) for study_id in known}


def _by_owner(seconds: NDArray[np.float64], owner_of: Mapping[int, str]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for device, busy in enumerate(seconds.tolist()):
        sums[owner_of[device]] = sums.get(owner_of[device], 0.0) + busy
    return sums
