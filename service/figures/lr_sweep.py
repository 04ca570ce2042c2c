"""Stage 1, the sweep: every trial with its loss curve, and the part that it plays in the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from service.conclusions import evidence_number
from service.figures.drawing import Table
from service.figures.evidence import chosen_trial, weighed_trials
from service.figures.series import Series, by_number, final_value, points_each, series, smoothed
from service.format import number
from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.views import TrialView
from studies.core.snapshot import Curve

Role = Literal["chosen", "weighed", "diverged", "other"]
_SMOOTHING = 8


@dataclass(frozen=True)
class SweepRow:
    """A trial of the sweep: its rate, its loss curve raw and smoothed, and what part it plays."""

    trial: TrialView
    lr: float
    role: Role
    raw: Series
    smooth: Series
    final_loss: float | None


@dataclass(frozen=True)
class SweepData:
    """The sweep's rows by number; the others are steps, None before the decision (or where nobody can tell).

    ``plateau`` is where the dev metric stopped gaining, where that is later than ``converged``.
    """

    rows: tuple[SweepRow, ...]
    converged: float | None
    plateau: float | None
    num_steps: float | None

    @property
    def chosen(self) -> SweepRow | None:
        return next((row for row in self.rows if row.role == "chosen"), None)

    def in_role(self, role: Role) -> list[SweepRow]:
        return [row for row in self.rows if row.role == role]


def lr_sweep_data(trials: Sequence[TrialView], losses: Mapping[str, Curve], decision: Decision | None) -> SweepData:
    """Return what the sweep knows. `losses` holds the whole loss curves by trial id; trials without one are left out.

    `trials` are those of the stage, plus any other that the decision is about.
    """
    drawn = [trial for trial in by_number(trials) if trial.id in losses and "lr" in trial.params]
    points = points_each(2 * len(drawn))
    rows = tuple(_row(trial, losses[trial.id], decision, points) for trial in drawn)
    steps = decision.choice.get("num_steps") if decision else None
    converged, plateau = (evidence_number(decision, name) for name in ("convergence_step", "dev_plateau_step"))
    return SweepData(
        rows=rows,
        converged=converged,
        plateau=plateau if plateau and converged and plateau > converged else None,
        num_steps=float(steps) if isinstance(steps, int | float) else None,
    )


def _row(trial: TrialView, loss: Curve, decision: Decision | None, points: int) -> SweepRow:
    return SweepRow(
        trial=trial,
        lr=float(trial.params["lr"]),
        role=_role(trial, decision),
        raw=series(loss, points),
        smooth=smoothed(loss, _SMOOTHING, points),
        final_loss=final_value(loss),
    )


def _role(trial: TrialView, decision: Decision | None) -> Role:
    if trial.state is TrialState.DIVERGED:
        return "diverged"
    if trial.id == chosen_trial(decision):
        return "chosen"
    return "weighed" if trial.id in weighed_trials(decision)[:2] else "other"


def sweep_table(data: SweepData) -> Table:
    """Return a row a trial, by rate."""
    rows = tuple(
        (f"#{r.trial.number}", number(r.lr), str(r.trial.seed), r.trial.state.value, number(r.final_loss))
        for r in sorted(data.rows, key=lambda row: row.lr)
    )
    return Table(("trial", "learning rate", "seed", "state", "final loss, smoothed"), rows)
