"""Equality is the contract: in float64 a builtin model in a fused pack gives the run that it gives alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studies.contract.packing import Engine
from studies.contract.worker_protocol import RunSpec
from tests.unit.workers.packs import METRICS, Script, run_alone, run_pack, trial
from workers.runtime.cohort import Cohort

CLOSE = 1e-10


def sgd(lr: float, **params: Any) -> dict[str, Any]:
    return {"lr": lr, "momentum": 0.9, "batch_size": 32, **params}


def different_runs(model: str) -> list[RunSpec]:
    """Runs of one class that differ in everything they may: two share their batches until the others are gone."""
    return [
        trial(0, model, num_steps=100, evaluate_every=40, params=sgd(0.05)),
        trial(1, model, num_steps=100, evaluate_every=50, params=sgd(0.02, weight_decay=1e-3, clip_norm=1.0)),
        trial(
            2,
            model,
            num_steps=60,
            evaluate_every=40,
            params=sgd(0.1, momentum=0.0, label_smoothing=0.1),
            schedule={"kind": "cosine", "end": 60, "warmup_steps": 10},
        ),
        trial(3, model, num_steps=100, evaluate_every=40, params=sgd(0.02, momentum=0.5), seed=11),
    ]


def assert_same(member: Script, alone: Script) -> None:
    """Hold a member's curves, parameters, statistics and averages against those of the run alone."""
    for name in METRICS:
        assert list(member.curve(name)) == list(alone.curve(name))
        assert member.curve(name) == pytest.approx(alone.curve(name), abs=CLOSE)
    assert_same_state(member, alone)


def assert_same_state(member: Script, alone: Script) -> None:
    mine, theirs = member.checkpoint, alone.checkpoint
    assert list(mine["model"]) == list(theirs["model"])
    for part in ("model", "optimizer"):
        for name, value in theirs[part].items():
            torch.testing.assert_close(mine[part][name], value, rtol=0, atol=CLOSE, msg=name)
    assert torch.equal(mine["random"]["cpu"], theirs["random"]["cpu"])


@pytest.mark.parametrize("engine", ["batched", "vmap"])
@pytest.mark.parametrize("model", ["small_cnn", "mlp"])
def test_members_are_the_runs_that_they_are_alone(tmp_path: Path, model: str, engine: Engine) -> None:
    runs = different_runs(model)
    members = [Script(run, tmp_path / f"pack-{run.trial_number}") for run in runs]
    pack = run_pack(*members, engine=engine)
    assert pack.evictions == {}
    for run, member in zip(runs, members, strict=True):
        assert_same(member, run_alone(run, tmp_path / f"alone-{run.trial_number}"))


@pytest.mark.parametrize("optimizer", ["adamw", "nesterov", "rmsprop"])
def test_a_learning_rate_sweep_on_shared_batches_is_that_of_runs_alone(tmp_path: Path, optimizer: str) -> None:
    runs = [
        trial(k, "mlp", num_steps=40, evaluate_every=20, optimizer=optimizer, params=sgd(lr, dropout=0.2))
        for k, lr in enumerate((1e-3, 3e-4, 1e-4))
    ]
    members = [Script(run, tmp_path / f"pack-{run.trial_number}") for run in runs]
    pack = run_pack(*members, engine="batched")
    assert pack.evictions == {}
    for run, member in zip(runs, members, strict=True):
        assert_same(member, run_alone(run, tmp_path / f"alone-{run.trial_number}"))


def test_a_backfilled_run_is_the_run_that_it_is_alone(tmp_path: Path) -> None:
    runs = different_runs("small_cnn")
    members = [Script(run, tmp_path / f"pack-{run.trial_number}", arrives=15 * run.trial_number) for run in runs]
    pack = run_pack(*members, engine="batched", width=3)
    assert pack.evictions == {}
    for run, member in zip(runs, members, strict=True):
        assert_same(member, run_alone(run, tmp_path / f"alone-{run.trial_number}"))


COMPANY: list[dict[str, Any]] = [
    {"optimizer": "sgd", "model": "small_cnn"},
    {"optimizer": "adamw", "model": "small_cnn", "lone_engine": "serial_channels_last"},
    {"optimizer": "rmsprop", "model": "mlp", "fused_from": 3},
]


