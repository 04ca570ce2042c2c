"""The worker decides what code may run on it."""

from __future__ import annotations

from collections.abc import Collection

from studies.contract.permission import how_to_allow, in_words, permits
from studies.contract.study_file import BuiltinObjective, Objective


def refusal(objective: Objective, builtin: Collection[str], allow: Collection[str]) -> str | None:
    """Return why this worker does not run `objective`, None where it does.

    Args:
        objective: what a lease asks for.
        builtin: names of the task classes that this worker offers.
        allow: patterns of users' code (`studies.contract.permission`).
    """
    if permits(objective, builtin, allow):
        return None
    if isinstance(objective, BuiltinObjective):
        return f"this worker does not offer {objective.name}: install stagetune[worker] there"
    return f"this worker does not allow {in_words(objective)}: start it with {how_to_allow(objective)}"
