"""The objective ``command``: any program, as a list of words. No shell ever sees them.

A word may name hyperparameters and facts of the run in braces, as in ``--lr={lr}``. A brace that encloses no name is
itself, and ``{{lr}}`` is the text ``{lr}``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from studies.contract.base import Message

MAX_WORDS = 500
MAX_WORD = 8_000
"""Characters of a word: all of them together fit into what an operating system takes."""

RUN_WORDS = (
    "num_steps",
    "evaluate_every",
    "seed",
    "device",
    "optimizer",
    "precision",
    "metric",
    "metrics",
    "checkpoint_dir",
    "resume_step",
    "run",
    "schedule_kind",
    "schedule_start",
    "schedule_end",
    "schedule_warmup_steps",
    "schedule_interval",
    "schedule_rate",
    "schedule_power",
    "schedule_milestones",
    "schedule_floor",
)
"""What a command can ask for beside its hyperparameters: ``{seed}``, and ``STAGETUNE_SEED`` in its environment."""

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BRACES = {"{{": "{", "}}": "}"}

Word = Annotated[str, Field(max_length=MAX_WORD)]


class CommandObjective(Message):
    """A program with its arguments, e.g. ``["python", "train.py", "--lr", "{lr}"]``, run in the worker's folder.

    The worker decides whether it may run (``stagetune-worker --allow 'command:python train.py *'``). Parameters are
    in its environment too (``STAGETUNE_PARAM_LR``); it writes its metrics as JSON lines to ``STAGETUNE_METRICS``.
    """

    kind: Literal["command"]
    command: Annotated[tuple[Word, ...], Field(min_length=1, max_length=MAX_WORDS)]

    @field_validator("command")
    @classmethod
    def _a_program_and_its_arguments(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not command[0].strip() or placeholders(command[:1]):
            raise _fault("must begin with a program, written out: only its arguments may hold placeholders")
        if any("\0" in word for word in command):
            raise _fault("must not hold the character NUL")
        return command


def _fault(message: str) -> PydanticCustomError:
    return PydanticCustomError("study", "{message}", {"message": message})


def placeholders(command: Iterable[str]) -> list[str]:
    """Return the names that the words ask for, in order."""
    return [match[1] for word in command for match in _PLACEHOLDER.finditer(word) if match[1]]


def unknown_placeholder(command: Iterable[str], parameters: Collection[str]) -> str | None:
    """Return what is wrong with the names that a command asks for, None where all of them are known.

    Args:
        command: the words.
        parameters: names of the study's hyperparameters.
    """
    stray = next((name for name in placeholders(command) if name not in parameters and name not in RUN_WORDS), None)
    if stray is None:
        return None
    known = ", ".join((*parameters, *RUN_WORDS))
    return (
        f"names {{{stray}}}, which no run has: use one of {known}; give {stray} a range under space; "
        f"or write {{{{{stray}}}}} for the text itself"
    )


def without_missing(command: Iterable[str], values: Collection[str]) -> list[str]:
    """Return the words but those that name what a run has not: a hyperparameter whose condition does not hold."""
    return [word for word in command if all(name in values for name in placeholders([word]))]


def filled(command: Iterable[str], values: Mapping[str, str]) -> list[str]:
    """Return the words with the values in their places.

    Raises:
        KeyError: a name without a value.
    """
    return [_PLACEHOLDER.sub(lambda match: _BRACES.get(match[0]) or values[match[1]], word) for word in command]
