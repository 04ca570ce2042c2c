"""Help with filters: what can be asked of this study, and what is wrong with what was asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from service.pages.table_state import TableState
from studies.contract.views import BestTrial, StudyView
from studies.core.query import FACTS, Vocabulary
from studies.errors import InvalidFilter
from studies.storage.port import KnownParam

MOST_NAMES: Final = 30
"""Names of a kind that are listed; all of them can be used."""

NEAR: Final = 0.02
"""How near to the best value the trials of an example lie, as a share of it."""


@dataclass(frozen=True)
class Mistake:
    """What is wrong with the filter, and the filter around the place concerned."""

    message: str
    before: str
    wrong: str
    after: str


@dataclass(frozen=True)
class Help:
    """What can be asked: examples with the queries that show them, and the names that there are, by kind."""

    examples: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, tuple[str, ...]], ...]


def mistake(text: str, error: InvalidFilter) -> Mistake:
    return Mistake(str(error), text[: error.start], text[error.start : error.end], text[error.end :])


def filter_help(study: StudyView, params: Sequence[KnownParam], vocabulary: Vocabulary, state: TableState) -> Help:
    names = (
        ("Hyperparameters", vocabulary.params[:MOST_NAMES]),
        ("Metrics", vocabulary.all_metrics[:MOST_NAMES]),
        ("Every trial has", FACTS),
    )
    examples = _examples(study.best, params, vocabulary)
    return Help(tuple((text, state.filtered(text).query()) for text in examples), names)


def _examples(best: BestTrial | None, params: Sequence[KnownParam], vocabulary: Vocabulary) -> Iterator[str]:
    """Yield filters that make sense in this study: with its names, and with values near its best."""
    if best is not None:
        yield from _near_the_best(best, vocabulary)
        yield from _like_the_best(best, params)
    yield "state = diverged"
    yield "duration > 5min"
    yield 'reason contains "seed"'


def _near_the_best(best: BestTrial, vocabulary: Vocabulary) -> Iterator[str]:
    own = vocabulary.metric.name
    value = best.metrics.get(own, math.nan)
    if math.isfinite(value):
        margin = NEAR * abs(value)
        yield f"{own} > {value - margin:.3g}" if vocabulary.best_part == "max" else f"{own} < {value + margin:.3g}"


def _like_the_best(best: BestTrial, params: Sequence[KnownParam]) -> Iterator[str]:
    for param in params:
        value = best.params.get(param.name)
        if param.varies and isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{param.name} <= {value:g} and not state in (failed, cancelled)"
            return
