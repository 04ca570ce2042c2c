"""The sweep's decision: the rate whose finished run is best."""

from __future__ import annotations

from typing import Any

from studies.contract.decision import Decision
from studies.contract.study_file import LrHalving
from studies.core.context import Context
from studies.core.records import number, plain, plural
from studies.core.search.budget import reached
from studies.core.search.record import Verdict, against_before, decision
from studies.core.search.standing import read_at, reader, standing
from studies.core.snapshot import Trial
from studies.core.space import at_edge, lr_label
from studies.core.stages.lr_halving.climbing import ranked

RULE_NAME = "best dev metric of the rates that climbed all rungs (guide, section 7: sweep by successive halving)"


def conclude(context: Context[LrHalving]) -> Decision:
    now = standing(context)
    best = now.best
    lr = float(best.params["lr"])
    tried = sorted({float(trial.params["lr"]) for trial in context.trials})
    reason = f"lr {lr_label(lr)} {against_before(context, now)}; {plural(len(tried), 'rate')} began."
    choice = {"lr": lr, "num_steps": best.num_steps}
    found = decision(context, now, Verdict(RULE_NAME, choice, reason, _edge(tried, lr)))
    evidence = {**found.evidence, "rungs": [_rung(context, trial) for trial in context.trials]}
    return found.model_copy(update={"evidence": evidence, "what_would_flip_it": _flip(context, best.best_trial, found)})


def _edge(tried: list[float], lr: float) -> tuple[str, ...]:
    side = at_edge(tried, lr)
    return (f"lr {lr_label(lr)} is the {side}est rate tried: a {side}er one may be better.",) if side else ()


def _rung(context: Context[LrHalving], trial: Trial) -> dict[str, Any]:
    return {"lr": trial.params["lr"], "steps": reached(trial), "score": _score(context, trial, trial.num_steps)}


def _score(context: Context[LrHalving], trial: Trial, step: int) -> float | None:
    reading = read_at(trial, step, reader(context))
    return plain((1 if context.maximize else -1) * reading.value) if reading else None


def _flip(context: Context[LrHalving], chosen: Trial, found: Decision) -> str:
    """Say where the next best rate was left behind, if it did not finish."""
    highest = sorted({trial.num_steps for trial in context.trials}, reverse=True)
    nearest = next((trial for rung in highest for trial in ranked(context, rung) if trial != chosen), None)
    if found.runners_up or nearest is None:
        return found.what_would_flip_it
    step = nearest.num_steps
    theirs, ours = (number(_score(context, trial, step)) for trial in (nearest, chosen))
    return (
        f"lr {lr_label(float(nearest.params['lr']))} ahead after {step:,} steps, where it was left behind: "
        f"it had {theirs} there against {ours}."
    )
