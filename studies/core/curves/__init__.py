"""What a curve says: smoothing, divergence, depth and speed, convergence, the dev peak, thinning.

All work on `studies.core.snapshot.Curve`, take NaN and the infinities as gaps and never raise because of them.
"""

from studies.core.curves.dev import decay_start, dev_noise, first_reached, length_verdict, peak, plateau_step
from studies.core.curves.divergence import diverged
from studies.core.curves.loss import area, area_noise, convergence_step, depth, noise, num_steps_after
from studies.core.curves.ragged import Ragged
from studies.core.curves.sketch import sketch, sketches
from studies.core.curves.smoothing import smooth
from studies.core.curves.thinning import merge_attempts, minmax_thin, thin

__all__ = [
    "Ragged",
    "area",
    "area_noise",
    "convergence_step",
    "decay_start",
    "depth",
    "dev_noise",
    "diverged",
    "first_reached",
    "length_verdict",
    "merge_attempts",
    "minmax_thin",
    "noise",
    "num_steps_after",
    "peak",
    "plateau_step",
    "sketch",
    "sketches",
    "smooth",
    "thin",
]
