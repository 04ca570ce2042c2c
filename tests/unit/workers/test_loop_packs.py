"""Members of a pack come, go, fail and run out of memory; whoever stays has the curve that it has alone, bit for bit.

The engine is a stand-in that computes one member after the other, so that every difference is the loop's doing.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.unit.workers.packs import LoopedModel, Script, build_task, run_alone, run_pack, trial
from workers.objectives.image_classification.task import ImageClassification
from workers.objectives.task import Data, Task
from workers.runtime import admission, cohort, evaluation
from workers.runtime.checkpoint import Checkpoints
from workers.runtime.engines import stack
from workers.runtime.engines.base import NotStackable
from workers.runtime.recorder import STEPS_PER_SYNC, Readback
from workers.runtime.run_context import Ending, RunContext

Stack = Callable[[Sequence[nn.Module], Sequence[torch.Generator]], Any]

COMPLETED = Ending("completed", 24)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Stack], None]:
    """Returns what sets the fused engine, and the self-check aside."""

    def use(fused: Stack) -> None:
        monkeypatch.setattr(
            cohort,
            "stack",
            lambda engine, models, generators: (
                stack(engine, models, generators) if engine == "serial" else fused(models, generators)
            ),
        )

    monkeypatch.setattr(admission, "disagreement", lambda *_, **__: None)
    return use


@pytest.fixture(autouse=True)
def looped(use: Callable[[Stack], None], one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    use(LoopedModel.stack)
    # The dev set in one piece, however many members there are: a sum in other pieces differs in the last digit.
    monkeypatch.setattr(evaluation, "EVALUATION_SAMPLES", 10**6)


def sgd(lr: float = 0.1, **params: Any) -> dict[str, Any]:
    return {"lr": lr, "momentum": 0.9, "batch_size": 64, "dropout": 0.2, **params}


RUNS = (
    trial(0, num_steps=24, evaluate_every=8, params=sgd()),
    trial(1, num_steps=24, evaluate_every=8, params=sgd(0.03, weight_decay=1e-3, clip_norm=0.5)),
    trial(
        2, num_steps=17, evaluate_every=5, params=sgd(0.01, label_smoothing=0.1), schedule={"kind": "cosine", "end": 17}
    ),
    trial(3, num_steps=24, evaluate_every=8, params=sgd(0.1, momentum=0.5), seed=7),
)


@pytest.fixture(scope="module")
def alone(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[int, float]]]:
    return [run_alone(run, tmp_path_factory.mktemp("alone")).curves for run in RUNS]


def scripts(folder: Path, *numbers: int, **changes: Any) -> list[Script]:
    return [Script(RUNS[number], folder / str(number), **changes) for number in numbers]


def test_every_member_has_the_curves_that_it_has_alone(tmp_path: Path, alone: list[Any]) -> None:
    members = scripts(tmp_path, 0, 1, 2, 3)
    pack = run_pack(*members, engine="batched")
    assert [member.curves for member in members] == alone
    assert pack.endings == {"tr_0": COMPLETED, "tr_1": COMPLETED, "tr_2": Ending("completed", 17), "tr_3": COMPLETED}


def test_a_run_that_joins_under_way_has_the_curve_that_it_has_alone(tmp_path: Path, alone: list[Any]) -> None:
    members = [*scripts(tmp_path, 0, 1), *scripts(tmp_path, 2, arrives=5), *scripts(tmp_path, 3, arrives=20)]
    run_pack(*members, engine="batched")
    assert [member.curves for member in members] == alone


def test_no_more_members_than_the_width_allows_are_in_at_once(tmp_path: Path, alone: list[Any]) -> None:
    widths: list[int] = []
    members = scripts(tmp_path, 0, 1, 2, 3)

    def watched(context: RunContext) -> Task:
        widths.append(sum(1 for member in members if member.frames and not _ended(member)))
        return build_task(context)

    run_pack(*members, engine="batched", width=2, build=watched)
    assert max(widths) == 1
    assert [member.curves for member in members] == alone


def _ended(member: Script) -> bool:
    return member.run.num_steps in member.curve("loss")


def test_a_pack_of_one_takes_serial_runs_one_after_another(tmp_path: Path, alone: list[Any]) -> None:
    members = scripts(tmp_path, 0, 3)
    run_pack(*members, engine="serial", width=1)
    assert [member.curves for member in members] == [alone[0], alone[3]]


def test_a_member_that_is_stopped_leaves_its_checkpoint_and_the_others_as_they_were(
    tmp_path: Path, alone: list[Any]
) -> None:
    members = [*scripts(tmp_path, 0), *scripts(tmp_path, 1, stop_after=11), *scripts(tmp_path, 3)]
    pack = run_pack(*members, engine="batched")
    assert pack.endings["tr_1"] == Ending("stopped", 11)
    assert [members[0].curves, members[2].curves] == [alone[0], alone[3]]
    assert members[1].checkpoint["step"] == 11


@pytest.mark.parametrize(("first", "then"), [("serial", "batched"), ("batched", "serial"), ("batched", "batched")])
def test_a_run_resumes_in_another_constellation(tmp_path: Path, alone: list[Any], first: Any, then: Any) -> None:
    (before,) = scripts(tmp_path, 1, stop_after=11)
    run_pack(before, *(scripts(tmp_path, 0) if first == "batched" else ()), engine=first)
    (after,) = scripts(tmp_path, 1, delivered=11)
    run_pack(*(scripts(tmp_path, 3) if then == "batched" else ()), after, engine=then)
    assert after.started_from == 11
    assert {name: before.curve(name) | after.curve(name) for name in alone[1]} == alone[1]


def test_a_member_that_diverges_ends_alone_and_the_others_go_on_as_they_were(tmp_path: Path, alone: list[Any]) -> None:
    members = scripts(tmp_path, 0, 3)
    wild = Script(trial(9, num_steps=24, params=sgd(1e300)), tmp_path / "wild")
    pack = run_pack(members[0], wild, members[1], engine="batched")
    assert pack.endings["tr_9"].state == "diverged"
    assert max(wild.curve("loss")) < 10
    assert [member.curves for member in members] == [alone[0], alone[3]]


def test_what_is_read_back_every_few_steps_is_what_is_read_at_every_one(
    tmp_path: Path, alone: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Readback, "on", lambda _device: Readback(STEPS_PER_SYNC))
    members = [*scripts(tmp_path, 0), *scripts(tmp_path, 1, stop_after=11), *scripts(tmp_path, 2, 3, arrives=5)]
    wild = Script(trial(9, num_steps=24, evaluate_every=24, params=sgd(1e300)), tmp_path / "wild")
    pack = run_pack(*members, wild, engine="batched")
    assert [members[0].curves, members[2].curves, members[3].curves] == [alone[0], alone[2], alone[3]]
    assert list(members[1].curve("loss").items()) == list(alone[1]["loss"].items())[:11]
    last = max(wild.curve("loss"))
    assert pack.endings["tr_9"] == Ending("diverged", last, f"loss was {wild.curve('loss')[last]} at step {last}")
    assert all(math.isfinite(value) for step, value in wild.curve("loss").items() if step < last)


def test_a_member_that_cannot_be_built_fails_alone(tmp_path: Path, alone: list[Any]) -> None:
    members = scripts(tmp_path, 0, 1, 2, 3)
    members[1].directory.mkdir()
    (members[1].directory / "checkpoint.pt").write_bytes(b"half a file")
    torch.save({"format": 2, "step": 4, "model": {}, "random": {}}, tmp_path / "foreign.pt")
    members[2].directory.mkdir()
    (tmp_path / "foreign.pt").rename(members[2].directory / "checkpoint.pt")

    pack = run_pack(*members, engine="batched")
    assert "is damaged" in str(pack.failures["tr_1"])
    assert "Missing key" in str(pack.failures["tr_2"])
    assert [members[0].curves, members[3].curves] == [alone[0], alone[3]]


def test_a_member_with_the_state_of_another_optimiser_fails_alone(tmp_path: Path, alone: list[Any]) -> None:
    first, second = scripts(tmp_path, 0, 3)
    (stopped,) = scripts(tmp_path, 1, stop_after=2)
    run_pack(stopped)
    state = stopped.checkpoint
    torch.save({**state, "optimizer": {"mean": torch.zeros(3)}}, stopped.directory / "checkpoint.pt")
    pack = run_pack(first, *scripts(tmp_path, 1), second, engine="batched")
    assert "is not that of sgd" in str(pack.failures["tr_1"])
    assert [first.curves, second.curves] == [alone[0], alone[3]]


def test_runs_that_cannot_be_stacked_are_given_back_but_for_the_oldest(
    tmp_path: Path, alone: list[Any], use: Callable[[Stack], None]
) -> None:
    def refuse(*_: object) -> None:
        raise NotStackable("LSTM has no stacked form")

    use(refuse)
    members = [*scripts(tmp_path, 0, 1), *scripts(tmp_path, 3, arrives=7)]
    pack = run_pack(*members, engine="batched")
    assert pack.endings == {"tr_0": COMPLETED}
    assert pack.evictions.keys() == {"tr_1", "tr_3"}
    assert all("LSTM has no stacked form" in reason for reason in pack.evictions.values())
    assert members[0].curves == alone[0]


def test_a_pack_that_computes_otherwise_than_alone_falls_back(
    tmp_path: Path, alone: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "disagreement", lambda *_, **__: "member 1: outputs differ by 0.5")
    members = scripts(tmp_path, 0, 1)
    pack = run_pack(*members, engine="batched")
    assert "outputs differ by 0.5" in pack.evictions["tr_1"]
    assert members[0].curves == alone[0]


@pytest.mark.parametrize("training", [True, False])
def test_an_engine_that_refuses_late_lets_its_members_go_on_one_after_another(
    tmp_path: Path, alone: list[Any], use: Callable[[Stack], None], training: bool
) -> None:
    class Late(LoopedModel):
        """Finds out in its eleventh forward, or in its second evaluation, that it cannot."""

        forwards = 0

        def forward(self, inputs: Tensor, *, shared: bool) -> Tensor:
            if self.members[0].modules[0].training is training:
                Late.forwards += 1
            if Late.forwards > (10 if training else 1):
                raise NotStackable("no rule for this shape")
            return super().forward(inputs, shared=shared)

    use(Late.stack)
    members = [*scripts(tmp_path, 0, 1), *scripts(tmp_path, 3, arrives=20)]
    pack = run_pack(*members, engine="batched")
    assert pack.endings == {"tr_0": COMPLETED, "tr_1": COMPLETED}
    assert "no rule for this shape" in pack.evictions["tr_3"]
    assert [member.curves for member in members[:2]] == alone[:2]


def test_a_newcomer_with_whom_a_run_alone_cannot_be_fused_is_given_back(
    tmp_path: Path, alone: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "disagreement", lambda *_, **__: "member 1: outputs differ by 0.5")
    members = [*scripts(tmp_path, 0), *scripts(tmp_path, 3, arrives=7)]
    pack = run_pack(*members, engine="batched")
    assert "outputs differ by 0.5" in pack.evictions["tr_3"]
    assert members[0].curves == alone[0]


def test_newcomers_that_disagree_are_given_back_and_the_pack_goes_on(
    tmp_path: Path, alone: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = iter([None, "member 0: gradients differ by 0.5"])
    monkeypatch.setattr(admission, "disagreement", lambda *_, **__: next(words))
    members = [*scripts(tmp_path, 0, 1), *scripts(tmp_path, 3, arrives=7)]
    pack = run_pack(*members, engine="batched")
    assert pack.evictions.keys() == {"tr_3"}
    assert [member.curves for member in members[:2]] == alone[:2]


class OwnLoss(ImageClassification):
    """A task that says its loss its own way, for one run at a time."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return super().loss(outputs, targets)


