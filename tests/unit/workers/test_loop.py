"""A run alone, which is a pack of one, on digits: determinism, resuming, divergence, stopping."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.worker_harness import digits
from tests.unit.workers.packs import METRICS, Script, run_alone, run_pack, trial
from workers.runtime.run_context import Ending

DROPOUT = {"lr": 0.05, "momentum": 0.9, "batch_size": 64, "dropout": 0.3, "weight_decay": 1e-4, "label_smoothing": 0.1}
DECAY = {"kind": "linear", "end": 40}
SPEC = digits(num_steps=40, evaluate_every=15, params=DROPOUT, schedule=DECAY)


@pytest.fixture(scope="module")
def whole(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Script:
    return run_alone(SPEC, tmp_path_factory.mktemp("whole"))


def ending_of(script: Script) -> Ending:
    return run_pack(script, width=1).endings[script.run.trial_id]


def test_every_step_has_a_loss_and_every_evaluation_its_metrics(tmp_path: Path) -> None:
    script = Script(SPEC, tmp_path)
    assert ending_of(script) == Ending("completed", 40)
    for name in ("loss", "train_accuracy", "lr"):
        assert list(script.curve(name)) == list(range(1, 41))
    for name in ("dev_accuracy", "dev_loss", "dev_f1"):
        assert list(script.curve(name)) == [15, 30, 40]
    assert script.started_from == 0


def test_the_rate_of_the_first_update_is_the_peak(whole: Script) -> None:
    rates = whole.curve("lr")
    assert rates[1] == pytest.approx(0.05)
    assert rates[21] == pytest.approx(0.025)


def test_evaluations_stand_in_the_log_of_the_run(whole: Script) -> None:
    lines = (whole.directory / "run.log").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["15/40", "30/40", "40/40"]
    assert f"dev_accuracy {whole.curve('dev_accuracy')[40]:.4f}" in lines[-1]


def test_the_same_trial_twice_gives_the_same_curve_bit_for_bit(whole: Script, tmp_path: Path) -> None:
    assert run_alone(SPEC, tmp_path).curves == whole.curves


def test_another_seed_gives_another_curve(whole: Script, tmp_path: Path) -> None:
    other = run_alone(SPEC.model_copy(update={"seed": 1, "num_steps": 1}), tmp_path)
    assert other.curve("loss")[1] != whole.curve("loss")[1]


@pytest.mark.parametrize("stop_after", [1, 15, 23])
def test_a_resumed_run_gives_the_curve_of_an_uninterrupted_one(whole: Script, tmp_path: Path, stop_after: int) -> None:
    first = Script(SPEC, tmp_path, stop_after=stop_after)
    assert ending_of(first) == Ending("stopped", stop_after)
    second = run_alone(SPEC, tmp_path, delivered=stop_after)
    assert second.started_from == stop_after
    for name in METRICS:
        assert first.curve(name) | second.curve(name) == whole.curve(name)


def test_a_resumed_run_repeats_what_never_arrived(whole: Script, tmp_path: Path) -> None:
    run_alone(SPEC, tmp_path, stop_after=20)
    second = run_alone(SPEC, tmp_path, delivered=8)
    assert second.started_from == 20
    assert second.curve("loss") == {step: value for step, value in whole.curve("loss").items() if step >= 9}
    assert 15 in second.curve("dev_accuracy")


def test_a_run_stopped_at_once_keeps_its_checkpoint(whole: Script, tmp_path: Path) -> None:
    run_alone(SPEC, tmp_path, stop_after=20)
    at_once = Script(SPEC, tmp_path, stop_after=0, delivered=20)
    assert ending_of(at_once) == Ending("stopped", 20)
    assert run_alone(SPEC, tmp_path, delivered=20).curve("loss")[40] == whole.curve("loss")[40]


def test_a_completed_trial_can_be_continued_to_more_steps(tmp_path: Path) -> None:
    constant = SPEC.model_copy(update={"schedule": digits().schedule, "num_steps": 30})
    run_alone(constant, tmp_path / "short")
    longer = run_alone(constant.model_copy(update={"num_steps": 45}), tmp_path / "short", delivered=30)
    whole = run_alone(constant.model_copy(update={"num_steps": 45}), tmp_path / "long")
    assert longer.curve("loss") == {step: value for step, value in whole.curve("loss").items() if step > 30}


def test_a_trial_whose_checkpoint_has_all_its_steps_is_complete(whole: Script) -> None:
    again = Script(SPEC, whole.directory, delivered=40)
    assert ending_of(again) == Ending("completed", 40)
    assert again.curve("loss") == {}


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged(tmp_path: Path) -> None:
    script = Script(trial(0, "mlp", num_steps=40, params={"lr": 1e300, "batch_size": 64}), tmp_path)
    ending = ending_of(script)
    last = max(script.curve("loss"))
    assert ending.state == "diverged"
    assert ending.reason in {f"loss was {value} at step {last}" for value in ("nan", "inf")}
    assert last < 10


def test_gradients_are_clipped_where_asked(tmp_path: Path) -> None:
    params = {"lr": 0.1, "batch_size": 64}
    free = run_alone(trial(0, num_steps=5, params=params), tmp_path / "free")
    loose = run_alone(trial(0, num_steps=5, params={**params, "clip_norm": 1e6}), tmp_path / "loose")
    tight = run_alone(trial(0, num_steps=5, params={**params, "clip_norm": 1e-9}), tmp_path / "tight")
    assert loose.curve("loss") == free.curve("loss")
    assert tight.curve("loss")[2] != free.curve("loss")[2]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_keeps_weights_in_float32_and_learns(tmp_path: Path, precision: str) -> None:
    params = {"lr": 0.1, "momentum": 0.9, "batch_size": 64}
    run = digits(num_steps=30, evaluate_every=30, params=params, precision=precision)
    script = run_alone(run, tmp_path)
    assert script.curve("loss")[30] < script.curve("loss")[1] / 2
    assert {str(value.dtype) for value in script.checkpoint["model"].values() if value.is_floating_point()} == {
        "torch.float32"
    }


def test_digits_are_learnt(tmp_path: Path) -> None:
    params = {"lr": 0.1, "momentum": 0.9, "batch_size": 64}
    run = run_alone(digits(num_steps=120, evaluate_every=120, params=params), tmp_path)
    assert run.curve("dev_accuracy")[120] > 0.9
