"""Reading from the store what more than one page needs."""

from __future__ import annotations

from collections.abc import Iterable

from studies.contract.states import StudyCommand
from studies.contract.views import StudySummary, StudyView
from studies.core.lifecycle import after_command
from studies.core.snapshot import LOSS


def commands(study: StudySummary) -> list[StudyCommand]:
    """Return the commands that would change a study, in the order of their buttons."""
    if study.state.ended:
        return [StudyCommand.ARCHIVE if study.archived_at is None else StudyCommand.UNARCHIVE]
    order = (StudyCommand.APPROVE, StudyCommand.RESUME, StudyCommand.PAUSE, StudyCommand.CANCEL)
    return [command for command in order if after_command(study.state, command) not in (None, study.state)]


def in_order(metrics: Iterable[str], study: StudyView) -> list[str]:
    """Return the metrics that can be drawn: the study's own first, then the loss, then by name."""
    first = [study.spec.metric.name, LOSS]
    return list(dict.fromkeys([*first, *sorted(set(metrics) - set(first))]))
