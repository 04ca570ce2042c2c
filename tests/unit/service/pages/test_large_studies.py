"""Pages and figures of a study that is larger than what they show: they read a choice, and say so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from sqlalchemy import Engine, event

from service.pages import figures, parameter_figures, study_data
from studies.storage import open_store
from tests.bench.service.loading import Shape, load_study
from tests.unit.service.pages.conftest import browser

SMALL, LARGE = 60, 400
POINTS = 40


@pytest.fixture(autouse=True)
def _show_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MOST_BEHIND", 20)
    monkeypatch.setattr(study_data, "MOST_POINTS", 20)
    monkeypatch.setattr(parameter_figures, "MOST_LINES", 20)


@pytest.fixture
def studies(sqlite_url: str) -> dict[int, str]:
    """Two studies in one database, by how many trials they have."""
    return {size: load_study(sqlite_url, f"s{size}", Shape(size, POINTS, running=4)) for size in (SMALL, LARGE)}


@pytest.fixture
def client(sqlite_url: str, studies: dict[int, str]) -> Iterator[httpx.Client]:
    with closing(open_store(sqlite_url)) as store, browser(store) as http:
        yield http


def _statements(client: httpx.Client, path: str) -> int:
    """Return how many statements the page takes, once it has been asked for before."""
    client.get(path).raise_for_status()
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        client.get(path).raise_for_status()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(seen)


@pytest.mark.parametrize(
    "path",
    [
        "/studies/{study}",
        "/studies/{study}/parts/header",
        "/studies/{study}/parts/story",
        "/studies/{study}/parts/controls",
        "/studies/{study}/figures/live.json",
        "/studies/{study}/figures/joint-search.json",
        "/studies/{study}/figures/rungs.json",
        "/studies/{study}/figures/predicted.json",
        "/studies/{study}/figures/parallel.json",
        "/studies/{study}/figures/scatter.json",
    ],
)
def test_the_statements_of_a_page_do_not_grow_with_its_study(
    client: httpx.Client, studies: dict[int, str], path: str
) -> None:
    counts = {size: _statements(client, path.format(study=study)) for size, study in studies.items()}
    assert counts[LARGE] == counts[SMALL]


def test_the_live_figure_has_the_best_the_running_and_a_choice_of_the_others(
    client: httpx.Client, studies: dict[int, str]
) -> None:
    drawn = {size: client.get(f"/studies/{study}/figures/live.json").json() for size, study in studies.items()}
    for size, drawing in drawn.items():
        assert len(drawing["figure"]["data"]) == 1 + 3 + 4 + 1  # the best one's name
        assert f" of {size} trials" in drawing["sentence"]
        assert "evenly chosen" in drawing["sentence"]
    small, large = (len(json.dumps(drawing)) for drawing in drawn.values())
    assert large < 1.5 * small


def test_a_figure_of_points_has_every_best_of_its_time(
    client: httpx.Client, studies: dict[int, str], sqlite_url: str
) -> None:
    drawing = client.get(f"/studies/{studies[LARGE]}/figures/joint-search.json").json()
    best, points, *_ = drawing["figure"]["data"]
    with closing(open_store(sqlite_url)) as store:
        scores = store.scores(studies[LARGE], "joint_search").scores
    assert max(best["y"]) == max(points["y"]) == scores.max()
    assert best["y"] == sorted(best["y"])
    assert len(points["x"]) < 60
    assert f"of {LARGE - 20} points" in drawing["sentence"]
