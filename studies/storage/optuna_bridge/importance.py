"""How much each hyperparameter matters, by Optuna's PED-ANOVA (Watanabe et al., 2023), as a pure function.

It asks where the best runs are, against where all of them are: a hyperparameter whose good values differ from the
usual ones matters, one whose good values are spread as all are does not. It takes the way in which points were chosen
into account, needs no model to be fitted and no scikit-learn, and a thousand runs take some hundredths of a second.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

BEST_AT_LEAST = 5
"""Runs among the best that PED-ANOVA needs to say anything stable, by its authors."""

SHARE = 0.1
"""Share of the runs that counts as the best, where that is enough of them."""

FEWEST = 4 * BEST_AT_LEAST
"""Runs below which the best would be a quarter of all and more: then hardly anything sets them apart."""


@dataclass(frozen=True)
class Question:
    """What is asked, equal to itself by content, so that an answer can be kept.

    Attributes:
        names: hyperparameters, d of them; each takes more than one value.
        kinds: of each: a number between 0 and 1, or a category.
        points: one row a run, its values in the order of `names`.
        scores: one a run, finite.
    """

    names: tuple[str, ...]
    kinds: tuple[Literal["number", "category"], ...]
    points: tuple[tuple[float | str, ...], ...]
    scores: tuple[float, ...]
    maximize: bool


@lru_cache(maxsize=64)
def importances(question: Question) -> dict[str, float]:
    """Return the share of each hyperparameter in what sets the best runs apart; they sum to one.

    Empty with fewer than `FEWEST` runs, without a hyperparameter, and where all scores are equal.
    """
    if len(question.scores) < FEWEST or not question.names or len(set(question.scores)) == 1:
        return {}
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances  # loads scikit-learn: seconds

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(direction="maximize" if question.maximize else "minimize")
        study.add_trials(_trials(question))
        best = max(SHARE, BEST_AT_LEAST / len(question.scores))
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=best))
    return {name: float(share) for name, share in found.items()}


def _trials(question: Question) -> Sequence[optuna.trial.FrozenTrial]:
    distributions: dict[str, BaseDistribution] = {
        name: _distribution(kind, [point[index] for point in question.points])
        for index, (name, kind) in enumerate(zip(question.names, question.kinds, strict=True))
    }
    return [
        create_trial(
            state=TrialState.COMPLETE,
            value=score,
            params=dict(zip(question.names, point, strict=True)),
            distributions=distributions,
        )
        for point, score in zip(question.points, question.scores, strict=True)
    ]


def _distribution(kind: str, values: Sequence[float | str]) -> BaseDistribution:
    return CategoricalDistribution(list(dict.fromkeys(values))) if kind == "category" else FloatDistribution(0.0, 1.0)
