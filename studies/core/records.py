"""What goes on record: candidates, evidence as plain JSON, and the sentences that every stage's decision shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from studies.contract.decision import Candidate
from studies.contract.states import TrialState
from studies.core import curves
from studies.core.actions import Action, EndTrial, Fail
from studies.core.context import Context, StageT
from studies.core.judging import Contender, dev_peak
from studies.core.remembering import once
from studies.core.snapshot import LOSS, Trial
from studies.core.space import lr_label

diverged = once(curves.diverged)


def end_diverged(context: Context[StageT]) -> tuple[Action, ...]:
    """End the stage's trials whose loss has diverged: a result, which takes no part in the choice (guide, stage 1)."""
    alive = (TrialState.RUNNING, TrialState.COMPLETED)
    reasons = ((trial, diverged(trial.curve(LOSS))) for trial in context.trials if trial.state in alive)
    return tuple(EndTrial(trial.id, "diverged", f"Diverged: {reason}.") for trial, reason in reasons if reason)


def plain(value: float | None) -> float | None:
    """Return a number that JSON can carry: None for NaN and the infinities."""
    return value if value is not None and math.isfinite(value) else None


def dev_score(context: Context[StageT], trials: Iterable[Trial]) -> float | None:
    """Return the mean dev peak of some runs in the metric's own direction, None where it was not measured."""
    read = dev_peak(context.spec.metric.name, maximize=context.maximize)
    values = [reading.value for reading in map(read, trials) if reading is not None]
    return (1 if context.maximize else -1) * sum(values) / len(values) if values else None


def candidate(context: Context[StageT], contender: Contender, num_steps: int, note: str) -> Candidate:
    return Candidate(
        trial_id=contender.best_trial.id,
        params=contender.params,
        schedule=contender.schedule,
        num_steps=num_steps,
        score=dev_score(context, contender.trials),
        note=note,
    )


def number(value: float | None) -> str:
    return "unknown" if plain(value) is None else f"{value:.4g}"


def gap(value: float) -> str:
    """Write a difference or its error: of those the first two digits say all that there is to know."""
    return "unknown" if plain(value) is None else f"{value:.2g}"


def named(contender: Contender) -> str:
    """Name a configuration to people: ``lr 0.01, batch size 64, momentum 0.9``."""
    params = contender.params
    words = [f"lr {lr_label(float(params['lr']))}", f"batch size {params['batch_size']}"]
    if "momentum" in params:
        words.append(f"momentum {params['momentum']:g}")
    return ", ".join(words)


def sentence(text: str) -> str:
    """Begin with a capital, and leave the rest as it is: names of metrics have capitals of their own."""
    return text[:1].upper() + text[1:]


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def trouble(failed: Sequence[Trial]) -> tuple[str, ...]:
    """Say which trials took no part in the choice because they failed."""
    if not failed:
        return ()
    return (f"{plural(len(failed), 'trial')} failed and took no part: {reasons(failed)}.",)


def reasons(trials: Iterable[Trial]) -> str:
    """Say of each trial why it ended."""
    return "; ".join(f"{trial.key} ({_clause(trial.ended_because) or 'see its log'})" for trial in trials)


def _clause(sentence: str) -> str:
    return sentence.strip().rstrip(".")


def nothing_to_judge(context: Context[StageT]) -> Fail | None:
    """Return why the study cannot go on, where a stage has no run to judge.

    None if it can: the stage before has a result that stands, and it was not by errors alone that this one has none.
    """
    failed = context.ended_as(TrialState.FAILED)
    if failed and len(failed) == len(context.trials):
        why = f"every trial failed: {reasons(failed)}. Mend what failed"
    elif context.incoming:
        return None
    elif context.completed:
        why = f"no trial reported a finite {context.spec.metric.name} or training loss. Let the objective report them"
    else:
        why = f"no trial completed: {reasons(context.trials)}. Try smaller learning rates, begin with a lr_sweep"
    return Fail(f"{context.stage.kind} has nothing to judge: {why}, then submit the study again.")


def cut_short(context: Context[StageT], dropped: int) -> tuple[str, ...]:
    """Say that the trial budget ended the stage before it had all the trials that it wanted."""
    if dropped <= 0:
        return ()
    wish = context.spec.budget.trials + dropped
    return (
        f"Cut short by the budget: {plural(dropped, 'trial')} that this stage wanted did not fit into its share of "
        f"{context.limit}; budget.trials: {wish} would have had room for all of it.",
    )
