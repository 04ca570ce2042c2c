"""Still pictures of figures, which a page shows at once: Plotly takes a second to start, and then takes their place."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from service.figures.drawing import Drawing
from service.svg import Size, Undrawable, still


def get_still_size(
    size: Annotated[str | None, Query(alias="still", pattern=r"^\d{2,4}x\d{2,4}$")] = None,
) -> Size | None:
    """Return the size of the still that the page asks for as ``still=760x330``, in CSS pixels; None without one."""
    if size is None:
        return None
    width, height = size.split("x")
    return Size(float(width), float(height))


StillDep = Annotated[Size | None, Depends(get_still_size)]


def still_of(drawing: Drawing, size: Size | None) -> str:
    """Return the drawing as SVG of that size, "" where none is asked for and where there is no picture of it."""
    if size is None or drawing.figure is None:
        return ""
    try:
        return still(drawing.figure, size)
    except Undrawable:
        return ""
