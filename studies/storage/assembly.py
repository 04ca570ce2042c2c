"""Curves from their pieces: chunks of an attempt, then attempts of a trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studies.contract.worker_protocol import MetricChunk
from studies.core.curves import Ragged, merge_attempts
from studies.core.snapshot import Curve


@dataclass(frozen=True)
class Part:
    """What one attempt contributes: the steps it resumed from and its own points."""

    started_from: int
    curve: Curve


def points(chunks: Sequence[MetricChunk]) -> Ragged:
    """Return the points of each chunk (there is at least one) in the order of steps, each step once."""
    steps = np.concatenate([np.asarray(chunk.steps, np.int32) for chunk in chunks], dtype=np.int64)
    values = np.concatenate([np.asarray(chunk.values, np.float64) for chunk in chunks])
    return in_order(Ragged(steps, values, np.array([len(chunk.steps) for chunk in chunks], np.int64)))


def in_order(curves: Ragged) -> Ragged:
    """Return the curves with their points in the order of steps; where a step comes twice, the last one counts."""
    if bool(curves.rising().all()):  # nearly always
        return curves
    return Ragged.of([joined([curve]) for curve in curves.curves()])


def joined(pieces: Sequence[Curve]) -> Curve:
    """Return one read-only curve of `pieces` in the order of steps; where a step comes twice, the last one counts."""
    if not pieces:
        return Curve.empty()
    steps = np.concatenate([piece.steps for piece in pieces])
    values = np.concatenate([piece.values for piece in pieces])
    if steps.size > 1 and not bool(np.all(steps[1:] > steps[:-1])):
        order = np.argsort(steps, kind="stable")
        steps, values = steps[order], values[order]
        last = np.append(steps[1:] != steps[:-1], True)
        steps, values = steps[last], values[last]
    return _sealed(Curve(steps, values))


def merged(parts: Sequence[Part]) -> Curve:
    """Return the read-only curve of a trial from the parts of its attempts, oldest first, by `merge_attempts`.

    Where one attempt did it all, the same curve comes back: a study of many trials is not copied at every look.
    """
    if len(parts) == 1 and parts[0].started_from == 0:
        return parts[0].curve
    return _sealed(merge_attempts([(part.started_from, part.curve) for part in parts]))


def _sealed(curve: Curve) -> Curve:
    curve.steps.setflags(write=False)
    curve.values.setflags(write=False)
    return curve
