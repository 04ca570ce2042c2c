"""The best configuration as a PyTorch program of its own: no import of Stagetune, only what the study decided.

The program's `lr_factor` is `studies.core.schedules.factor`, written out for the one schedule; its optimiser and its
loss are those of the builtin objectives, which follow `torch.optim`. Code of a user's own did with its hyperparameters
what it liked: the program says so, and takes the standard names by their standard meaning.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable

from service.conclusions import Chosen, seeds_words
from service.format import number, params, words
from service.report.code_schedule import lr_factor
from studies.contract.base import Params, Scalar
from studies.contract.study_file import BuiltinObjective, Objective, OptimizerName, Precision, StudySpec
from studies.core.schedules import describe

_TITLES: dict[OptimizerName, str] = {
    "sgd": "SGD",
    "nesterov": "SGD with Nesterov momentum",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
}
_CLASSES: dict[OptimizerName, str] = {
    "sgd": "SGD",
    "nesterov": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
}
_WITH_MOMENTUM = ("sgd", "nesterov", "rmsprop")
_STANDARD = ("lr", "batch_size", "momentum", "weight_decay")
_OF_BUILTIN = ("label_smoothing", "clip_norm")
"""Hyperparameters that the builtin objectives' training loop knows beside the standard ones."""

_HALVES: dict[Precision, str] = {"bfloat16": "torch.bfloat16", "float16": "torch.float16"}
_WIDTH = 84


def pytorch(spec: StudySpec, chosen: Chosen) -> str:
    """Return the program: constants, ``lr_factor``, ``make_optimizer`` and ``train``."""
    functions = (lr_factor(chosen.schedule), _optimizer(spec, chosen.params), _training(spec, chosen.params))
    return "\n\n\n".join((f"{_head(spec, chosen)}\n\n{_constants(spec, chosen)}", *functions)) + "\n"


# --- what it is ----------------------------------------------------------------------------------------------------


def _head(spec: StudySpec, chosen: Chosen) -> str:
    score = f"{words(spec.metric.name)} {number(chosen.score)}{seeds_words(chosen.seeds)}"
    values = params(chosen.params).replace(" · ", ", ")
    notes = [f"The configuration that the study {spec.name} chose."]
    notes += [f"It came to {score}."] if chosen.score is not None else []
    notes += [f"{_TITLES[spec.optimizer]}: {values}; {describe(chosen.schedule)}; {chosen.num_steps:,} steps."]
    notes += [] if isinstance(spec.objective, BuiltinObjective) else [_OWN_CODE]
    body = "\n\n".join(textwrap.fill(note, _WIDTH) for note in notes)
    imports = (
        "from collections.abc import Iterable\n" + _math(chosen) + "\nimport torch\nfrom torch import Tensor, nn\n"
    )
    return f'"""{_within_quotes(body)}\n"""\n\n{imports}from torch.optim.lr_scheduler import LambdaLR'


def _within_quotes(text: str) -> str:
    """Return `text` for a docstring: users name their hyperparameters, and no name of theirs may end it."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').replace("\0", "\\x00")


_OWN_CODE = (
    "The study ran code of its own, which made of the hyperparameters what it liked: here those with standard names "
    "are taken by their standard meaning."
)


def _math(chosen: Chosen) -> str:
    return "from math import cos, pi\n" if chosen.schedule.kind == "cosine" else ""


def _constants(spec: StudySpec, chosen: Chosen) -> str:
    found = chosen.params
    lines = [f"NUM_STEPS = {chosen.num_steps!r}  # optimiser updates", f"PEAK_LR = {float(found.get('lr', 1.0))!r}"]
    lines += [f"BATCH_SIZE = {found['batch_size']!r}"] if "batch_size" in found else []
    builtin = isinstance(spec.objective, BuiltinObjective)
    own = {name: value for name, value in found.items() if not _known(name, builtin=builtin)}
    return "\n".join(lines) + (f"\n\n{_own(own)}" if own else "")


def _known(name: str, *, builtin: bool) -> bool:
    return name in _STANDARD or (builtin and name in _OF_BUILTIN)


def _own(values: Params) -> str:
    lines = "".join(f"    {_literal(name)}: {_literal(value)},\n" for name, value in values.items())
    return f"# What else was tuned: for your model and your data to read.\nFURTHER = {{\n{lines}}}"


def _literal(value: Scalar) -> str:
    """Return a value as Python writes it, texts in the quotes of the rest of the program."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