def test_a_task_with_a_loss_of_its_own_trains_one_by_one(tmp_path: Path, alone: list[Any]) -> None:
    def own(context: RunContext) -> Task:
        return OwnLoss(build_task(context).args, context.run.params, "cpu")

    members = scripts(tmp_path, 0, 1)
    pack = run_pack(*members, engine="batched", build=own)
    assert "write losses()" in pack.evictions["tr_1"]
    assert members[0].curves["loss"] == pytest.approx(alone[0]["loss"], abs=1e-10)
    late = scripts(tmp_path / "late", 0) + scripts(tmp_path / "late", 1, arrives=3)
    assert run_pack(*late, engine="batched", build=own).evictions.keys() == {"tr_1"}


class Tight(LoopedModel):
    """A device on which no more than `room` members can take a step, and that many only `steps` times."""

    room = 2
    steps = 10**6

    def gradients(self, losses: Tensor) -> Tensor:
        if self.width > Tight.room or Tight.steps <= 0:
            Tight.steps = 10**6
            raise torch.OutOfMemoryError("tried to allocate 20.00 MiB")
        Tight.steps -= 1
        return super().gradients(losses)


@pytest.fixture
def tight(use: Callable[[Stack], None], monkeypatch: pytest.MonkeyPatch) -> type[Tight]:
    use(Tight.stack)
    monkeypatch.setattr(Tight, "room", 2)
    monkeypatch.setattr(Tight, "steps", 10**6)
    return Tight


