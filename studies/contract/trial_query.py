"""What is asked of a study's trials: a filter, an order and a window, as plain values.

`studies.core.query` reads them from text (``lr < 0.1 and state = diverged``) and writes them back; the stores answer.

What a comparison means: it holds for a trial that has the value asked about, of the kind asked for, and otherwise not.
So ``not lr < 0.1`` also holds for a trial that has no ``lr``. NaN and the empty text count as missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from studies.contract.schedule import ScheduleKind
from studies.contract.states import TrialState
from studies.contract.study_file import StageKind

FactName = Literal[
    "number",
    "state",
    "stage",
    "key",
    "seed",
    "steps",
    "num_steps",
    "schedule",
    "duration",
    "worker",
    "reason",
    "ended_because",
]
"""What every trial has: ``steps`` it trained so far of ``num_steps``; ``duration`` in seconds, so far where it has not
ended; ``worker`` of its latest attempt, by name."""

Part = Literal["last", "min", "max"]
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Value = float | str | bool
"""Numbers are floats throughout; a bool is neither a number nor a text."""

NUMERIC_FACTS: frozenset[FactName] = frozenset({"number", "seed", "steps", "num_steps", "duration"})

CHOICES: dict[FactName, tuple[str, ...]] = {
    "state": tuple(state.value for state in TrialState),
    "stage": get_args(StageKind),
    "schedule": get_args(ScheduleKind),
}
"""The facts that have one of a few values, in the order in which these are sorted."""

MAX_FILTER_LENGTH = 1_000
"""Most characters of a filter."""

MAX_CONDITIONS = 32
"""Most comparisons of a filter: each of them is looked up for every trial of a study."""

MAX_DEPTH = 16
"""Most parentheses and negations within each other."""

MOST_ROWS = 1_000
"""Most trials of one answer."""


@dataclass(frozen=True)
class Fact:
    name: FactName


@dataclass(frozen=True)
class Param:
    """A hyperparameter."""

    name: str


@dataclass(frozen=True)
class Measure:
    """The last, the smallest or the largest finite value of a metric; ``last`` may be infinite."""

    metric: str
    part: Part


Term = Fact | Param | Measure
"""What can be compared, sorted by, and shown as a column."""


@dataclass(frozen=True)
class Compare:
    """``lr < 0.1``. Only numbers are ordered; ``!=`` holds for every other value, of whatever kind, not for none."""

    term: Term
    operator: Operator
    value: Value


@dataclass(frozen=True)
class OneOf:
    """``batch_size in (32, 64)``."""

    term: Term
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Contains:
    """``reason contains "seed"``: a text has it somewhere in it; A to Z are taken for a to z."""

    term: Term
    text: str


@dataclass(frozen=True)
class Missing:
    """``dev_accuracy is missing``."""

    term: Term


@dataclass(frozen=True)
class Not:
    operand: Filter


@dataclass(frozen=True)
class AllOf:
    """``a and b``: two operands at least."""

    operands: tuple[Filter, ...]


@dataclass(frozen=True)
class AnyOf:
    """``a or b``: two operands at least."""

    operands: tuple[Filter, ...]


Condition = Compare | OneOf | Contains | Missing
Filter = Condition | Not | AllOf | AnyOf


@dataclass(frozen=True)
class Order:
    """By what trials come: numbers by size, then texts by code point, or all of that the other way round.

    States, stages and schedules come in the order of `CHOICES`, true and false as 1 and 0. What has no value comes
    last either way, and ties come by number.
    """

    term: Term = field(default_factory=lambda: Fact("number"))
    descending: bool = False


@dataclass(frozen=True)
class TrialQuery:
    """Which trials of a study, in which order, and which of these: ``limit`` (1 at least) from place ``offset`` on."""

    filter: Filter | None = None
    order: Order = Order()
    offset: int = 0
    limit: int = 100