# --- the optimiser -------------------------------------------------------------------------------------------------


def _optimizer(spec: StudySpec, found: Params) -> str:
    decay = float(found.get("weight_decay", 0.0))
    groups = "model.parameters()"
    split = ""
    if decay:
        groups = "[decayed, plain]"
        split = (
            f'    decayed = {{"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": {decay!r}}}\n'
            '    plain = {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0}\n'
        )
    further = _optimizer_arguments(spec.optimizer, found, decays=bool(decay))
    arguments = ", ".join((groups, "lr=PEAK_LR", *further))
    said = "Weight decay spares biases and the scales of norm layers." if decay else "No weight decay."
    return (
        f'def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:\n    """{said}"""\n{split}'
        f"    return torch.optim.{_CLASSES[spec.optimizer]}({arguments})"
    )


def _optimizer_arguments(name: OptimizerName, found: Params, *, decays: bool) -> Iterable[str]:
    momentum = float(found.get("momentum", 0.0))
    if name in _WITH_MOMENTUM and momentum:
        yield f"momentum={momentum!r}"
        if name == "nesterov":
            yield "nesterov=True"
    if name == "adamw" and not decays:
        yield "weight_decay=0.0"


# --- the loop ------------------------------------------------------------------------------------------------------


def _training(spec: StudySpec, found: Params) -> str:
    builtin = isinstance(spec.objective, BuiltinObjective)
    clip = float(found.get("clip_norm", 0.0)) if builtin else 0.0
    precision = spec.precision if builtin else "float32"
    lines = [*_before(precision), "for _, (inputs, targets) in zip(range(NUM_STEPS), batches):"]
    lines += [f"    {line}" for line in (*_forward(precision), *_backward(precision, clip), "scheduler.step()")]
    body = textwrap.indent("\n".join(lines), "    ")
    return f"{_signature(spec.objective, found.get('label_smoothing', 0.0) if builtin else 0.0)}\n{body}"


def _signature(objective: Objective, smoothing: Scalar) -> str:
    built = isinstance(objective, BuiltinObjective)
    loss = f"loss_of = nn.CrossEntropyLoss(label_smoothing={float(smoothing)!r})" if smoothing else ""
    loss = loss or "loss_of = nn.CrossEntropyLoss()"
    parameter = "" if built else ", loss_of: nn.Module"
    return (
        f"def train(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]{parameter}) -> None:\n"
        '    """Take NUM_STEPS updates; `batches` yields inputs and targets, BATCH_SIZE each."""'
        + (f"\n    {loss}" if built else "")
    )


def _before(precision: Precision) -> Iterable[str]:
    if precision == "float64":
        yield "model.double()"
    if precision == "float16":
        yield "scaler = torch.amp.GradScaler(next(model.parameters()).device.type)"
    yield "optimizer = make_optimizer(model)"
    yield "scheduler = LambdaLR(optimizer, lr_factor)"
    yield "model.train()"


def _forward(precision: Precision) -> Iterable[str]:
    yield "optimizer.zero_grad()"
    if precision in _HALVES:
        yield f"with torch.autocast(inputs.device.type, dtype={_HALVES[precision]}):"
        yield "    outputs = model(inputs)"
        yield "loss = loss_of(outputs.float(), targets)"
    else:
        yield f"loss = loss_of(model(inputs{'.double()' if precision == 'float64' else ''}), targets)"


def _backward(precision: Precision, clip: float) -> Iterable[str]:
    scaled = precision == "float16"
    yield "scaler.scale(loss).backward()" if scaled else "loss.backward()"
    if clip:
        if scaled:
            yield "scaler.unscale_(optimizer)"
        yield f"nn.utils.clip_grad_norm_(model.parameters(), {clip!r})"
    if scaled:
        yield "scaler.step(optimizer)"
        yield "scaler.update()"
    else:
        yield "optimizer.step()"
