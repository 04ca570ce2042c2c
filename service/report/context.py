"""Everything that a report says, put together from the store: one typed context for its template."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from service.conclusions import Chosen, chosen, seeds_words
from service.figures.palette import LIGHT
from service.format import number, scalar, words
from service.pages.figures import study_drawing
from service.pages.glance import StageMark, stage_line
from service.pages.story import FigureSlot, StageCard, story, told_of
from service.pages.study_data import StudyData, read_study
from service.report.best import MOST, BestTable, best_table
from service.report.code import pytorch
from service.report.configuration import as_yaml, next_study
from service.report.costs import Costs, costs
from service.report.environment import Fact, environment, not_recorded
from service.report.limits import limits
from service.report.plates import Plate, plate
from service.report.summary import summary
from studies.contract.study_document import to_yaml
from studies.contract.views import StudyView
from studies.core.schedules import describe
from studies.storage.port import StudyStore


@dataclass(frozen=True)
class Chapter:
    """A stage: its card of the story, and the figures that show it."""

    card: StageCard
    plates: tuple[Plate, ...]


@dataclass(frozen=True)
class Recipe:
    """The chosen configuration: at a glance, and as files to take along."""

    settings: tuple[Fact, ...]
    score: str
    seeds: str
    yaml: str
    code: str
    next_study: str


WEIGHED = (
    FigureSlot("importance", "Which of them matter"),
    FigureSlot("parallel", "Every trial over what it tried"),
    FigureSlot("scatter", "Each against the metric"),
)
"""The figures of a study's hyperparameters."""


@dataclass(frozen=True)
class ReportContext:
    """A whole report.

    Attributes:
        made_at: when, UTC, in words.
        recipe: None before the first decision.
        weighed: figures of the hyperparameters over all stages.
        curves: every run.
    """

    study: StudyView
    stages: tuple[StageMark, ...]
    made_at: str
    version: str
    summary: str
    recipe: Recipe | None
    chapters: tuple[Chapter, ...]
    weighed: tuple[Plate, ...]
    curves: Plate
    costs: Costs
    environment: tuple[Fact, ...]
    not_recorded: str
    best: BestTable
    limits: tuple[str, ...]
    study_file: str


def report_context(store: StudyStore, study_id: str, now: float, version: str) -> ReportContext:
    """Return the report of a study as it stands at `now` (seconds since 1970 UTC), made by Stagetune `version`.

    Raises:
        NotFound: there is no such study.
    """
    data = read_study(store, study_id)
    study, use = data.study, store.device_use(study_id)
    found = chosen(study)
    return ReportContext(
        study=study,
        stages=stage_line(study.stages),
        made_at=f"{datetime.fromtimestamp(now, UTC):%-d %B %Y, %H:%M} UTC",
        version=version,
        summary=summary(study),
        recipe=_recipe(study, found) if found else None,
        chapters=_chapters(data),
        weighed=tuple(_plate(data, slot) for slot in WEIGHED),
        curves=plate("Curves of all trials", study_drawing(data, "live", LIGHT)),
        costs=costs(study, use, now),
        environment=environment(study.spec, found, use, store.list_profiles(), version),
        not_recorded=not_recorded(study.spec),
        best=_best(store, study),
        limits=limits(study, store.trial_states(study_id)),
        study_file=to_yaml(study.spec),
    )


def _recipe(study: StudyView, found: Chosen) -> Recipe:
    settings = [(words(name), scalar(value)) for name, value in found.params.items()]
    return Recipe(
        settings=(*settings, ("schedule", describe(found.schedule)), ("steps", number(found.num_steps))),
        score="" if found.score is None else number(found.score),
        seeds=seeds_words(found.seeds),
        yaml=as_yaml(study),
        code=pytorch(study.spec, found),
        next_study=next_study(study.spec, found),
    )


def _best(store: StudyStore, study: StudyView) -> BestTable:
    kinds = [stage.kind for stage in study.stages]
    return best_table(store.best_trials(study.id, MOST), study.spec.metric, kinds)


def _chapters(data: StudyData) -> tuple[Chapter, ...]:
    study = data.study
    cards = story(study, data.store.trial_numbers(told_of(study)))
    return tuple(Chapter(card, tuple(_plate(data, slot) for slot in card.figures)) for card in cards)


def _plate(data: StudyData, slot: FigureSlot) -> Plate:
    return plate(slot.title, study_drawing(data, slot.name, LIGHT))
