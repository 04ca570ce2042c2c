"""What a stage concluded, with the evidence: the record that the user reads and that the next stage starts from."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from studies.contract.base import Measured, Message, Params
from studies.contract.schedule import Schedule


class Candidate(Message):
    """A configuration that is carried on, or was weighed and left behind.

    Attributes:
        trial_id: the trial that stands for it (its best replicate).
        params: the whole configuration, every hyperparameter by name.
        schedule: its learning-rate schedule.
        num_steps: the steps that a further run of it should take.
        score: the metric by which it was judged, in the study's own direction; None when it was judged by loss alone.
        note: one sentence: why it stands where it stands.
    """

    trial_id: str
    params: Params
    schedule: Schedule
    num_steps: int
    score: Measured | None = None
    note: str = ""


class Decision(Message):
    """A stage's conclusion. Append-only: a decision is never changed, a later one may supersede it.

    Attributes:
        rule: name of the rule and its source, e.g. ``"fastest and deepest curve (guide, stage 1)"``.
        choice: what was chosen, by name, e.g. ``{"lr": 0.03, "num_steps": 600}``.
        reason: one plain sentence with numbers.
        evidence: the numbers the rule saw, JSON data, keyed by standard terms.
        runners_up: what was weighed and rejected, best first, each with a note.
        what_would_flip_it: one sentence: the smallest change of evidence that would change the choice.
        candidates: what the next stage starts from, best first; empty only where the study fails.
        warnings: things the user should know (edge of the grid, tie, budget cut, not converged), one sentence each.
    """

    rule: str
    choice: dict[str, Any]
    reason: str = Field(min_length=1)
    evidence: dict[str, Any] = Field(default_factory=dict)
    runners_up: tuple[Candidate, ...] = ()
    what_would_flip_it: str = Field(min_length=1)
    candidates: tuple[Candidate, ...] = ()
    warnings: tuple[str, ...] = ()
