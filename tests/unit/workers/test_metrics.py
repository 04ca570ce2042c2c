"""Accuracy and macro F1 on cases worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from workers.runtime.metrics import accuracy, confusion_matrix, macro_f1


def matrix(targets: list[int], predicted: list[int], classes: int) -> torch.Tensor:
    return confusion_matrix(torch.tensor(predicted, dtype=torch.long), torch.tensor(targets, dtype=torch.long), classes)


def test_rows_are_targets_and_columns_predictions() -> None:
    assert matrix([0, 0, 1], [0, 1, 1], 2).tolist() == [[1, 1], [0, 1]]


def test_a_classifier_that_ignores_the_rare_class_has_accuracy_but_no_f1() -> None:
    confusion = matrix([0] * 9 + [1], [0] * 10, 2)
    assert accuracy(confusion) == pytest.approx(0.9)
    assert macro_f1(confusion) == pytest.approx((18 / 19 + 0) / 2)


def test_classes_that_do_not_occur_do_not_count() -> None:
    assert macro_f1(matrix([0, 1], [0, 1], 5)) == 1.0


def test_nothing_to_judge_is_nan() -> None:
    assert math.isnan(accuracy(matrix([], [], 3)))
