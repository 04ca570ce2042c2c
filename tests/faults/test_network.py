"""Requests that are repeated, delayed, reordered and lost between a real worker and a real server count once each."""

from __future__ import annotations

from contextlib import closing
from itertools import cycle
from pathlib import Path

from studies.storage import open_store
from tests.faults.ledger import Ledger
from tests.faults.proxy import Fate, Request, link
from tests.integration.cluster import SHORT, background, cluster, has_ended, loss, submit, wait_until
from tests.invariant import assert_whole


class OneAfterAnother:
    """Every fate in turn, each followed by a request that passes."""

    def __init__(self) -> None:
        self._fates = cycle(fate for befalling in Fate if befalling is not Fate.PASS for fate in (befalling, Fate.PASS))

    def __call__(self, request: Request) -> Fate:
        return next(self._fates)


def test_whatever_befalls_requests_everything_is_told_once(sqlite_url: str, tmp_path: Path) -> None:
    ledger = Ledger()
    with cluster(sqlite_url, tmp_path) as shaken:
        with background(sqlite_url) as port, link(port, ledger, OneAfterAnother()) as way:
            study_id = submit(port, SHORT)
            shaken.work("east", way.port)
            wait_until(port, study_id, has_ended, "the end")
            shaken.stop_workers()
        with closing(open_store(sqlite_url)) as store:
            assert_whole(store, study_id, sqlite_url, ledger=ledger, folder=tmp_path, loss=loss)
    assert set(way.counts) == set(Fate), "the study was too short for every fate"