@pytest.mark.parametrize("engine", ["batched", "vmap"])
@pytest.mark.parametrize("ways", COMPANY)
def test_a_run_that_is_alone_then_in_company_then_alone_is_the_run_that_it_is_alone(
    tmp_path: Path, engine: Engine, ways: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One member, then two, three, two, one; engines as the members are, each met while training and evaluating."""
    seen: list[tuple[int, str]] = []
    update = Cohort.update

    def watched(cohort: Cohort, *step: Any) -> torch.Tensor:
        seen.append((len(cohort), cohort.engine))
        return update(cohort, *step)

    monkeypatch.setattr(Cohort, "update", watched)
    optimizer, model, *_ = ways.values()
    lr = 0.05 if optimizer == "sgd" else 1e-3
    runs = [
        trial(k, model, num_steps=steps, evaluate_every=20, optimizer=optimizer, params=sgd(lr / (k + 1), dropout=0.2))
        for k, steps in enumerate((100, 40, 30))
    ]
    members = [
        Script(run, tmp_path / f"pack-{run.trial_number}", arrives=turn)
        for run, turn in zip(runs, (0, 15, 25), strict=True)
    ]
    choice = {name: way for name, way in ways.items() if name in {"lone_engine", "fused_from"}}
    pack = run_pack(*members, engine=engine, **choice)
    assert pack.evictions == {}
    lone, least = choice.get("lone_engine", "serial"), choice.get("fused_from", 2)
    stages = [(width, engine if width >= least else lone) for width in (1, 2, 3, 2, 1)]
    assert list(dict.fromkeys(seen)) == list(dict.fromkeys(stages))
    assert seen[-1] == (1, lone)
    for run, member in zip(runs, members, strict=True):
        assert_same(member, run_alone(run, tmp_path / f"alone-{run.trial_number}"))


def test_a_run_that_was_in_company_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    run = trial(0, num_steps=60, evaluate_every=20, params=sgd(0.05, dropout=0.2))
    other = trial(1, num_steps=20, evaluate_every=20, params=sgd(0.02, dropout=0.2))
    before = Script(run, tmp_path / "run", stop_after=45)
    run_pack(before, Script(other, tmp_path / "other", arrives=10), engine="batched")
    after = Script(run, tmp_path / "run", delivered=45)
    late = Script(other, tmp_path / "late", arrives=5)
    run_pack(after, late, engine="batched")
    alone = run_alone(run, tmp_path / "alone")
    assert before.curve("loss") | after.curve("loss") == pytest.approx(alone.curve("loss"), abs=CLOSE)
    assert_same_state(after, alone)
    assert_same(late, run_alone(other, tmp_path / "other-alone"))


@pytest.mark.parametrize(("first", "then"), [("serial", "batched"), ("batched", "vmap"), ("vmap", "serial")])
def test_a_run_resumes_under_another_engine(tmp_path: Path, first: Engine, then: Engine) -> None:
    run = trial(0, num_steps=40, evaluate_every=20, params=sgd(0.05, dropout=0.2))
    before = Script(run, tmp_path / "run", stop_after=25)
    run_pack(before, engine=first)
    after = Script(run, tmp_path / "run", delivered=25)
    run_pack(after, engine=then)
    alone = run_alone(run, tmp_path / "alone")
    assert before.curve("loss") | after.curve("loss") == pytest.approx(alone.curve("loss"), abs=CLOSE)
    assert_same_state(after, alone)


@pytest.mark.parametrize("engine", ["batched", "vmap"])
def test_a_member_that_diverges_leaves_the_others_as_they_were(tmp_path: Path, engine: Engine) -> None:
    tame = trial(0, num_steps=30, evaluate_every=15, params=sgd(0.05))
    wild = trial(1, num_steps=30, evaluate_every=15, params=sgd(1e300))
    member = Script(tame, tmp_path / "pack")
    pack = run_pack(member, Script(wild, tmp_path / "wild"), engine=engine)
    assert pack.endings["tr_1"].state == "diverged"
    assert_same(member, run_alone(tame, tmp_path / "alone"))


def test_a_torchvision_model_with_batch_norm_and_dropout_is_what_it_is_alone(tmp_path: Path) -> None:
    runs = [
        trial(k, "mobilenet_v3_small", num_steps=2, evaluate_every=2, params=sgd(lr, batch_size=8))
        for k, lr in enumerate((0.01, 0.001))
    ]
    members = [Script(run, tmp_path / f"pack-{run.trial_number}") for run in runs]
    pack = run_pack(*members, engine="batched")
    assert pack.evictions == {}
    for run, member in zip(runs, members, strict=True):
        assert_same(member, run_alone(run, tmp_path / f"alone-{run.trial_number}"))
