"""Where to look next: the points of greatest expected improvement, several at once that keep apart."""

from __future__ import annotations

import numpy as np

from studies.core.search.belief import Belief, believe
from studies.core.search.candidates import everywhere, fresh, nearby
from studies.core.search.dimensions import Values
from studies.core.search.improvement import log_expected_improvement
from studies.core.search.observing import Observations
from studies.core.search.space import SearchSpace

CENTRES = 4
"""Best points known that candidates are drawn around, and best candidates around which to look once more."""


def suggest(space: SearchSpace, seen: Observations, count: int, seed: int) -> list[Values]:
    """Return up to `count` points to run, best first; fewer where the space has no more that were not run yet.

    The same arguments give the same points.
    """
    known = believe(space, seen)
    random = np.random.default_rng([seed, len(seen.values), len(seen.pending)])
    found: list[Values] = []
    while len(found) < count:
        asked = np.concatenate([seen.pending, *(point[None] for point in found)])
        point = _best(known, known.after(asked), np.concatenate([seen.points, asked]), random)
        if point is None:
            break
        found.append(point)
    return found


def _best(known: Belief, belief: Belief, taken: Values, random: np.random.Generator) -> Values | None:
    """Return the point of greatest expected improvement among candidates that are not `taken`.

    What the `belief` takes for granted beyond what is `known` makes it surer, but expects no more of any point.
    """

    def gains(points: Values) -> Values:
        return log_expected_improvement(*belief.at_the_end(points), known.best)

    first = fresh(everywhere(known.space, _centres(known), random), taken)
    if not len(first):
        return None
    leaders = first[np.argsort(-gains(first), kind="stable")[:CENTRES]]
    both = np.concatenate([first, fresh(nearby(known.space, leaders, random), taken)])
    return np.asarray(both[int(np.argmax(gains(both)))])


def _centres(known: Belief) -> Values:
    """Return the points that are believed to be the best of those that were run."""
    seen = np.unique(known.points, axis=0)
    return np.asarray(seen[np.argsort(-known.at_the_end(seen)[0], kind="stable")[:CENTRES]])
