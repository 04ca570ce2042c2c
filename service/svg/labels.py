"""Plotly's labels, which carry a small HTML of their own, as plain words; and how wide words are."""

from __future__ import annotations

import html
import re

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"</?(?:b|i|em|strong|sub|sup|span|a|extra)\b[^>]*>", re.IGNORECASE)
_NARROW, _WIDE = frozenset("iljtf.,:;|!'()[] "), frozenset("mwMW—%@")
_WIDTHS = (0.34, 0.61, 0.92)
"""Widths of narrow, usual and wide characters as shares of the size: a little more than most sans-serifs take."""


def lines(label: object) -> tuple[str, ...]:
    """Return the lines of a label as plain words: ``<br>`` ends a line, other tags of Plotly's go.

    What users wrote is escaped in a label (`service.figures.labels.escape`), so a tag in it comes back as text.
    """
    return tuple(html.unescape(_TAG.sub("", part)) for part in _BREAK.split("" if label is None else str(label)))


def plain(label: object) -> str:
    """Return a label as plain words on one line."""
    return " · ".join(line for line in lines(label) if line)


def width(text: str, size: float) -> float:
    """Return about how wide `text` is in pixels at a font size of `size` pixels."""
    return size * sum(_WIDTHS[0] if c in _NARROW else _WIDTHS[2] if c in _WIDE else _WIDTHS[1] for c in text)


def fitted(text: str, size: float, room: float) -> str:
    """Return `text`, cut with an ellipsis where it is wider than `room` pixels."""
    if width(text, size) <= room:
        return text
    kept = text
    while kept and width(kept + "…", size) > room:
        kept = kept[:-1]
    return kept.rstrip() + "…"
