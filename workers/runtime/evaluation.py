"""The dev metrics of several members in one batched forward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from workers.objectives.task import Data, Split, Task
from workers.runtime.cohort import Batch, Cohort
from workers.runtime.metrics import accuracy, confusion_matrices, macro_f1

EVALUATION_SAMPLES = 1024
"""Samples times members of one forward..."""

LEAST_BATCH = 64
"""...but no fewer samples than this for each member."""


@torch.no_grad()
def evaluate(cohort: Cohort, rows: Sequence[int], data: Data) -> list[dict[str, float]]:
    """Return ``dev_accuracy``, ``dev_loss`` (mean over samples, plain) and ``dev_f1`` (macro) of these members."""
    model = cohort.model if len(rows) == len(cohort) else cohort.model.select(rows)
    tasks = [cohort.tasks[row] for row in rows]
    losses, predicted = [], []
    model.train(mode=False)
    for batch in _batches(data.dev, len(rows), cohort.recipe.dtype):
        outputs = cohort.recipe.outputs(model, batch)
        losses.append(_dev_losses(tasks, outputs, batch.targets) * len(batch.targets))
        predicted.append(outputs.argmax(-1))
    model.train()
    confusion = confusion_matrices(torch.cat(predicted, dim=1), data.dev.labels, data.classes)
    loss = torch.stack(losses).sum(0).double() / len(data.dev)
    figures = torch.stack([accuracy(confusion), loss, macro_f1(confusion)], dim=1).tolist()
    return [dict(zip(("dev_accuracy", "dev_loss", "dev_f1"), member, strict=True)) for member in figures]


def _batches(dev: Split, width: int, dtype: torch.dtype) -> Iterator[Batch]:
    size = max(LEAST_BATCH, EVALUATION_SAMPLES // width)
    for start in range(0, len(dev), size):
        inputs, targets = dev.batch(torch.arange(start, min(start + size, len(dev))))
        yield Batch(inputs.to(dtype), targets, shared=True)


def _dev_losses(tasks: Sequence[Task], outputs: Tensor, targets: Tensor) -> Tensor:
    return torch.stack([task.dev_loss(own, targets) for task, own in zip(tasks, outputs, strict=True)])
