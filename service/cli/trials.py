"""``stagetune trials``: the trials of a study that a filter asks for, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.common import (
    DEFAULT_SERVER,
    DescendingOption,
    FilterOption,
    ServerOption,
    SortOption,
    StudyArgument,
    TokenOption,
    study_id_of,
)
from service.cli.console import err, out
from service.client import ApiClient
from service.format import count, number, scalar, words
from studies.contract.study_file import Metric
from studies.contract.trial_query import MOST_ROWS
from studies.contract.views import TrialView


def trials(
    study: StudyArgument,
    filter_text: FilterOption = "",
    sort: SortOption = "",
    descending: DescendingOption = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST_ROWS, help="At most so many.")] = 20,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
) -> None:
    """List a study's trials, those of which a filter holds, in any order."""
    with ApiClient(server, token) as client:
        view = client.study(study_id_of(client, study))
        found = client.find_trials(view.id, filter_text, sort, descending=descending, limit=limit)
    total = found.total or 0
    if found.trials:
        out.print(trial_table(found.trials, view.spec.metric))
    err.print(f"{count(total, 'trial')}" + (f", {len(found.trials)} shown." if total > len(found.trials) else "."))


def trial_table(found: Sequence[TrialView], metric: Metric) -> Table:
    """Return trials as a table; hyperparameters that are the same in all of them are left out."""
    names = [*_varying(found)]
    table = Table("trial", "state", "stage", *map(words, names), words(metric.name), "steps", box=None, pad_edge=False)
    for trial in found:
        cells = [escape(scalar(trial.params[name])) if name in trial.params else "" for name in names]
        table.add_row(
            str(trial.number), words(trial.state), words(trial.stage), *cells, _best(trial, metric),
            f"{trial.last_step}/{trial.num_steps}",
        )  # fmt: skip
    return table


def _varying(found: Sequence[TrialView]) -> Iterator[str]:
    """Yield the hyperparameters that tell these trials apart; all of them where there is one trial."""
    for name in dict.fromkeys(name for trial in found for name in trial.params):
        if len(found) == 1 or len({repr(trial.params.get(name)) for trial in found}) > 1:
            yield name


def _best(trial: TrialView, metric: Metric) -> str:
    known = trial.metrics.get(metric.name)
    return "" if known is None else number(known.maximum if metric.direction == "maximize" else known.minimum)
