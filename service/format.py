"""Numbers, times and states for people: 3.2e-4, 1 h 12 min, 14.3 GiB, "awaiting approval"."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from studies.contract.study_file import StageKind

MISSING: Final = "—"
"""Stands where there is nothing to say."""

TIMES: Final = "\u00d7"
"""The sign of multiplication."""

_STAGE_TITLES: Final[dict[StageKind, str]] = {
    "lr_sweep": "Learning rate and steps",
    "batch_momentum": "Batch size and momentum",
    "decay_schedule": "Decay schedule",
    "lr_halving": "Learning rate by halving",
    "decay_probes": "Late decay",
    "parameter_probes": "One hyperparameter at a time",
    "search": "Search",
    "joint_search": "Joint search",
    "confirm": "Confirmation with new seeds",
}
_EXPONENT: Final = re.compile(r"(\de)-(\d)")
_PADDED_EXPONENT: Final = re.compile(r"(?<=\de)(?:\+|(-))0*(?=\d)")
_NAMES: Final = frozenset({"lr", "num_steps"})
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_MANY_HOURS = 100
_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-3, 1e6


def number(value: float | None, digits: int = 4) -> str:
    """Return `value` with at most `digits` significant digits: ``0.0123``, ``3.2e-4``, ``12,000``, ``NaN``."""
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if value != 0 and not _SMALLEST_PLAIN <= abs(value) < _LARGEST_PLAIN:
        return _scientific(value, digits)
    if float(value).is_integer():
        return f"{int(value):,}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}".rstrip("0").rstrip(".") if decimals else f"{value:,.0f}"


def _scientific(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"


def scalar(value: object) -> str:
    """Return a hyperparameter's value: numbers as `number` writes them, everything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return number(value)


def params(values: Mapping[str, object]) -> str:
    """Return a configuration on one line: ``lr 0.01 · batch size 64``."""
    return " · ".join(f"{words(name)} {scalar(value)}" for name, value in values.items())


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units: ``42 s``, ``3 min 20 s``, ``1 h 12 min``, ``2 d 3 h``."""
    if seconds is None:
        return MISSING
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole, _MINUTE, "min", 1, "s")
    if whole < _DAY:
        return _two(whole, _HOUR, "h", _MINUTE, "min")
    return _two(whole, _DAY, "d", _HOUR, "h")


def _two(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = whole % large // small
    return f"{whole // large} {large_name}" + (f" {rest} {small_name}" if rest else "")


def device_hours(seconds: float) -> str:
    """Return how long devices were busy: ``12 min 4 s``, and from an hour on in hours, which is how they are paid for.

    ``1.5 h``, ``128 h``.
    """
    if seconds < _HOUR:
        return duration(seconds)
    hours = seconds / _HOUR
    return f"{hours:,.0f} h" if hours >= _MANY_HOURS else f"{hours:.1f} h"


def ago(then: float | None, now: float) -> str:
    """Return how long before `now` something was (both in seconds since 1970): ``3 min ago``, ``just now``."""
    if then is None:
        return MISSING
    passed = now - then
    if passed < 2:  # noqa: PLR2004 - clocks of browser and database differ by about as much
        return "just now"
    whole = duration(passed)
    return f"{whole if passed < _MINUTE else ' '.join(whole.split()[:2])} ago"


def memory(size: int | None) -> str:
    """Return a number of bytes in binary units: ``512 B``, ``14.3 GiB``."""
    if size is None:
        return MISSING
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004 - the unit itself
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def words(name: str) -> str:
    """Return an identifier as words: ``dev_accuracy`` -> ``dev accuracy``."""
    return name.replace("_", " ")


def unbroken(text: str) -> str:
    """Return `text` with numbers such as 1e-5 kept on one line: their hyphens are made non-breaking."""
    return _EXPONENT.sub("\\1\u2011\\2", text)


def sentence(text: str, metric: str = "") -> str:
    """Return `text` as it stands on a page: with a capital, a full stop, and numbers as `number` writes them (1e-6).

    Names such as ``lr``, ``dev_loss`` and ``budget.steps`` keep their small letter; that of `metric` becomes words.
    """
    said = re.sub(rf"\b{re.escape(metric)}\b", words(metric), text) if metric else text
    stripped = _PADDED_EXPONENT.sub(r"\1", said.strip())
    if not stripped:
        return ""
    first = stripped.split(maxsplit=1)[0]
    begun = stripped if first in _NAMES or "_" in first or "." in first[:-1] else stripped[0].upper() + stripped[1:]
    return begun + ("" if begun[-1] in ".!?…" else ".")


def count(amount: int, noun: str) -> str:
    """Return ``1 trial``, ``2,400 trials``."""
    return f"{amount:,} {noun}" + ("" if amount == 1 else "s")


def stage_title(kind: StageKind) -> str:
    return _STAGE_TITLES[kind]
