"""Finding studies: which of them answer a question, and in which order they come. Pure, and one rule for both stores.

A `Card` is all that this needs of a study, so that a thousand of them are looked through in a few milliseconds, and
only the page that is shown is read in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from studies.contract.base import Timestamp
from studies.contract.states import StudyState
from studies.contract.study_query import Facets, StudyOrder, StudyQuery


@dataclass(frozen=True)
class Card:
    """A study as it stands in a list; ``metric`` and ``direction`` are what it is judged by."""

    id: str
    name: str
    state: StudyState
    owner: str
    tags: tuple[str, ...]
    metric: str
    direction: Literal["maximize", "minimize"]
    created_at: Timestamp
    updated_at: Timestamp
    archived_at: Timestamp | None = None


def found(cards: Iterable[Card], query: StudyQuery) -> list[Card]:
    """Return the cards that answer the question, in the order in which they came."""
    words = query.text.casefold().split()
    tags = {tag.casefold() for tag in query.tags}
    return [
        card
        for card in cards
        if (card.archived_at is not None) == query.archived
        and (not query.states or card.state in query.states)
        and query.owner in (None, card.owner)
        and (not tags or tags <= {tag.casefold() for tag in card.tags})
        and _says(card, words)
    ]


def _says(card: Card, words: Sequence[str]) -> bool:
    said = "\n".join((card.name, card.owner, *card.tags)).casefold() if words else ""
    return all(word in said for word in words)


def in_order(cards: Iterable[Card], sort: StudyOrder, worth: Mapping[str, float]) -> list[Card]:
    """Return the cards in the order asked for; what ties comes newest first.

    Args:
        cards: what is to be sorted.
        sort: see `StudyQuery`.
        worth: by study, its best score for ``best`` (missing: no result yet, comes last), its device seconds for
            ``device_time``; not looked at otherwise.
    """
    newest_first = sorted(cards, key=lambda card: (card.created_at, card.id), reverse=True)
    match sort:
        case "created":
            return newest_first
        case "changed":
            return sorted(newest_first, key=lambda card: -card.updated_at)
        case "name":
            return sorted(newest_first, key=lambda card: card.name.casefold())
        case "device_time":
            return sorted(newest_first, key=lambda card: -worth.get(card.id, 0.0))
    return sorted(newest_first, key=lambda card: _rank(card, worth.get(card.id)))


def _rank(card: Card, score: float | None) -> tuple[bool, str, float]:
    sign = -1.0 if card.direction == "maximize" else 1.0
    return score is None, card.metric, 0.0 if score is None else sign * score


def facets(cards: Sequence[Card], *, archived: bool) -> Facets:
    """Return what could be asked for among the archived cards, or among the others."""
    here = [card for card in cards if (card.archived_at is not None) == archived]
    states = Counter(card.state for card in here)
    return Facets(
        states={state: states[state] for state in StudyState if states[state]},
        tags=_counted(tag for card in here for tag in card.tags),
        owners=_counted(card.owner for card in here if card.owner),
        total=len(here),
        other=len(cards) - len(here),
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    """Count names that differ by more than their case, by the spelling that came first."""
    counts: dict[str, int] = {}
    spelling: dict[str, str] = {}
    for name, amount in Counter(names).items():
        known = spelling.setdefault(name.casefold(), name)
        counts[known] = counts.get(known, 0) + amount
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0].casefold())))
