"""How sure a decision is: its lead against the noise, in words and as two lengths (`studies.core.stats`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from service.conclusions import evidence_number, seeds
from service.format import count, number
from studies.contract.decision import Decision
from studies.contract.study_file import StageKind
from studies.core.stats import Z

Standing = Literal["clear", "within noise", "level", "not known"]

_VERDICTS: dict[Standing, str] = {
    "clear": "A clear lead",
    "within noise": "Within the noise",
    "level": "Level",
    "not known": "Not known",
}
_RIVALS: dict[StageKind, str] = {"confirm": "the second finalist", "decay_schedule": "no decay"}
_EQUAL = 1e-12


@dataclass(frozen=True)
class Sureness:
    """The lead of the choice against the noise.

    Attributes:
        verdict: the answer in a word or three.
        text: the numbers behind it in a sentence.
        lead, noise: both as people read them; the noise is two standard errors of the lead.
        lead_share, noise_share: both as percentages of the wider, for a drawing.
    """

    standing: Standing
    verdict: str
    text: str
    lead: str
    noise: str
    lead_share: int
    noise_share: int


def sureness(kind: StageKind, decision: Decision) -> Sureness | None:
    """Return how sure a decision is, None where nothing was there to be compared with."""
    lead = evidence_number(decision, "lead")
    if lead is None:
        return None
    error = evidence_number(decision, "noise")
    size, noise = abs(lead), None if error is None else Z * error
    widest = max(size, noise or 0.0) or 1.0
    found = standing(lead, noise)
    return Sureness(
        standing=found,
        verdict=_VERDICTS[found],
        text=_text(kind, decision, lead, noise),
        lead=number(size, 2) if size > _EQUAL else "0",
        noise=number(noise, 2),
        lead_share=round(100 * size / widest),
        noise_share=round(100 * (noise or 0.0) / widest),
    )


def standing(lead: float, noise: float | None) -> Standing:
    """Return where a lead stands against two standard errors of it; None is a noise that nobody knows."""
    if noise is None:
        return "not known"
    if abs(lead) > max(noise, _EQUAL):
        return "clear"
    return "level" if abs(lead) <= _EQUAL else "within noise"


def _text(kind: StageKind, decision: Decision, lead: float, noise: float | None) -> str:
    subject = "The best decay" if kind == "decay_schedule" else "The choice"
    gap = _gap(subject, _RIVALS.get(kind, "the next best"), lead, in_loss=decision.evidence.get("judged_by") == "loss")
    if noise is None:
        return f"{gap}. Single runs alone do not say how much of that is luck."
    runs = seeds(decision)
    behind = f" over {count(runs, 'seed')}" if runs > 1 else ""
    return f"{gap}; two standard errors of the difference{behind} are {number(noise, 2)}."


def _gap(subject: str, rival: str, lead: float, *, in_loss: bool) -> str:
    if abs(lead) <= _EQUAL:
        return f"{subject} and {rival} came out equal"
    unit = " in training loss" if in_loss else ""
    return f"{subject} is {number(abs(lead), 2)}{unit} {'ahead of' if lead > 0 else 'behind'} {rival}"