@pytest.mark.usefixtures("tight")
def test_out_of_memory_gives_the_newest_half_back(tmp_path: Path, alone: list[Any]) -> None:
    members = scripts(tmp_path, 0, 1, 2, 3)
    pack = run_pack(*members, engine="batched")
    assert pack.evictions.keys() == {"tr_2", "tr_3"}
    assert "ran out of memory with 4 runs" in pack.evictions["tr_2"]
    assert [member.curves for member in members[:2]] == alone[:2]


def test_out_of_memory_under_way_repeats_from_the_checkpoint_and_says_nothing_twice(
    tmp_path: Path, alone: list[Any], tight: type[Tight], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tight, "steps", 13)
    members = scripts(tmp_path, 0, 3)
    pack = run_pack(*members, engine="batched")
    assert pack.evictions.keys() == {"tr_3"}
    assert members[0].curves == alone[0]
    assert [frame["kind"] for frame in members[0].frames].count("started") == 1


@pytest.mark.usefixtures("tight")
def test_arrivals_after_an_eviction_do_not_fill_the_room_again(tmp_path: Path, alone: list[Any]) -> None:
    members = [*scripts(tmp_path, 0, 1, 2), *scripts(tmp_path, 3, arrives=3)]
    pack = run_pack(*members, engine="batched")
    assert pack.evictions.keys() == {"tr_2"}
    assert [members[0].curves, members[1].curves, members[3].curves] == [alone[0], alone[1], alone[3]]


