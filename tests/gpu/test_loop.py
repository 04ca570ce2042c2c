"""The training loop on a card: fused members are the runs that they are alone there, and resume on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.workers.packs import METRICS, Script, run_alone, run_pack, trial
from workers.runtime.run_context import Ending

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")

CARD = "cuda:0"


def sgd(lr: float, **params: Any) -> dict[str, Any]:
    return {"lr": lr, "momentum": 0.9, "batch_size": 32, "dropout": 0.2, **params}


@pytest.mark.parametrize("engine", ["batched", "vmap"])
def test_fused_members_are_the_runs_that_they_are_alone(tmp_path: Path, engine: Any) -> None:
    runs = [
        trial(0, num_steps=40, evaluate_every=15, params=sgd(0.05)),
        trial(1, num_steps=40, evaluate_every=20, params=sgd(0.02, weight_decay=1e-3, label_smoothing=0.1)),
        trial(2, num_steps=30, evaluate_every=15, params=sgd(0.05, clip_norm=1.0), seed=5),
    ]
    members = [Script(run, tmp_path / f"pack-{run.trial_number}", arrives=4 * run.trial_number) for run in runs]
    pack = run_pack(*members, engine=engine, device=CARD)
    assert pack.evictions == {}
    for run, member in zip(runs, members, strict=True):
        alone = run_alone(run, tmp_path / f"alone-{run.trial_number}", CARD)
        for name in METRICS:
            assert member.curve(name) == pytest.approx(alone.curve(name), abs=1e-8)


def test_a_run_stopped_on_a_card_goes_on_where_it_stood(tmp_path: Path) -> None:
    run = trial(0, num_steps=40, evaluate_every=15, params=sgd(0.05))
    before, after = Script(run, tmp_path / "run", stop_after=23), Script(run, tmp_path / "run", delivered=23)
    assert run_pack(before, engine="batched", device=CARD).endings["tr_0"] == Ending("stopped", 23)
    run_pack(after, device=CARD)
    whole = run_alone(run, tmp_path / "whole", CARD)
    assert before.curve("loss") | after.curve("loss") == pytest.approx(whole.curve("loss"), abs=1e-8)


def test_a_run_stopped_on_a_card_goes_on_without_one(tmp_path: Path) -> None:
    run = trial(0, num_steps=20, evaluate_every=10, params={**sgd(0.05), "dropout": 0.0})
    run_pack(Script(run, tmp_path / "run", stop_after=7), engine="batched", device=CARD)
    after = run_alone(run, tmp_path / "run", delivered=7)
    whole = run_alone(run, tmp_path / "whole", CARD)
    assert after.curve("loss")[20] == pytest.approx(whole.curve("loss")[20], abs=1e-8)
