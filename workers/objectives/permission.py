"""The worker decides what code may run on it."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

from studies.contract.study_file import BuiltinObjective, FunctionObjective, Objective


def refusal(objective: Objective, builtin: Collection[str], allow: Collection[str]) -> str | None:
    """Return why this worker does not run `objective`, None where it does.

    Args:
        objective: what a lease asks for.
        builtin: names of the task classes that this worker offers.
        allow: patterns of function targets (fnmatch), such as ``train.py:*``.
    """
    match objective:
        case BuiltinObjective(name=name) if name not in builtin:
            return f"this worker does not offer {name}: install stagetune[worker] there"
        case FunctionObjective(target=target) if not any(fnmatchcase(target, pattern) for pattern in allow):
            return f"this worker does not allow {target}: start it with --allow '{target}'"
    return None
