"""Reading from the store what more than one page needs."""

from __future__ import annotations

from collections.abc import Iterable

from studies.contract.states import StudyCommand, StudyState
from studies.contract.views import StudyView, TrialView
from studies.core.lifecycle import after_command
from studies.storage.port import StudyStore

_PAGE = 1_000


def all_trials(store: StudyStore, study_id: str) -> list[TrialView]:
    """Return every trial of a study, ordered by number."""
    trials: list[TrialView] = []
    after: int | None = None
    while True:
        page = store.list_trials(study_id, after, _PAGE)
        trials += page.trials
        after = page.next_after
        if after is None:
            return trials


def commands(state: StudyState) -> list[StudyCommand]:
    """Return the commands that would change a study in `state`, in the order of their buttons."""
    order = (StudyCommand.APPROVE, StudyCommand.RESUME, StudyCommand.PAUSE, StudyCommand.CANCEL)
    return [command for command in order if after_command(state, command) not in (None, state)]


def metric_names(trials: Iterable[TrialView], study: StudyView) -> list[str]:
    """Return the metrics that can be drawn: the study's own first, then the loss, then by name."""
    first = [study.spec.metric.name, "loss"]
    others = sorted({name for trial in trials for name in trial.metrics} - set(first))
    return list(dict.fromkeys([*first, *others]))
