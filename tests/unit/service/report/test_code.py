"""The generated program is run: it gives the rates of `studies.core.schedules`, and its optimiser takes steps."""

from __future__ import annotations

import ast
from math import cos, pi
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as some
from torch import nn

from service.conclusions import Chosen
from service.report.code import pytorch
from service.report.code_schedule import lr_factor
from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.study_file import OptimizerName, Precision, StudySpec
from studies.core import schedules
from tests.builders import function_spec, spec

KINDS = ("constant", "linear", "exponential", "cosine", "polynomial", "piecewise")
SCHEDULES = some.builds(
    Schedule,
    kind=some.sampled_from(KINDS),
    start=some.integers(0, 60),
    end=some.integers(1, 60),
    warmup_steps=some.integers(0, 40),
    interval=some.integers(1, 20),
    rate=some.floats(0.01, 2),
    power=some.floats(0.5, 4),
    milestones=some.sets(some.integers(0, 60), min_size=1, max_size=4).map(lambda found: tuple(sorted(found))),
    floor=some.sampled_from([0.0, 0.1, 1.0]),
)
PARAMS: Params = {"lr": 0.05, "batch_size": 8, "momentum": 0.9}


def chosen(params: Params | None = None, schedule: Schedule | None = None, num_steps: int = 20) -> Chosen:
    return Chosen("tr_1", params or PARAMS, num_steps, schedule or Schedule(), 0.95, 3)


def program(study: StudySpec, found: Chosen) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(pytorch(study, found), "best.py", "exec"), names)
    return names


ENDS_THE_DOCSTRING = 'x"""; FURTHER = 1; """'


@given(some.text(max_size=20), some.text(max_size=20))
@example("aug", ENDS_THE_DOCSTRING)
@example(ENDS_THE_DOCSTRING, "\\N{nothing of this name}")
@example("mix", "\U0001f600 \0 \\")
def test_what_users_wrote_stays_text(name: str, value: str) -> None:
    names = program(function_spec(), chosen({"lr": 0.1, f"own {name}": value}))
    assert names["FURTHER"] == {f"own {name}": value}
    body = ast.parse(pytorch(function_spec(), chosen({"lr": 0.1, f"own {name}": value}))).body
    assert sum(isinstance(part, ast.Expr) for part in body) == 1, "the docstring alone"


def problem() -> tuple[nn.Module, list[tuple[torch.Tensor, torch.Tensor]]]:
    torch.manual_seed(0)
    inputs, targets = torch.randn(8, 5), torch.randint(0, 3, (8,))
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)), [(inputs, targets)] * 50


@given(SCHEDULES)
def test_the_schedule_is_the_cores_own_to_the_last_digit(schedule: Schedule) -> None:
    names: dict[str, Any] = {"cos": cos, "pi": pi}
    exec(lr_factor(schedule), names)
    steps = range(70)
    assert [names["lr_factor"](step) for step in steps] == [schedules.factor(schedule, step) for step in steps]


@pytest.mark.parametrize(
    "schedule",
    [
        schedules.constant(warmup_steps=3),
        schedules.linear_to_zero(20, 5),
        schedules.cosine(20, warmup_steps=4),
        schedules.exponential(20, 4),
        schedules.polynomial(20, 2),
        schedules.piecewise(20),
    ],
    ids=lambda schedule: schedule.kind,
)
def test_training_goes_through_the_decided_rates(schedule: Schedule) -> None:
    names, rates = program(spec(), chosen(schedule=schedule)), []
    model, batches = problem()
    make = names["make_optimizer"]

    def watched(model: nn.Module) -> torch.optim.Optimizer:
        optimizer = make(model)
        optimizer.register_step_pre_hook(lambda *_: rates.append(optimizer.param_groups[0]["lr"]))
        return optimizer

    names["make_optimizer"] = watched
    names["train"](model, batches)
    assert rates == [schedules.lr(schedule, 0.05, step) for step in range(20)]


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("decay", [0.0, 1e-3])
def test_every_optimiser_steps_and_spares_biases_and_norms(optimizer: OptimizerName, decay: float) -> None:
    names = program(spec(optimizer=optimizer), chosen(PARAMS | {"weight_decay": decay}))
    model, batches = problem()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    names["train"](model, batches)
    assert all((a != b).any() for a, b in zip(before, model.parameters(), strict=True))
    groups = names["make_optimizer"](model).param_groups
    decays = {parameter.ndim > 1: group["weight_decay"] for group in groups for parameter in group["params"]}
    assert decays == {True: decay, False: 0.0}
    momentum = groups[0].get("momentum", 0.9)
    assert momentum == 0.9
    assert groups[0].get("nesterov", False) is (optimizer == "nesterov")


@pytest.mark.parametrize(
    ("precision", "said"),
    [
        ("float32", "loss = loss_of(model(inputs), targets)"),
        ("float64", "model.double()"),
        ("bfloat16", "dtype=torch.bfloat16"),
        ("float16", "scaler.step(optimizer)"),
    ],
)
def test_precision_is_the_studys(precision: Precision, said: str) -> None:
    text = pytorch(spec(precision=precision), chosen(PARAMS | {"clip_norm": 1.0}))
    assert said in text
    assert ("GradScaler" in text) is (precision == "float16")
    names: dict[str, Any] = {}
    exec(compile(text, "best.py", "exec"), names)
    model, batches = problem()
    if precision != "float16":  # scaled losses are for cards
        names["train"](model, batches)
        assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())


def test_only_what_was_decided_is_there() -> None:
    plain = pytorch(spec(), chosen())
    assert not {"label_smoothing", "clip_grad_norm_", "FURTHER", "weight_decay", "autocast"} & set(_names(plain))
    rich = pytorch(spec(), chosen(PARAMS | {"label_smoothing": 0.1, "clip_norm": 0.5, "dropout": 0.25}))
    assert "nn.CrossEntropyLoss(label_smoothing=0.1)" in rich
    assert "nn.utils.clip_grad_norm_(model.parameters(), 0.5)" in rich
    assert '    "dropout": 0.25,' in rich


def _names(text: str) -> list[str]:
    tree = ast.walk(ast.parse(text))
    return [str(getattr(node, "id", getattr(node, "attr", getattr(node, "arg", "")))) for node in tree]


def test_the_choice_is_what_the_constants_say() -> None:
    names = program(spec(), chosen(num_steps=450))
    assert (names["NUM_STEPS"], names["PEAK_LR"], names["BATCH_SIZE"]) == (450, 0.05, 8)


def test_code_of_ones_own_keeps_its_hyperparameters_and_its_loss() -> None:
    found = chosen(PARAMS | {"label_smoothing": 0.1, "form": 'say "hi"', "deep": True})
    text = pytorch(function_spec(precision="bfloat16"), found)
    assert "The study ran code of its own" in text
    assert "autocast" not in text
    names: dict[str, Any] = {}
    exec(compile(text, "best.py", "exec"), names)
    assert names["FURTHER"] == {"label_smoothing": 0.1, "form": 'say "hi"', "deep": True}
    model, batches = problem()
    names["train"](model, batches, nn.CrossEntropyLoss())


def test_the_program_fits_a_page() -> None:
    many = {f"hyperparameter_{number}": number / 7 for number in range(30)}
    text = pytorch(spec(), chosen(PARAMS | many, schedules.cosine(20, 3, warmup_steps=2)))
    assert max(len(line) for line in text.splitlines()) <= 120
