"""The training loop on digits: determinism, resuming, divergence, stopping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from studies.contract.study_file import BuiltinObjective
from studies.contract.worker_protocol import RunSpec
from tests.integration.worker_harness import digits
from workers.objectives.image_classification.task import ImageClassification
from workers.runtime.checkpoint import Checkpoints, UnreadableCheckpoint
from workers.runtime.loop import train
from workers.runtime.reporter import Reporter
from workers.runtime.run_context import Ending, RunContext


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Run:
    """Trains in this process and keeps what was reported."""

    def __init__(self, run: RunSpec, directory: Path, delivered: int = 0, stop_after: int | None = None) -> None:
        self.frames: list[dict[str, Any]] = []
        directory.mkdir(exist_ok=True)
        asked = iter(range(10**9))
        stopping: Callable[[], bool] = lambda: stop_after is not None and next(asked) >= stop_after  # noqa: E731
        context = RunContext(
            run, "cpu", directory, delivered, Reporter(lambda frame: self.frames.append(dict(frame))), stopping
        )
        assert isinstance(run.objective, BuiltinObjective)
        self.ending: Ending = train(context, ImageClassification(run.objective.args.model_dump(), run.params, "cpu"))

    def curve(self, name: str) -> dict[int, float]:
        parts = [frame["points"].get(name, ((), ())) for frame in self.frames if frame["kind"] == "points"]
        return {step: value for steps, values in parts for step, value in zip(steps, values, strict=True)}

    @property
    def started_from(self) -> int:
        return next(int(frame["step"]) for frame in self.frames if frame["kind"] == "started")


METRICS = ("loss", "train_accuracy", "lr", "dev_accuracy", "dev_loss", "dev_f1")
DROPOUT = {"lr": 0.05, "momentum": 0.9, "batch_size": 64, "dropout": 0.3, "weight_decay": 1e-4, "label_smoothing": 0.1}
DECAY = {"kind": "linear", "end": 40}
SPEC = digits(num_steps=40, evaluate_every=15, params=DROPOUT, schedule=DECAY)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(SPEC, tmp_path_factory.mktemp("whole"))


def test_every_step_has_a_loss_and_every_evaluation_its_metrics(whole: Run) -> None:
    for name in ("loss", "train_accuracy", "lr"):
        assert list(whole.curve(name)) == list(range(1, 41))
    for name in ("dev_accuracy", "dev_loss", "dev_f1"):
        assert list(whole.curve(name)) == [15, 30, 40]
    assert whole.ending == Ending("completed", 40)
    assert whole.started_from == 0


def test_the_rate_of_the_first_update_is_the_peak(whole: Run) -> None:
    rates = whole.curve("lr")
    assert rates[1] == pytest.approx(0.05)
    assert rates[21] == pytest.approx(0.025)


def test_the_same_trial_twice_gives_the_same_curve_bit_for_bit(whole: Run, tmp_path: Path) -> None:
    again = Run(SPEC, tmp_path)
    for name in METRICS:
        assert again.curve(name) == whole.curve(name)


def test_another_seed_gives_another_curve_on_the_same_dev_set(whole: Run, tmp_path: Path) -> None:
    other = Run(SPEC.model_copy(update={"seed": 1}), tmp_path)
    assert other.curve("loss")[1] != whole.curve("loss")[1]


@pytest.mark.parametrize("stop_after", [1, 15, 23])
def test_a_resumed_run_gives_the_curve_of_an_uninterrupted_one(whole: Run, tmp_path: Path, stop_after: int) -> None:
    first = Run(SPEC, tmp_path, stop_after=stop_after)
    assert first.ending == Ending("stopped", stop_after)
    second = Run(SPEC, tmp_path, delivered=stop_after)
    assert second.started_from == stop_after
    for name in METRICS:
        assert first.curve(name) | second.curve(name) == whole.curve(name)


def test_a_resumed_run_repeats_what_never_arrived(whole: Run, tmp_path: Path) -> None:
    Run(SPEC, tmp_path, stop_after=20)
    second = Run(SPEC, tmp_path, delivered=8)
    assert second.started_from == 20
    assert second.curve("loss") == {step: value for step, value in whole.curve("loss").items() if step >= 9}
    assert 15 in second.curve("dev_accuracy")


def test_a_completed_trial_can_be_continued_to_more_steps(tmp_path: Path) -> None:
    constant = SPEC.model_copy(update={"schedule": digits().schedule, "num_steps": 30})
    Run(constant, tmp_path / "short")
    longer = Run(constant.model_copy(update={"num_steps": 45}), tmp_path / "short", delivered=30)
    whole = Run(constant.model_copy(update={"num_steps": 45}), tmp_path / "long")
    assert longer.curve("loss") == {step: value for step, value in whole.curve("loss").items() if step > 30}


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged(tmp_path: Path) -> None:
    model = {"dataset": "digits", "model": "mlp"}
    objective = BuiltinObjective(kind="builtin", name="image_classification", args=model)  # type: ignore[arg-type]
    run = Run(SPEC.model_copy(update={"objective": objective, "params": {"lr": 1e30, "batch_size": 64}}), tmp_path)
    last = max(run.curve("loss"))
    assert run.ending.state == "diverged"
    assert run.ending.reason in {f"loss was {value} at step {last}" for value in ("nan", "inf")}
    assert last < 10


def test_digits_are_learnt(tmp_path: Path) -> None:
    run = Run(
        digits(num_steps=120, evaluate_every=120, params={"lr": 0.1, "momentum": 0.9, "batch_size": 64}), tmp_path
    )
    assert run.curve("dev_accuracy")[120] > 0.9


def test_a_checkpoint_is_replaced_whole_and_leaves_no_scraps(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.load("cpu") is None
    for step in (1, 2):
        checkpoints.save({"step": step, "weights": torch.full((3,), float(step))})
    state = checkpoints.load("cpu")
    assert state is not None
    assert state["step"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_damaged_checkpoint_is_set_aside_for_the_next_attempt(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.path.write_bytes(b"half a file")
    with pytest.raises(UnreadableCheckpoint, match="set aside"):
        checkpoints.load("cpu")
    assert checkpoints.load("cpu") is None
