"""Text for Plotly, which reads a small HTML of its own: whatever users wrote is escaped before it gets there."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

from service.format import params
from studies.contract.views import TrialView

MOST_NAMED = 6
"""Most hyperparameters that a label names: a study may have hundreds."""

_LONGEST_VALUE = 40

LONGEST_NAME, LONGEST_TICK = 28, 18
"""Characters for which there is room at the title of a small axis, and at a tick: more would leave none to the plot."""


def escape(text: str) -> str:
    """Return `text` such that Plotly shows it as it is."""
    return html.escape(text, quote=False)


def clipped(text: str, most: int) -> str:
    """Return the first `most` characters of `text`, with a mark where something was cut; not yet escaped."""
    return text if len(text) <= most else f"{text[:most]}…"


def trial_label(trial: TrialView) -> str:
    """Return the trial's number and configuration, for hovering; not yet escaped."""
    return f"#{trial.number} · {params(trial.params)} · seed {trial.seed}"


def differing(trials: Iterable[TrialView]) -> tuple[str, ...]:
    """Return the names of hyperparameters, in their own order: those first in which `trials` differ."""
    values: dict[str, list[object]] = {}
    seen = 0
    for trial in trials:
        for name, value in trial.params.items():
            values.setdefault(name, []).append(value)
        seen += 1
    differ = {name for name, found in values.items() if len(found) < seen or any(value != found[0] for value in found)}
    return tuple(sorted(values, key=lambda name: name not in differ))


def short_label(trial: TrialView, names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return the trial's number, and at most `most` of its hyperparameters in the order of `names`; not yet escaped."""
    return " · ".join(filter(None, (f"#{trial.number}", short_params(trial.params, names, most))))


def short_params(values: Mapping[str, object], names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return at most `most` of `values` on one line, in the order of `names`, and how many more there are."""
    named = [name for name in names if name in values]
    shown = params({name: _short(values[name]) for name in named[:most]})
    more = len(named) - most
    return f"{shown} · and {more} more" if more > 0 else shown


def _short(value: object) -> object:
    return clipped(value, _LONGEST_VALUE) if isinstance(value, str) else value
