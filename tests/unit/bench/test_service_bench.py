"""The service's bench: what it concludes follows from what it measured, and a section does the work it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from studies.contract.states import TrialState
from tests.bench.service import dispatch
from tests.bench.service.report import document, lines, markdown
from tests.bench.service.section import Bench, Figure, growth


class OneFile:
    """A database at a given place."""

    name = "SQLite"

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def fresh(self) -> Iterator[str]:
        yield self._url


def figure(*values: float, size: int | None = 100, **fields: Any) -> Figure:
    return Figure("trials asked", "trials/s", "SQLite", values, size, **fields)


def test_growth_is_the_cost_at_the_largest_size_against_the_smallest_repeat_by_repeat() -> None:
    """A machine that was half as fast in the second repeat changes nothing."""
    assert growth([figure(1000, 500), figure(500, 250, size=10_000)]) == 2.0
    slow = [figure(10, 20, better="lower"), figure(15, 30, size=10_000, better="lower")]
    assert growth(slow) == 1.5
    assert growth([figure(1000)]) is None


def test_an_aim_is_reached_by_the_mean() -> None:
    assert figure(900, 1200, aim=1000).reached is True
    assert figure(900, 1000, aim=1000).reached is False
    assert figure(900, 1000, aim=1000, better="lower").reached is True
    assert figure(1.0).reached is None


def test_one_line_for_each_thing_done_by_someone_on_a_database() -> None:
    figures = [figure(500, 500, size=10_000, aim=100), figure(1000, 1000), figure(40, by="Optuna")]
    first, second = lines(figures)
    assert first.cells() == (
        "trials asked",
        "Stagetune",
        "SQLite",
        "1,000 ± 0 trials/s",
        "500 ± 0 trials/s",
        "2.00x",
        "≥ 100: yes",
    )
    assert second.cells()[1] == "Optuna"


def test_the_report_can_be_read_by_people_and_programs() -> None:
    bench = Bench((), (100, 10_000), repeats=2, quick=True)
    text = markdown([figure(1.0, 3.0)], bench)
    assert "| trials asked | Stagetune | SQLite | 2 ± 1.41 trials/s |" in text
    assert "Studies of 100 and 10,000 trials" in text
    (row,) = json.loads(json.dumps(document([figure(1.0, 3.0)], bench)))["figures"]
    assert (row["mean"], row["values"]) == (2.0, [1.0, 3.0])


def test_what_is_counted_as_finished_is_finished(tmp_path: Path) -> None:
    with dispatch.opened(OneFile(f"sqlite:///{tmp_path / 'bench.db'}"), 40) as desk:
        desk.ask()
        assert dispatch.rate(1, desk.turn) > 0
        trials = desk.store.load(desk.study_id).snapshot.trials
    states = [trial.state for trial in trials]
    assert (states.count(TrialState.COMPLETED), states.count(TrialState.RUNNING)) == (40 + dispatch.BATCH, 32)
