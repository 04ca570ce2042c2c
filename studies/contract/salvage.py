"""What can be read of a worker's news when not all of it can: one poisoned report does not hold back the others.

A worker sends news again until they are acknowledged. So a report that can never be read must not refuse the whole
message, or its node would be stuck with it until every lease had run out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from studies.contract.worker_protocol import AttemptReport, Outcome, SyncRequest

MAX_WORDS = 500
"""Longest description of what is wrong with a report."""

_PARTS = ("attempts", "devices", "profiles")
_WITHIN_AN_ITEM = 2
"""Least length of the path of a fault that lies within one report, device or profile."""


def salvaged(tree: Any, error: ValidationError) -> SyncRequest:
    """Return what the parsed body of a sync says, without the parts that cannot be read.

    A report that cannot be read but says whose it is ends its attempt as failed, with what is wrong; a device or a
    profile is left out.

    Args:
        tree: the body: dictionaries, lists and scalars.
        error: why it is no `SyncRequest`.

    Raises:
        ValidationError: not only single parts of it are wrong, or nobody can say whose report that is.
    """
    wrong = _wrong_items(error)
    reports = [_failure(tree["attempts"][place], faults, error) for place, faults in wrong["attempts"].items()]
    kept = {
        part: [item for place, item in enumerate(tree.get(part, ())) if place not in wrong[part]] for part in _PARTS
    }
    return SyncRequest.model_validate(kept | {"attempts": [*kept["attempts"], *reports]})


def poisoned(attempt_id: str, token: str, what: str) -> AttemptReport:
    """Return the report that stands for one that cannot be taken: its run has failed."""
    reason = f"poisoned: what its worker reported cannot be taken, {what[:MAX_WORDS]}"
    return AttemptReport(attempt_id=attempt_id, token=token, outcome=Outcome(state="failed", reason=reason))


def _wrong_items(error: ValidationError) -> dict[str, dict[int, list[ErrorDetails]]]:
    """Return the faults by part and place in it."""
    wrong: dict[str, dict[int, list[ErrorDetails]]] = {part: defaultdict(list) for part in _PARTS}
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        path = fault["loc"]
        if len(path) < _WITHIN_AN_ITEM or path[0] not in _PARTS or not isinstance(path[1], int):
            raise error
        wrong[str(path[0])][path[1]].append(fault)
    return wrong


def _failure(item: Any, faults: Sequence[ErrorDetails], error: ValidationError) -> AttemptReport:
    attempt_id, token = (item.get(key) if isinstance(item, Mapping) else None for key in ("attempt_id", "token"))
    if not (isinstance(attempt_id, str) and isinstance(token, str)):
        raise error
    words = [f"{'.'.join(map(str, fault['loc'][_WITHIN_AN_ITEM:]))}: {fault['msg']}" for fault in faults]
    return poisoned(attempt_id, token, "; ".join(words))
