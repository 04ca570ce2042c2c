"""The best configuration as data: to be read by a training script, or to begin another study with."""

from __future__ import annotations

import json
import math
from typing import Any

import yaml

from service.conclusions import Chosen, chosen
from studies.contract.base import Params
from studies.contract.search_space import STANDARD
from studies.contract.study_document import to_document
from studies.contract.study_file import StudySpec
from studies.contract.study_text import write_yaml
from studies.contract.views import StudyView


def document(study: StudyView) -> dict[str, Any]:
    """Return what was chosen, and the best single run beside it; before the first decision that run stands for it."""
    found, best = chosen(study), study.best
    run = {"trial": best.trial_id, "params": dict(best.params), "metrics": dict(best.metrics)} if best else {}
    if found is None:
        return {"study": study.name} | run
    return {"study": study.name} | _document(found, study.spec) | {"best_run": run}


def _document(found: Chosen, spec: StudySpec) -> dict[str, Any]:
    return {
        "trial": found.trial_id,
        "optimizer": spec.optimizer,
        "params": dict(found.params),
        "num_steps": found.num_steps,
        "schedule": {"kind": found.schedule.kind} | found.schedule.model_dump(mode="json", exclude_defaults=True),
        "metrics": {spec.metric.name: found.score},
        "seeds": found.seeds,
    }


def as_yaml(study: StudyView) -> str:
    return yaml.safe_dump(document(study), sort_keys=False, allow_unicode=True)


def as_json(study: StudyView) -> str:
    """Return `document` as JSON, which has no NaN: what is not finite is null."""
    return json.dumps(_finite(document(study)), indent=2, ensure_ascii=False) + "\n"


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {name: _finite(part) for name, part in value.items()}
        case list() | tuple():
            return [_finite(part) for part in value]
        case float() if not math.isfinite(value):
            return None
    return value


def next_study(spec: StudySpec, found: Chosen) -> str:
    """Return a study file, as YAML, of a guided search that begins with `found`.

    Its ranges are those of `spec`, the choice in place of their own starting values. A schedule cannot stand in a
    study file: the search looks for its own.
    """
    data = {name: value for name, value in to_document(spec).items() if name in _KEPT}
    settings = {name: value for name, value in found.params.items() if name in STANDARD}
    space = {name: _begun(part, name, found.params) for name, part in data.pop("space", {}).items()}
    data |= {"name": spec.name[:_LONGEST] + _NEXT, "defaults": data["defaults"] | settings}
    data |= {"space": space} if space else {}
    return write_yaml(data)


_KEPT = (
    "name",
    "objective",
    "metric",
    "optimizer",
    "precision",
    "seed",
    "budget",
    "evaluate_every",
    "defaults",
    "space",
)
_NEXT = "-next"
_LONGEST = 100 - len(_NEXT)
"""A name has at most 100 characters."""


def _begun(part: dict[str, Any], name: str, values: Params) -> dict[str, Any]:
    return part if name in STANDARD or name not in values else part | {"default": values[name]}
