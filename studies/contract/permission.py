"""Which workers may run what: a worker offers builtin objectives by name, and allows users' code by patterns.

A pattern is a glob (fnmatch). One that begins with ``command:`` speaks of commands, as a shell would have them typed:
``command:python train.py *``. Every other one speaks of functions: ``train.py:*``.
"""

from __future__ import annotations

import glob
import re
import shlex
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from studies.contract.command import CommandObjective
from studies.contract.study_file import BuiltinObjective, FunctionObjective, Objective

COMMAND = "command:"
_PLAIN = re.compile(r"[\w@%+=:,./{}-]+", re.ASCII)
"""A word that is typed as it is: to a shell's taste, and placeholders."""


def permits(objective: Objective, builtin: Collection[str], allow: Collection[str]) -> bool:
    """Say whether a worker runs an objective.

    Args:
        objective: what is to be run.
        builtin: names of the task classes that the worker offers.
        allow: its patterns.
    """
    match objective:
        case BuiltinObjective(name=name):
            return name in builtin
        case FunctionObjective(target=target):
            return any(fnmatchcase(target, pattern) for pattern in allow if not pattern.startswith(COMMAND))
        case CommandObjective(command=command):
            text = typed(command)
            own = (pattern.removeprefix(COMMAND) for pattern in allow if pattern.startswith(COMMAND))
            return any(fnmatchcase(text, pattern) for pattern in own)


def in_words(objective: Objective) -> str:
    """Return what people call an objective: its name, its target, or the command as one would type it."""
    match objective:
        case BuiltinObjective(name=name):
            return name
        case FunctionObjective(target=target):
            return target
        case CommandObjective(command=command):
            return typed(command)


def typed(command: Sequence[str]) -> str:
    """Return a command on one line, words quoted where they must be: two commands are never typed alike."""
    return " ".join(word if _PLAIN.fullmatch(word) else shlex.quote(word) for word in command)


def pattern_for(objective: FunctionObjective | CommandObjective) -> str:
    """Return the pattern that allows exactly this objective."""
    prefix = COMMAND if isinstance(objective, CommandObjective) else ""
    return prefix + glob.escape(in_words(objective))


def how_to_allow(objective: FunctionObjective | CommandObjective) -> str:
    """Return the flag of ``stagetune-worker`` that allows exactly this objective, quoted for a shell."""
    return f"--allow {_quoted(pattern_for(objective))}"


def _quoted(text: str) -> str:
    """Quote for a shell, always: a pattern that needs no quotes today may get a star tomorrow."""
    return shlex.quote(text) if "'" in text else f"'{text}'"
