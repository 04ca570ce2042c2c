"""One server with a study of every shape on it, and all pages that there are of them: for tests that only look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

from service.app import create_app
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.storage.memory import MemoryStore
from tests import histories
from tests.e2e.shapes import SHAPES
from tests.histories import History


@dataclass(frozen=True)
class Gallery:
    """Where the server listens, and the studies on it by the names of their shapes."""

    url: str
    store: MemoryStore
    studies: Mapping[str, History]

    def pages_of(self, shape: str) -> list[str]:
        """Return the paths of a study's pages: its own, its last trial's and the comparison of its first trials."""
        study = self.studies[shape].study_id
        trials = [trial.id for trial in self.store.list_trials(study).trials]
        return [
            f"/studies/{study}",
            *(f"/trials/{trial}" for trial in trials[-1:]),
            *([f"/compare?trials={','.join(trials[:3])}"] if trials else []),
        ]

    @property
    def pages(self) -> dict[str, str]:
        """The path of every kind of page, each full of what it can show."""
        study, trial, compare = self.pages_of("finished")
        return {
            "studies": "/",
            "study": study,
            "study at a gate": self.pages_of("waiting at a gate")[0],
            "study with a selection": f"{study}?select=1,2",
            "trial": trial,
            "compare": compare,
            "compare nothing": "/compare",
            "workers": "/workers",
            "log in": "/login",
            "nothing there": "/studies/st_none",
        }


@contextmanager
def gallery(**settings: Any) -> Iterator[Gallery]:
    """Serve a study of every shape, with such settings."""
    store = MemoryStore()
    studies = {name: shape(store) for name, shape in SHAPES.items()}
    histories.packed(store)
    app = create_app(Settings(database_url="memory://", **settings), store, tick=lambda: None)
    with BackgroundServer(app, listen("127.0.0.1", 0)) as server:
        yield Gallery(server.url, store, studies)


def see_every_figure(page: Page) -> list[Locator]:
    """Scroll to each figure until it has said its sentence and, where it has one, drawn its plot; return them all."""
    figures = page.locator("[data-figure]").all()
    for figure in figures:
        figure.scroll_into_view_if_needed()
        expect(figure.locator("[data-sentence]")).not_to_have_text("Loading…")
        expect(figure.locator(".plot[hidden], .plot .main-svg").first).to_be_attached()
    return figures
