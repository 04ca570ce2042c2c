"""The function objective: what a user's ``train(trial)`` sees, and what may not be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studies.contract.study_file import BuiltinObjective, FunctionObjective
from tests.integration.worker_harness import run_spec
from workers.objectives.function import load_target, run_function
from workers.objectives.no_metric import NoMetric
from workers.objectives.permission import refusal
from workers.runtime.reporter import Reporter
from workers.runtime.run_context import Ending, RunContext


def run(
    tmp_path: Path, body: str, *, delivered: int = 0, stopping: bool = False, **changes: Any
) -> tuple[Ending, list[Any]]:
    """Run ``def train(trial)`` with this body; return how it ended and the frames it sent."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    (tmp_path / "train.py").write_text(f"def train(trial):\n{lines}\n")
    objective = FunctionObjective(kind="function", target="train.py:train", args={"width": 3})
    frames: list[Any] = []
    context = RunContext(
        run_spec(**changes),
        "cpu",
        tmp_path / "run",
        delivered,
        Reporter(lambda f: frames.append(dict(f))),
        lambda: stopping,
    )
    return run_function(context, objective, tmp_path), frames


def test_the_trial_carries_what_the_run_is_about(tmp_path: Path) -> None:
    body = """
assert trial.params == {"lr": 0.1, "batch_size": 64, "momentum": 0.9}
assert (trial.num_steps, trial.seed, trial.device, trial.args) == (10, 0, "cpu", {"width": 3})
assert trial.checkpoint_dir.is_dir()
assert trial.resume_step == 0
assert not trial.should_stop()
trial.report(10, loss=trial.lr(5), dev_f1=1)
"""
    schedule = {"kind": "linear", "end": 10}
    ending, frames = run(tmp_path, body, schedule=schedule)
    assert ending == Ending("completed", 10)
    assert frames[0] == {"kind": "started", "step": 0, "note": ""}
    assert frames[1]["points"]["loss"] == ([10], [pytest.approx(0.05)])
    assert frames[1]["points"]["dev_f1"] == ([10], [1.0])


def test_a_loss_that_is_not_finite_leaves_even_a_function_that_catches_everything(tmp_path: Path) -> None:
    body = "try:\n    trial.report(3, loss=float('inf'))\nexcept Exception:\n    trial.report(4, loss=1.0)"
    assert run(tmp_path, body)[0] == Ending("diverged", 3, "loss was inf at step 3")


def test_returning_after_a_stop_order_is_a_stop_unless_all_steps_are_done(tmp_path: Path) -> None:
    assert run(tmp_path, "trial.report(4, loss=1)", stopping=True)[0].state == "stopped"
    assert run(tmp_path, "trial.report(10, loss=1)", stopping=True)[0].state == "completed"


def test_resume_step_is_told_only_where_something_was_kept(tmp_path: Path) -> None:
    keep = "(trial.checkpoint_dir / 'state').write_text('x'); trial.report(trial.resume_step + 1, loss=1)"
    _, first = run(tmp_path, keep, delivered=7)
    assert first[0]["step"] == 0
    assert first[1]["points"]["loss"][0] == [1]
    _, second = run(tmp_path, keep, delivered=7)
    assert second[0]["step"] == 7


def test_a_function_that_never_reports_the_metric_has_failed(tmp_path: Path) -> None:
    with pytest.raises(NoMetric, match=r"trial.report\(step, loss=...\)"):
        run(tmp_path, "trial.report(1, accuracy=1)")


def test_a_file_is_found_below_the_folder_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("def train(trial): ...\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.py").symlink_to(tmp_path / "outside.py")
    with pytest.raises(ValueError, match="outside the worker's folder"):
        load_target("link.py:train", inside)
    with pytest.raises(ValueError, match=r"there is no nothing.py"):
        load_target("nothing.py:train", inside)


def test_a_module_is_named_with_dots(tmp_path: Path) -> None:
    (tmp_path / "package_of_test").mkdir()
    (tmp_path / "package_of_test" / "module.py").write_text("def train(trial): ...\n")
    assert load_target("package_of_test.module:train", tmp_path).__name__ == "train"


BUILTIN = BuiltinObjective.model_validate(
    {"kind": "builtin", "name": "image_classification", "args": {"dataset": "digits", "model": "mlp"}}
)


@pytest.mark.parametrize(
    ("target", "allow", "allowed"),
    [
        ("train.py:train", ("train.py:*",), True),
        ("train.py:train", ("*.py:train",), True),
        ("train.py:train", (), False),
        ("train.py:train", ("Train.py:*",), False),
        ("other.py:train", ("train.py:*",), False),
        ("a/train.py:train", ("train.py:*",), False),
    ],
)
def test_the_worker_decides_what_may_run(target: str, allow: tuple[str, ...], allowed: bool) -> None:
    reason = refusal(FunctionObjective(kind="function", target=target), (), allow)
    assert (reason is None) == allowed


def test_builtin_objectives_are_refused_where_torch_is_missing() -> None:
    assert refusal(BUILTIN, ("image_classification",), ()) is None
    assert "stagetune[worker]" in (refusal(BUILTIN, (), ()) or "")
