"""Accuracy and macro F1 on cases worked out by hand."""

from __future__ import annotations

import pytest
import torch

from workers.runtime.metrics import accuracy, confusion_matrices, macro_f1


def matrices(targets: list[int], *predicted: list[int], classes: int) -> torch.Tensor:
    members = torch.tensor(predicted, dtype=torch.long).reshape(len(predicted), len(targets))
    return confusion_matrices(members, torch.tensor(targets, dtype=torch.long), classes)


def test_rows_are_targets_and_columns_predictions_of_each_member() -> None:
    confusion = matrices([0, 0, 1], [0, 1, 1], [1, 1, 0], classes=2)
    assert confusion.tolist() == [[[1, 1], [0, 1]], [[0, 2], [1, 0]]]


def test_a_classifier_that_ignores_the_rare_class_has_accuracy_but_no_f1() -> None:
    confusion = matrices([0] * 9 + [1], [0] * 10, [0] * 9 + [1], classes=2)
    assert accuracy(confusion).tolist() == pytest.approx([0.9, 1.0])
    assert macro_f1(confusion).tolist() == pytest.approx([(18 / 19 + 0) / 2, 1.0])


def test_classes_that_do_not_occur_do_not_count() -> None:
    assert macro_f1(matrices([0, 1], [0, 1], classes=5)).tolist() == [1.0]


def test_nothing_to_judge_is_nan() -> None:
    assert accuracy(matrices([], [], classes=3)).isnan().all()
