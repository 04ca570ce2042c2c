"""The heart: what to do now about a study, by all that is known of it. A pure function, asked after every event."""

from __future__ import annotations

from studies.contract.decision import Candidate, Decision
from studies.contract.states import StageState, StudyState
from studies.core.actions import Action, AwaitApproval, Finish, OpenStage
from studies.core.context import Context
from studies.core.plan import trial_limit
from studies.core.pruning import Pruner, keep_all
from studies.core.sampling import Sampler
from studies.core.search.budget import total
from studies.core.snapshot import Snapshot
from studies.core.stages import demands_of, rule_of


def decide(snapshot: Snapshot, sampler: Sampler, pruner: Pruner = keep_all) -> tuple[Action, ...]:
    """Return what to do now; ``()`` when there is nothing to do but wait.

    ``sampler`` and ``pruner`` are pure too: the first says where a search looks next, the second which of its runs
    under way are not worth going on with.

    Asking twice changes nothing: the answer depends on the arguments alone. After the actions are applied, ask
    again: opening a stage is one answer, its first trials are the next.
    """
    if snapshot.state not in (StudyState.QUEUED, StudyState.RUNNING):
        return ()
    for position, stage in enumerate(snapshot.stages):
        match stage.state:
            case StageState.COMPLETED:
                continue
            case StageState.PENDING:
                return (_enter(snapshot, position),)
            case StageState.RUNNING:
                return _proceed(snapshot, position, sampler, pruner)
            case _:
                return ()
    return (_finish(snapshot),)


def _enter(snapshot: Snapshot, position: int) -> Action:
    stage = snapshot.stages[position]
    if snapshot.spec.gates == "approve" and position > 0 and not stage.approved:
        concluded = decisions(snapshot)[-1].reason
        return AwaitApproval(stage.kind, f"{concluded} Approve the study to begin {stage.kind}, or cancel it.")
    return OpenStage(stage.kind)


def _proceed(snapshot: Snapshot, position: int, sampler: Sampler, pruner: Pruner) -> tuple[Action, ...]:
    stage = snapshot.spec.stages[position]
    limit, incoming = _limit(snapshot, position), _incoming(snapshot)
    return rule_of(stage.kind).act(Context(snapshot, stage, limit, sampler, incoming, pruner))


def _limit(snapshot: Snapshot, position: int) -> int:
    """Return how many trials a stage may have; where steps are what is counted, no more than one a step."""
    demands = demands_of(snapshot.spec)
    if not demands:
        return total(snapshot.spec)
    return trial_limit(snapshot, snapshot.spec.stages[position].kind, demands)


def _incoming(snapshot: Snapshot) -> tuple[Candidate, ...]:
    concluded = decisions(snapshot)
    return concluded[-1].candidates if concluded else ()


def decisions(snapshot: Snapshot) -> tuple[Decision, ...]:
    """Return the decisions of the stages that have closed, in their order."""
    return tuple(stage.decision for stage in snapshot.stages if stage.decision is not None)


def _finish(snapshot: Snapshot) -> Action:
    concluded = decisions(snapshot)
    best = concluded[-1].candidates[0]
    return Finish(best.trial_id, f"Every stage has closed. {_gain(snapshot, concluded)}")


def _gain(snapshot: Snapshot, concluded: tuple[Decision, ...]) -> str:
    metric = snapshot.spec.metric.name
    before = next((d.evidence["dev_before"] for d in concluded if d.evidence.get("dev_before") is not None), None)
    after = concluded[-1].evidence.get("dev_after")
    if before is None or after is None:
        return f"{metric} was not measured throughout, so there is no before and after to compare."
    since = "before" if concluded[0].evidence.get("dev_before") is not None else "after"
    return f"{metric} went from {before:.4g} {since} the first stage to {after:.4g} after the last."
