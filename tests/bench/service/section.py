"""What a section of the service's bench is: a function from the bench's conditions to figures, as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Literal, Protocol

Better = Literal["higher", "lower"]


class Database(Protocol):
    """A kind of database that studies can live in."""

    @property
    def name(self) -> str: ...

    def fresh(self) -> AbstractContextManager[str]:
        """Create an empty database without tables; yield its address, and delete it afterwards."""


@dataclass(frozen=True)
class Bench:
    """The conditions under which a section measures.

    Attributes:
        databases: each is measured, all of them in one run.
        sizes: trials that a study has beforehand, the smallest first.
        repeats: of everything; what is compared is measured turn by turn within each.
        quick: a taste in seconds: what takes long to build may be built smaller.
    """

    databases: tuple[Database, ...]
    sizes: tuple[int, ...]
    repeats: int
    quick: bool


@dataclass(frozen=True)
class Figure:
    """One thing that was measured.

    Attributes:
        what: in words, the same at every size: ``trials asked, leased and finished, through the store``.
        unit: ``trials/s``, ``ms``, ``MB``.
        values: one a repeat.
        size: trials that the study had beforehand; None where that does not matter.
        by: who did it; another than Stagetune is what it is compared with.
        aim: what every value should reach, or stay below.
        better: which values are the good ones.
    """

    what: str
    unit: str
    database: str
    values: tuple[float, ...]
    size: int | None = None
    by: str = "Stagetune"
    aim: float | None = None
    better: Better = "higher"

    @property
    def mean(self) -> float:
        return mean(self.values)

    @property
    def spread(self) -> float:
        """Standard deviation over the repeats."""
        return stdev(self.values) if len(self.values) > 1 else 0.0

    @property
    def reached(self) -> bool | None:
        """Whether the mean reaches the aim; None without one."""
        if self.aim is None:
            return None
        return self.mean >= self.aim if self.better == "higher" else self.mean <= self.aim


Section = Callable[[Bench], Iterator[Figure]]


def growth(figures: Iterable[Figure]) -> float | None:
    """Return how many times the cost at the smallest size the largest one costs, repeat by repeat.

    A rate is the inverse of a cost. None where there is one size alone.
    """
    by_size = sorted((figure for figure in figures if figure.size is not None), key=lambda figure: figure.size or 0)
    if len(by_size) < 2:
        return None
    pairs = zip(by_size[0].values, by_size[-1].values, strict=True)
    return mean(large / small if by_size[0].better == "lower" else small / large for small, large in pairs)
