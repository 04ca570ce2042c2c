"""The sweep's decision: the rate whose finished run is best."""

from __future__ import annotations

from studies.contract.decision import Decision
from studies.contract.study_file import LrHalving
from studies.core.context import Context
from studies.core.search.record import against_before, decision
from studies.core.search.standing import standing
from studies.core.space import at_edge, lr_label

RULE_NAME = "best dev metric of the rates that climbed all rungs (guide, section 7: sweep by successive halving)"


def conclude(context: Context[LrHalving]) -> Decision:
    best = standing(context).best
    lr = float(best.params["lr"])
    tried = sorted({float(trial.params["lr"]) for trial in context.trials})
    reason = f"lr {lr_label(lr)} {against_before(context)}; {len(tried)} rates began."
    side = at_edge(tried, lr)
    warnings = [f"lr {lr_label(lr)} is the {side}est rate tried: a {side}er one may be better."] if side else []
    return decision(context, RULE_NAME, {"lr": lr, "num_steps": best.num_steps}, reason, warnings=warnings)
