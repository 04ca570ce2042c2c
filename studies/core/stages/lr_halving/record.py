"""The sweep's decision: the rate whose finished run is best."""

from __future__ import annotations

from studies.contract.decision import Decision
from studies.contract.study_file import LrHalving
from studies.core.context import Context
from studies.core.records import plural, sentence
from studies.core.search.record import Verdict, against_before, decision
from studies.core.search.standing import standing
from studies.core.space import at_edge, lr_label

RULE_NAME = "best dev metric of the rates that climbed all rungs (guide, section 7: sweep by successive halving)"


def conclude(context: Context[LrHalving]) -> Decision:
    now = standing(context)
    best = now.best
    lr = float(best.params["lr"])
    tried = sorted({float(trial.params["lr"]) for trial in context.trials})
    reason = f"lr {lr_label(lr)} {against_before(context, now)}; {plural(len(tried), 'rate')} began."
    choice = {"lr": lr, "num_steps": best.num_steps}
    return decision(context, now, Verdict(RULE_NAME, choice, sentence(reason), _edge(tried, lr)))


def _edge(tried: list[float], lr: float) -> tuple[str, ...]:
    side = at_edge(tried, lr)
    return (f"lr {lr_label(lr)} is the {side}est rate tried: a {side}er one may be better.",) if side else ()
