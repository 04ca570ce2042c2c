"""Many metrics in groups that a page can fold: by the word that their names begin with. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.format import words

FEW = 8
"""So many metrics need no groups."""

FIRST = 2
"""Metrics that stand before all groups: the one that the study is judged by, and the loss."""

OTHERS = "others"
_FIRST_WORD = re.compile(r"[_.\-]*([A-Za-z0-9]+)")


@dataclass(frozen=True)
class MetricGroup:
    """Metrics that stand together; ``title`` is "" for those that need none, ``folded`` for those that can wait."""

    title: str
    names: tuple[str, ...]
    folded: bool = False


def metric_groups(names: Sequence[str]) -> tuple[MetricGroup, ...]:
    """Return metrics, the most asked for first, in groups: where there are many, by their first word."""
    if len(names) <= FEW:
        return (MetricGroup("", tuple(names)),)
    by_word: dict[str, list[str]] = {}
    for name in names[FIRST:]:
        by_word.setdefault(_first_word(name), []).append(name)
    alone = [own[0] for own in by_word.values() if len(own) == 1]
    groups = [MetricGroup(words(word), tuple(own), folded=True) for word, own in by_word.items() if len(own) > 1]
    others = [MetricGroup(OTHERS, tuple(alone), folded=True)] if alone else []
    return (MetricGroup("", tuple(names[:FIRST])), *groups, *others)


def _first_word(name: str) -> str:
    found = _FIRST_WORD.match(name)
    return found[1] if found else name
