"""The training loop. Read it in one sitting.

A metric's step is the number of updates completed when it was measured: the first loss stands at step 1. The
schedule is asked for the index of the update, which counts from 0.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch
from torch import Tensor

from studies.core import schedules
from workers.objectives.task import Split, Task, train_batches
from workers.runtime.checkpoint import Checkpoints
from workers.runtime.metrics import accuracy, confusion_matrix, macro_f1
from workers.runtime.optimizers import build_optimizer, set_lr
from workers.runtime.recorder import Recorder
from workers.runtime.run_context import Ending, RunContext
from workers.runtime.seeding import random_state, restore_random_state, seed_everything

EVALUATION_BATCH = 1024


def train(context: RunContext, task: Task) -> Ending:
    """Train `task` to ``run.num_steps`` updates, from its checkpoint if there is one.

    Returns how it ended: completed; diverged, at the first loss that is not finite (guide, stage 1); or stopped,
    with a checkpoint of where it stood.
    """
    run = context.run
    seed_everything(run.seed)
    data = task.data()
    model = task.model(data).to(context.device)
    optimizer = build_optimizer(run.optimizer, model, run.params)
    checkpoints = Checkpoints(context.directory)
    recorder = Recorder(context.reporter, torch.device(context.device))
    peak = float(run.params["lr"])

    def save(step: int) -> None:
        checkpoints.save(
            {
                "step": step,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "random": random_state(),
                "history": recorder.history,
            }
        )

    step = 0
    if state := checkpoints.load(context.device):
        step = int(state["step"])
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        restore_random_state({name: _on_cpu(value) for name, value in state["random"].items()})
        recorder.resume(state["history"], step, context.delivered)
    else:
        recorder.begin()

    batches = train_batches(data.train, int(run.params.get("batch_size", 64)), run.seed)
    began, first = time.monotonic(), step
    model.train()
    while step < run.num_steps:
        if context.stopping():
            save(step)
            recorder.flush()
            return Ending("stopped", step)

        lr = schedules.lr(run.schedule, peak, step)
        set_lr(optimizer, lr)
        inputs, targets = batches(step)
        outputs = model(inputs)
        loss = task.loss(outputs, targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1

        recorder.record(step, loss.detach(), _hits(outputs, targets), lr)
        evaluates = step % run.evaluate_every == 0 or step == run.num_steps
        if recorder.full or evaluates:
            bad = recorder.flush()
            if bad is not None:
                return Ending("diverged", bad.step, f"loss was {bad.value} at step {bad.step}")
        if evaluates:
            dev = evaluate(model, task, data.dev, data.classes)
            recorder.evaluated(step, dev)
            print(_line(step, run.num_steps, dev, (time.monotonic() - began) / (step - first)), flush=True)  # noqa: T201
            model.train()
            save(step)

    recorder.flush()
    return Ending("completed", step)


@torch.no_grad()
def evaluate(model: torch.nn.Module, task: Task, split: Split, classes: int) -> dict[str, float]:
    """Return ``dev_accuracy``, ``dev_loss`` (mean over samples, without regularisers) and ``dev_f1`` (macro)."""
    model.eval()
    losses, predicted = [], []
    for start in range(0, len(split), EVALUATION_BATCH):
        inputs, targets = split.batch(torch.arange(start, min(start + EVALUATION_BATCH, len(split))))
        outputs = model(inputs)
        losses.append(task.dev_loss(outputs, targets) * len(targets))
        predicted.append(outputs.argmax(1))
    confusion = confusion_matrix(torch.cat(predicted), split.labels, classes).cpu()
    return {
        "dev_accuracy": accuracy(confusion),
        "dev_loss": torch.stack(losses).sum().item() / len(split),
        "dev_f1": macro_f1(confusion),
    }


def _hits(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.detach().argmax(1) == targets).float().mean()


def _on_cpu(value: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
    """Generator states live on the CPU, wherever the checkpoint was mapped to."""
    return value.cpu() if isinstance(value, Tensor) else [state.cpu() for state in value]


def _line(step: int, num_steps: int, dev: Mapping[str, float], seconds_per_step: float) -> str:
    figures = "  ".join(f"{name} {value:.4f}" for name, value in dev.items())
    return f"step {step:>6}/{num_steps}  {figures}  {seconds_per_step * 1000:.1f} ms/step"
