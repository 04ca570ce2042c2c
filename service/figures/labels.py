"""Text for Plotly, which reads a small HTML of its own: whatever users wrote is escaped before it gets there."""

from __future__ import annotations

import html

from service.format import params
from studies.contract.views import TrialView


def escape(text: str) -> str:
    """Return `text` such that Plotly shows it as it is."""
    return html.escape(text, quote=False)


def trial_label(trial: TrialView) -> str:
    """Return the trial's number and configuration, for hovering; not yet escaped."""
    return f"#{trial.number} · {params(trial.params)} · seed {trial.seed}"
