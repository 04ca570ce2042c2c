"""Curves as SVG paths: gaps, steps, and no more points than a screen can show."""

from __future__ import annotations

from collections.abc import Sequence

from service.svg.markup import coordinate

Place = tuple[float, float]
Point = Place | None
"""A place in pixels, None for a gap."""

_BUCKET = 1.5
"""Pixels within which a curve is drawn by its first, lowest, highest and last point: more cannot be seen."""


def path(points: Sequence[Point], shape: str = "linear") -> str:
    """Return the line through `points`, interrupted at gaps; ``hv`` goes across first and then up or down."""
    return "".join(_line(thinned(run), shape) for run in runs(points))


def area(points: Sequence[Point], foot: float) -> str:
    """Return the outline of the ground between the line through `points` and the height `foot`."""
    return "".join(f"{_line(run, 'linear')}V{coordinate(foot)}H{coordinate(run[0][0])}Z" for run in runs(points))


def outline(points: Sequence[Point]) -> str:
    """Return the line through `points`, closed."""
    return "".join(f"{_line(run, 'linear')}Z" for run in runs(points))


def runs(points: Sequence[Point]) -> list[list[Place]]:
    """Return the stretches between gaps, none of them empty."""
    found: list[list[Place]] = [[]]
    for point in points:
        if point is None:
            found.append([])
        else:
            found[-1].append(point)
    return [run for run in found if run]


def thinned(run: Sequence[Place]) -> list[Place]:
    """Return the first, lowest, highest and last point of each `_BUCKET` pixels, in their order."""
    kept: list[Place] = []
    bucket: list[Place] = []
    for point in run:
        if bucket and abs(point[0] - bucket[0][0]) > _BUCKET:
            kept += _telling(bucket)
            bucket = []
        bucket.append(point)
    return kept + _telling(bucket)


def _telling(bucket: Sequence[Place]) -> list[Place]:
    heights = [y for _, y in bucket]
    indexes = {0, heights.index(min(heights)), heights.index(max(heights)), len(bucket) - 1}
    return [bucket[index] for index in sorted(indexes)]


def _line(run: Sequence[Place], shape: str) -> str:
    (x, y), *rest = run
    begun = f"M{coordinate(x)} {coordinate(y)}"
    if not rest:
        return begun + "h0"
    if shape == "hv":
        return begun + "".join(f"H{coordinate(a)}V{coordinate(b)}" for a, b in rest)
    return begun + "L" + " ".join(f"{coordinate(a)} {coordinate(b)}" for a, b in rest)
