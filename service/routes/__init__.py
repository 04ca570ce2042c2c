"""The REST API: thin routes from HTTP to the store's port. Handlers are plain functions, run in the thread pool."""

from __future__ import annotations

from typing import Any

from service.problems import MEDIA_TYPE
from studies.contract.views import Problem

_MEANINGS: dict[int | str, str] = {
    "4XX": "What was asked for cannot be done: `detail` says what to do.",
    "5XX": "The service or its database failed: try again.",
    422: "Refused whole: `faults` names every fault by its path.",
}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": meaning, "content": {MEDIA_TYPE: {}}}
    for status, meaning in _MEANINGS.items()
}
"""How every route documents its failures."""
