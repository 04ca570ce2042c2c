"""Plotly figures as still SVG: the same dictionaries that the pages draw, without Plotly and without a browser.

Understood are the parts of Plotly that `service.figures` uses: scatter, bar, heat map and parallel coordinates on
linear, log and category axes, shapes and annotations. One picture serves light and dark pages (`shades`). A `picture`
is set for paper; a `still` stands on a page in the place of the plot until Plotly is there.
"""

from service.svg.key import Entry, key
from service.svg.picture import NARROW, WIDE, Size, Undrawable, picture, still

__all__ = ["NARROW", "WIDE", "Entry", "Size", "Undrawable", "key", "picture", "still"]
