"""Which trials a list of words means: by id, as ``study/12``, or by the address of a trial's page."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from service.comparison import Member
from service.format import count
from service.selection import MOST_SELECTED
from studies.contract.views import TrialDetail, TrialView
from studies.errors import NotFound
from studies.storage.port import StudyStore

MOST = MOST_SELECTED
"""Most trials on one page: what can be selected can be compared."""

LONGEST_LIST = 4_000
_SEPARATORS = re.compile(r"[\s,;]+")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBERED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,99})[/#]#?([0-9]{1,10})")
_ADDRESS = re.compile(r".*/trials/([A-Za-z0-9_-]{1,64})(?:[/?#].*)?")
_LARGEST_NUMBER: Final = 2**31 - 1


@dataclass(frozen=True)
class Chosen:
    """The trials that are compared.

    Attributes:
        members: those that are there, in the order asked for.
        missing: what was asked for and is not there, as it was written.
        too_many: how many were left out beyond `MOST`.
    """

    members: tuple[Member, ...]
    missing: tuple[str, ...]
    too_many: int = 0

    @property
    def problems(self) -> tuple[str, ...]:
        """What cannot be shown, a sentence each."""
        because = "it may be mistyped, pruned, or from another database"
        said = [f"There is no trial {word}: {because}." for word in self.missing]
        if self.too_many:
            said.append(f"{count(self.too_many, 'trial')} left out: {MOST} at once can still be told apart.")
        return tuple(said)


@dataclass(frozen=True)
class Place:
    """A trial as people name it: by its study, by name or id, and its number there."""

    study: str
    number: int


def wanted(text: str) -> list[str]:
    """Return what a list of trials names, each once; ids stand for addresses of trials' pages."""
    words = [word for word in _SEPARATORS.split(text[:LONGEST_LIST]) if word]
    return list(dict.fromkeys(_id_in(word) for word in words))


def _id_in(word: str) -> str:
    address = _ADDRESS.fullmatch(word)
    return address[1] if address else word


def choose(store: StudyStore, words: Sequence[str]) -> Chosen:
    """Return the trials that `words` name; what is not there is said, and takes nothing from the others."""
    shown = words[:MOST]
    numbered = find_trials(store, shown)
    trials = [*map(partial(_trial, store), (numbered.get(word, word) for word in shown))]
    there = {trial.id: trial for trial in trials if trial is not None}
    studies = {study_id: store.get_study(study_id) for study_id in {trial.study_id for trial in there.values()}}
    return Chosen(
        members=tuple(Member(studies[trial.study_id], trial) for trial in there.values()),
        missing=tuple(word for word, trial in zip(shown, trials, strict=True) if trial is None),
        too_many=max(0, len(words) - MOST),
    )


def find_trials(store: StudyStore, words: Iterable[str]) -> dict[str, str]:
    """Return the ids of those trials that `words` name as ``study/12``, by word, with one question a study."""
    asked = {word: place for word in words if (place := place_of(word))}
    found: dict[Place, str] = {}
    for study in {place.study for place in asked.values()}:
        numbers = {place.number for place in asked.values() if place.study == study}
        found |= {Place(study, trial.number): trial.id for trial in _numbered(store, study, numbers)}
    return {word: found[place] for word, place in asked.items() if place in found}


def place_of(word: str) -> Place | None:
    """Return the place that a word such as ``digits-cnn/12`` names, None where it names none."""
    match = _NUMBERED.fullmatch(word)
    if match is None or int(match[2]) > _LARGEST_NUMBER:
        return None
    return Place(match[1], int(match[2]))


def _numbered(store: StudyStore, study: str, numbers: Collection[int]) -> Sequence[TrialView]:
    try:
        return store.trials_numbered(store.find_study(study) or study, numbers)
    except NotFound:
        return ()


def _trial(store: StudyStore, trial_id: str) -> TrialDetail | None:
    try:
        return store.get_trial(trial_id) if _ID.fullmatch(trial_id) else None
    except NotFound:
        return None
