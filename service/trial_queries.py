"""What is asked of a study's trials, from the texts of a request; the page, the API and the files read them alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Query

from studies.contract.trial_query import MAX_FILTER_LENGTH, Order, Term, TrialQuery
from studies.contract.views import StudyView
from studies.core.query import Vocabulary, parse_filter, parse_term
from studies.core.snapshot import LOSS
from studies.storage.port import KnownParam, StudyStore

Direction = Literal["asc", "desc"]

FilterText = Annotated[
    str,
    Query(
        alias="filter",
        max_length=MAX_FILTER_LENGTH,
        description="Only trials of which this holds, e.g. `lr < 0.1 and state = diverged`.",
    ),
]
SortText = Annotated[
    str, Query(max_length=100, description="By what to sort, e.g. `lr`, `dev_accuracy`, `last(loss)`; else by number.")
]
ColumnsText = Annotated[
    str, Query(max_length=4_000, description="What to show of each trial, e.g. `number,state,lr,last(loss)`.")
]


@dataclass(frozen=True)
class Asked:
    """A filter and an order as they stand in a request; empty texts ask for all trials, by number."""

    filter: str = ""
    sort: str = ""
    order: Direction = "asc"

    @property
    def anything(self) -> bool:
        return self != Asked()

    def read(self, vocabulary: Vocabulary, offset: int = 0, limit: int = 100) -> TrialQuery:
        """Return the query for a window of the trials.

        Raises:
            InvalidFilter: the filter, or what to sort by, cannot be read.
        """
        return TrialQuery(parse_filter(self.filter, vocabulary), self.read_order(vocabulary), offset, limit)

    def read_order(self, vocabulary: Vocabulary) -> Order:
        """Return the order.

        Raises:
            InvalidFilter
        """
        descending = self.order == "desc"
        return Order(parse_term(self.sort, vocabulary), descending) if self.sort else Order(descending=descending)


async def get_asked(
    filter_text: FilterText = "", sort: SortText = "", order: Annotated[Direction, Query()] = "asc"
) -> Asked:
    return Asked(filter_text, sort, order)


AskedDep = Annotated[Asked, Depends(get_asked)]


def read_columns(vocabulary: Vocabulary, columns: str) -> tuple[Term, ...]:
    """Return what is named in a list with commas, each once.

    Raises:
        InvalidFilter: one of them cannot be read.
    """
    return tuple(dict.fromkeys(parse_term(name, vocabulary) for name in columns.split(",") if name.strip()))


def vocabulary_of(store: StudyStore, study: StudyView) -> Vocabulary:
    """Return what names mean in this study."""
    return vocabulary_with(store, study, store.known_params(study.id))


def vocabulary_with(store: StudyStore, study: StudyView, known: Sequence[KnownParam]) -> Vocabulary:
    """Return what names mean in a study with these hyperparameters."""
    params = tuple(param.name for param in known)
    metrics = dict.fromkeys([study.spec.metric.name, LOSS, *store.metric_names(study.id)])
    return Vocabulary(study.spec.metric, params, tuple(metrics))
