"""Whole guided searches in the simulator: budget, ends, and what they find."""

from __future__ import annotations

import pytest

from studies.contract.states import StudyState
from tests.simulation.simulator import Simulation
from tests.simulation.study import study
from tests.simulation.worlds import quadratic

KINDS = ("lr_halving", "decay_probes", "parameter_probes", "joint_search", "confirm")


@pytest.mark.parametrize("slots", [1, 8])
def test_a_whole_search_ends_within_its_steps(slots: int) -> None:
    simulation = Simulation(study(*({"kind": kind} for kind in KINDS), trials=16), quadratic(), slots=slots).run()
    assert simulation.state is StudyState.COMPLETED
    assert simulation.steps <= 16 * 120
    assert [stage.kind for stage in simulation.snapshot.stages] == list(KINDS)
    assert (
        simulation.decision("confirm").evidence["dev_after"] > simulation.decision("lr_halving").evidence["dev_after"]
    )
