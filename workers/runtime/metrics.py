"""Classification metrics of one evaluation, from the confusion matrix."""

from __future__ import annotations

import torch
from torch import Tensor


def confusion_matrix(predicted: Tensor, targets: Tensor, classes: int) -> Tensor:
    """Return counts [classes, classes], rows by target, columns by prediction. Both inputs int64 [n]."""
    flat = targets * classes + predicted
    return torch.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def accuracy(confusion: Tensor) -> float:
    """Return the share of right predictions, NaN for none at all."""
    total = confusion.sum().item()
    return confusion.diagonal().sum().item() / total if total else float("nan")


def macro_f1(confusion: Tensor) -> float:
    """Return the unweighted mean of F1 over the classes that occur among targets or predictions.

    F1 beside accuracy shows what imbalanced classes hide (guide, section 0).
    """
    hits = confusion.diagonal().double()
    occurring = confusion.sum(0) + confusion.sum(1)
    scores = 2 * hits / occurring.clamp(min=1)
    return scores[occurring > 0].mean().item()