def test_a_run_that_does_not_fit_alone_fails_and_says_what_to_do(
    tmp_path: Path, tight: type[Tight], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tight, "room", 0)
    pack = run_pack(*scripts(tmp_path, 0), engine="batched", fused_from=1)
    assert isinstance(pack.failures["tr_0"], torch.OutOfMemoryError)
    assert "lower the batch size" in str(pack.failures["tr_0"])


CPU_WORDS = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to ..."


@pytest.mark.parametrize("fault", [RuntimeError(CPU_WORDS), MemoryError()], ids=["torch", "python"])
def test_out_of_memory_on_the_cpu_is_out_of_memory_too(
    tmp_path: Path, alone: list[Any], use: Callable[[Stack], None], fault: Exception
) -> None:
    def crowded(models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> LoopedModel:
        if len(models) > 1:
            raise fault
        return LoopedModel.stack(models, generators)

    use(crowded)
    members = scripts(tmp_path, 0, 1)
    pack = run_pack(*members, engine="batched", fused_from=1)
    assert pack.evictions.keys() == {"tr_1"}
    assert members[0].curves == alone[0]


def test_another_runtime_error_is_the_end_of_the_pack(tmp_path: Path, use: Callable[[Stack], None]) -> None:
    def broken(models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> LoopedModel:
        raise RuntimeError("shapes do not match")

    use(broken)
    with pytest.raises(RuntimeError, match="shapes"):
        run_pack(*scripts(tmp_path, 0, 1), engine="batched")


@pytest.mark.parametrize("where", ["checkpoint", "log"])
def test_a_member_whose_directory_cannot_be_written_fails_alone(
    tmp_path: Path, alone: list[Any], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    write = Checkpoints._write

    def full(self: Checkpoints, state: Any, temporary: Path) -> None:
        if where == "checkpoint" and temporary.parent == tmp_path / "1":
            temporary.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, state, temporary)

    monkeypatch.setattr(Checkpoints, "_write", full)
    members = scripts(tmp_path, 0, 1, 3)
    if where == "log":
        (tmp_path / "1" / "run.log").mkdir(parents=True)
    pack = run_pack(*members, engine="batched")
    assert pack.failures.keys() == {"tr_1"}
    assert isinstance(pack.failures["tr_1"], OSError)
    assert pack.endings == {"tr_0": COMPLETED, "tr_3": COMPLETED}
    assert [members[0].curves, members[2].curves] == [alone[0], alone[3]]
    assert not list((tmp_path / "1").glob("*.tmp"))


def test_a_checkpoint_that_cannot_be_written_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    monkeypatch.setattr(torch, "save", full)
    pack = run_pack(*scripts(tmp_path, 0, stop_after=3))
    assert "free space where the worker keeps its runs (--workdir)" in str(pack.failures["tr_0"])


def test_newcomers_that_do_not_fit_leave_the_pack_as_it_was(
    tmp_path: Path, alone: list[Any], use: Callable[[Stack], None]
) -> None:
    def crowded(models: Sequence[nn.Module], generators: Sequence[torch.Generator]) -> LoopedModel:
        if len(models) == 1:
            raise torch.OutOfMemoryError("tried to allocate 20.00 MiB")
        return LoopedModel.stack(models, generators)

    use(crowded)
    members = [*scripts(tmp_path, 0, 1), *scripts(tmp_path, 3, arrives=7)]
    pack = run_pack(*members, engine="batched")
    assert pack.evictions.keys() == {"tr_3"}
    assert [member.curves for member in members[:2]] == alone[:2]


def test_the_data_are_loaded_once_for_all_and_their_randomness_is_not_the_members(
    tmp_path: Path, alone: list[Any]
) -> None:
    loaded: list[Tensor] = []

    class Drawing(ImageClassification):
        def data(self) -> Data:
            loaded.append(torch.rand(1))
            return super().data()

    members = scripts(tmp_path, 0, 3)
    run_pack(*members, engine="batched", build=lambda c: Drawing(build_task(c).args, c.run.params, "cpu"))
    assert len(loaded) == 1
    assert [member.curves for member in members] == [alone[0], alone[3]]


def test_an_error_of_a_step_is_the_whole_packs(tmp_path: Path, use: Callable[[Stack], None]) -> None:
    class Broken(LoopedModel):
        def gradients(self, losses: Tensor) -> Tensor:
            raise RuntimeError("no kernel image is available")

    use(Broken.stack)
    with pytest.raises(RuntimeError, match="no kernel image"):
        run_pack(*scripts(tmp_path, 0, 1), engine="batched")
