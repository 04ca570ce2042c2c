"""What a stage is going to take, before it begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.decision import Candidate
from studies.contract.schedule import Schedule
from studies.contract.study_file import STAGE_ORDERS, StageKind, StudySpec
from studies.core.price import Price, price
from tests.builders import spec

GUIDED = STAGE_ORDERS["guided_search"]


def guided(**fields: object) -> StudySpec:
    stages = [{"kind": kind} for kind in GUIDED]
    return spec(strategy="guided_search", **{"budget": {"steps": 100, "trials": 20}, "stages": stages, **fields})


def incoming(num_steps: int = 90, batch_size: int = 64) -> Candidate:
    return Candidate(trial_id="t", params={"batch_size": batch_size}, schedule=Schedule(), num_steps=num_steps)


def test_the_guide_shares_its_trials_among_what_is_to_come() -> None:
    study = spec(budget={"steps": 100, "trials": 60})
    whole = price(study, "batch_momentum", {"lr_sweep": 12}, 900, incoming())
    assert (whole.least, whole.most) == (2, 32)
    late = price(study, "decay_schedule", {"lr_sweep": 12, "batch_momentum": 40}, 4_000, incoming())
    assert late == Price(2, 8, 720)
    assert price(study, "decay_schedule", {"lr_sweep": 60}, 4_000, incoming()) == Price(0, 0, 0)


def test_a_sweep_takes_the_sweeps_steps() -> None:
    assert price(spec(budget={"steps": 150, "trials": 100}), "lr_sweep", {}, 0, None) == Price(3, 15, 15 * 100)


@pytest.mark.parametrize(("hold", "steps"), [("epochs", (100 + 90 + 45) / 3), ("steps", 90)])
def test_runs_at_other_batch_sizes_see_as_many_samples(hold: str, steps: float) -> None:
    study = spec(budget={"steps": 100, "trials": 60}, hold=hold)
    found = price(study, "batch_momentum", {"lr_sweep": 12}, 900, incoming())
    assert found.steps == round(found.most * steps)
    assert price(study, "batch_momentum", {}, 0, None).steps > 0


def test_a_guided_search_has_what_its_budget_leaves() -> None:
    study = guided()
    assert price(study, "lr_halving", {}, 0, None).most == 8
    assert price(study, "decay_probes", {}, 500, incoming(100)) == Price(2, 2, 200)
    assert price(study, "parameter_probes", {}, 600, incoming(100)) == Price(1, 6, 300)
    assert price(study, "joint_search", {}, 800, incoming(100)) == Price(10, 10, 1_000, open_ended=True)
    assert price(study, "confirm", {}, 1_800, incoming(100)) == Price(2, 2, 200)
    assert price(study, "confirm", {}, 2_000, incoming(100)) == Price(0, 0, 0)


def test_a_choice_has_a_probe_for_every_other_value() -> None:
    space = {"activation": {"kind": "choice", "values": ["relu", "gelu", "tanh"]}}
    assert price(guided(space=space), "parameter_probes", {}, 0, None).most == 6 + 2


def test_a_search_of_ones_own_is_bounded_by_its_runs_or_by_the_budget() -> None:
    def of(spent: int = 0, **stage: object) -> Price:
        return price(guided(stages=[{"kind": "search", **stage}]), "search", {}, spent, incoming(100))

    assert of() == Price(20, 20, 2_000, open_ended=True)
    assert of(trials=6) == Price(6, 6, 600)
    assert of(trials=30, pruner={"kind": "median"}) == Price(20, 30, 2_000)
    lists = {name: {"kind": "choice", "values": [0.1, 0.2, 0.3]} for name in ("lr", "momentum")}
    grid = {"kind": "search", "sampler": "grid", "parameters": ["lr", "momentum"], "seeds": 2}
    assert price(guided(stages=[grid], space=lists), "search", {}, 1_000, None) == Price(10, 18, 1_000)


@given(kind=st.sampled_from(GUIDED), spent=st.integers(0, 3_000), length=st.integers(1, 100))
def test_a_price_never_exceeds_the_budget(kind: StageKind, spent: int, length: int) -> None:
    found = price(guided(), kind, {}, spent, incoming(length))
    assert 0 <= found.least <= found.most
    assert 0 <= found.steps <= max(0, 2_000 - spent)
