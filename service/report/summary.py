"""What a study was for and what came out, in a few plain sentences for whoever reads nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from service.conclusions import chosen, evidence_number, seeds_words
from service.format import count, duration, number, params, sentence, words
from studies.contract.states import StudyState
from studies.contract.study_file import BuiltinObjective, FunctionObjective, Objective
from studies.contract.views import StudyView
from studies.core.schedules import describe

_STANDINGS: dict[StudyState, str] = {
    StudyState.QUEUED: "It has not begun yet.",
    StudyState.RUNNING: "It is still running: what follows is how things stand.",
    StudyState.PAUSED: "It is paused: what follows is how things stand.",
    StudyState.AWAITING_APPROVAL: "It waits for a person to approve its next stage: what follows is how things stand.",
    StudyState.FAILED: "It failed.",
    StudyState.CANCELLED: "It was cancelled: what it had found until then stays.",
}


def summary(study: StudyView) -> str:
    """Return the paragraph that a report begins with."""
    return " ".join(_sentences(study))


def _sentences(study: StudyView) -> Iterator[str]:
    metric = study.spec.metric
    best = "highest" if metric.direction == "maximize" else "lowest"
    trained = subject(study.spec.objective)
    yield f"{study.name} looks for the settings that give {trained} the {best} {words(metric.name)}."
    yield _STANDINGS.get(study.state, "")
    if study.state is StudyState.FAILED and study.reason:
        yield sentence(study.reason)
    yield _effort(study)
    yield from _outcome(study)


def subject(objective: Objective) -> str:
    """Return what is trained, in words."""
    match objective:
        case BuiltinObjective(args=args):
            return f"{args.model} on {args.dataset}"
        case FunctionObjective(target=target):
            return f"the function {target}"
        case _:
            return f"the program {' '.join(objective.command[:2])}"


def _effort(study: StudyView) -> str:
    progress = study.progress
    if not progress.trials_ended:
        return "No trial has ended." if progress.trials else "No trial has been asked for."
    took = duration(study.updated_at - study.created_at)
    ended = count(progress.trials_ended, "trial")
    stages = count(sum(stage.trials > 0 for stage in study.stages), "stage")
    return f"{ended} in {stages} trained {count(progress.steps, 'step')} in all, within {took}."


def _outcome(study: StudyView) -> Iterator[str]:
    found, metric = chosen(study), words(study.spec.metric.name)
    if found is None:
        if study.best is not None:
            score = next(iter(study.best.metrics.values()))
            yield f"No stage has decided. The best single run came to {metric} {number(score)}: luck may have helped."
        return
    settings = params(found.params).replace(" · ", ", ")
    yield f"The choice is {settings}, {_schedule(describe(found.schedule))}, for {count(found.num_steps, 'step')}."
    if found.score is None:
        return
    began = _began(study)
    change = f", where it was {number(began)} to begin with" if began is not None else ""
    yield f"It reaches {metric} {number(found.score)}{seeds_words(found.seeds)}{change}."


def _schedule(described: str) -> str:
    return "a constant learning rate" if described == "constant" else f"a learning rate that goes {described}"


def _began(study: StudyView) -> float | None:
    """Return the metric before the first decision, None where it was not measured."""
    decisions = (stage.decision for stage in study.stages if stage.decision)
    return evidence_number(next(decisions, None), "dev_before")
