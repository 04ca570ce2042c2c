"""Plotly figures as still SVG: the same dictionaries that the pages draw, without Plotly and without a browser.

Understood are the parts of Plotly that `service.figures` uses: scatter, bar, heat map and parallel coordinates on
linear, log and category axes, shapes and annotations. One picture serves light and dark pages (`shades`).
"""

from service.svg.key import Entry, key
from service.svg.picture import NARROW, WIDE, Size, Undrawable, picture

__all__ = ["NARROW", "WIDE", "Entry", "Size", "Undrawable", "key", "picture"]
