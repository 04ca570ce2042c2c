"""The bar of the selected trials, at the foot of a study's page: open one, compare all, clear."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep, StudyId
from service.figures.labels import differing, short_params
from service.pages.page_route import PageRoute
from service.pages.rendering import page
from service.selection import MOST_SELECTED, Numbers, Selection
from studies.contract.views import TrialView
from studies.storage.port import StudyStore

router = APIRouter(route_class=PageRoute)

_NAMED = 2
"""Hyperparameters that a chip names: those that tell the selected trials apart come first."""


@dataclass(frozen=True)
class Chip:
    """A selected trial, with the hyperparameters that tell it from the others."""

    trial: TrialView
    what: str


@dataclass(frozen=True)
class SelectionContext:
    """``full`` says that no more trials can be selected; without chips there is no bar."""

    study_id: str
    chips: tuple[Chip, ...]
    full: bool

    @property
    def trial_ids(self) -> str:
        return ",".join(chip.trial.id for chip in self.chips)


def selection_context(store: StudyStore, study_id: str, numbers: Numbers) -> SelectionContext:
    """Return the selected trials in the order of selection; numbers that the study does not have are left out."""
    found = {trial.number: trial for trial in store.trials_numbered(study_id, numbers)} if numbers else {}
    trials = [found[number] for number in numbers if number in found]
    names = differing(trials)
    chips = tuple(Chip(trial, short_params(trial.params, names[:_NAMED])) for trial in trials)
    return SelectionContext(study_id, chips, len(numbers) >= MOST_SELECTED)


@router.get("/studies/{study_id}/parts/selection", name="study_selection")
def study_selection(request: Request, store: StoreDep, study_id: StudyId, selection: Selection) -> HTMLResponse:
    return page(request, "parts/selection.html", selection_context(store, study_id, selection))
