"""How far a study's conclusions carry: what its stages warned of, and what no study of this kind can know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.conclusions import Chosen, chosen
from service.format import count, number, sentence, stage_title, words
from studies.contract.states import TrialState
from studies.contract.study_file import BuiltinObjective
from studies.contract.views import StudyView

_LOST = (TrialState.DIVERGED, TrialState.FAILED)
"""States of trials that gave no result."""


def limits(study: StudyView, states: Mapping[TrialState, int]) -> tuple[str, ...]:
    """Return the limits, a sentence or two each; `states` counts the study's trials by state."""
    return tuple(_limits(study, chosen(study), states))


def _limits(study: StudyView, found: Chosen | None, states: Mapping[TrialState, int]) -> Iterator[str]:
    if not study.state.ended:
        yield "The study has not ended: a later decision may choose otherwise."
    for stage in study.stages:
        for warning in stage.decision.warnings if stage.decision else ():
            yield f"{stage_title(stage.kind)}: {sentence(warning)}"
    if found is not None and found.seeds <= 1:
        yield "The choice rests on a single run: another seed may do better or worse."
    yield _dev_set(study)
    lost = [f"{count(states[state], 'trial')} {state.value}" for state in _LOST if states.get(state)]
    if lost:
        yield f"{sentence(' and '.join(lost))} They took no part in the choice."


def _dev_set(study: StudyView) -> str:
    metric = words(study.spec.metric.name)
    said = (
        f"Settings were chosen by {metric} on the dev set, at its best step: expect a little less of data that had no "
        "part in choosing."
    )
    if isinstance(study.spec.objective, BuiltinObjective):
        share = number(100 * study.spec.objective.args.dev_fraction)
        said += f" The dev set is {share} % of the training data; on a small one, small leads are luck."
    return said
