"""The REST API: thin routes from HTTP to the store's port. Handlers are plain functions, run in the thread pool."""

from __future__ import annotations

from typing import Any

from service.problems import MEDIA_TYPE
from studies.contract.views import Problem

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in {
        "4XX": "What was asked for cannot be done: `detail` says what to do.",
        "5XX": "The service or its database failed: try again.",
        422: "Refused whole: `faults` names every fault by its path.",
    }.items()
}
"""How every route documents its failures."""
