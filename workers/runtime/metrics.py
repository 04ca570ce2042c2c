"""Classification metrics of one evaluation, from the confusion matrices of all members."""

from __future__ import annotations

import torch
from torch import Tensor


def confusion_matrices(predicted: Tensor, targets: Tensor, classes: int) -> Tensor:
    """Return counts [K, classes, classes], rows by target, columns by prediction.

    Args:
        predicted: int64 [K, n].
        targets: int64 [n], the same for all members.
        classes: number of classes.
    """
    members = torch.arange(len(predicted), device=predicted.device).unsqueeze(1)
    cells = (members * classes + targets) * classes + predicted
    counts = torch.bincount(cells.flatten(), minlength=len(predicted) * classes**2)
    return counts.reshape(len(predicted), classes, classes)


def accuracy(confusion: Tensor) -> Tensor:
    """Return the share [K] of right predictions, NaN for none at all."""
    return confusion.diagonal(dim1=-2, dim2=-1).sum(-1).double() / confusion.sum((-2, -1))


def macro_f1(confusion: Tensor) -> Tensor:
    """Return the unweighted mean [K] of F1 over the classes that occur among targets or predictions.

    F1 beside accuracy shows what imbalanced classes hide (guide, section 0).
    """
    hits = confusion.diagonal(dim1=-2, dim2=-1).double()
    occurring = confusion.sum(-2) + confusion.sum(-1)
    scores = 2 * hits / occurring.clamp(min=1)
    return scores.sum(-1) / (occurring > 0).sum(-1)
