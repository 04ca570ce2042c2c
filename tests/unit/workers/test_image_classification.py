"""Data sets, the dev split, and models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

from studies.contract.study_file import ImageClassificationArgs
from workers.objectives.image_classification.datasets import UnknownDataset, load_images
from workers.objectives.image_classification.models import UnknownModel, build_model
from workers.objectives.image_classification.splits import stratified_split
from workers.objectives.image_classification.task import ImageClassification
from workers.objectives.task import train_batches
from workers.runtime.dropout import SeededDropout


def arguments(**changes: Any) -> ImageClassificationArgs:
    return ImageClassificationArgs.model_validate({"dataset": "digits", "model": "small_cnn"} | changes)


def task(params: dict[str, Any] | None = None, **changes: Any) -> ImageClassification:
    return ImageClassification(arguments(**changes).model_dump(), params or {}, "cpu")


def test_digits_are_standardised_and_split_without_overlap() -> None:
    data = task().data()
    assert (len(data.train), len(data.dev), data.classes, data.sample_shape) == (1438, 359, 10, (1, 8, 8))
    inputs, targets = data.train.batch(torch.arange(len(data.train)))
    assert inputs.dtype == torch.float32
    assert abs(inputs.mean().item()) < 1e-5
    assert inputs.std().item() == pytest.approx(1, abs=1e-3)
    assert targets.dtype == torch.int64


def test_the_split_is_stratified_and_the_same_for_every_trial() -> None:
    labels = torch.tensor([0] * 80 + [1] * 20)
    torch.manual_seed(1)
    train, dev = stratified_split(labels, 0.25)
    torch.manual_seed(2)
    again = stratified_split(labels, 0.25)
    assert torch.bincount(labels[dev]).tolist() == [20, 5]
    assert not set(train.tolist()) & set(dev.tolist())
    assert torch.equal(dev, again[1])


def test_a_split_that_leaves_one_side_empty_is_refused() -> None:
    with pytest.raises(ValueError, match="choose another fraction"):
        stratified_split(torch.tensor([0, 1]), 0.1)


def test_an_epoch_sees_every_sample_once_and_the_next_in_another_order() -> None:
    data = task().data()
    batches = train_batches(data.train, 719, seed=0)
    epochs = [torch.cat([batches(2 * epoch)[0], batches(2 * epoch + 1)[0]]) for epoch in (0, 1)]
    sums = [epoch.double().sum().item() for epoch in epochs]
    assert sums[0] == pytest.approx(sums[1], abs=1e-3)
    assert not torch.equal(epochs[0], epochs[1])


def test_a_batch_larger_than_the_data_takes_all_of_it() -> None:
    data = task().data()
    assert len(train_batches(data.train, 10_000, seed=0)(3)[1]) == len(data.train)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label, shade in (("dark", 10), ("light", 200)):
        (tmp_path / label).mkdir()
        for number in range(5):
            Image.new("RGB", (12, 10 + number % 2), (shade,) * 3).save(tmp_path / label / f"{number}.png")
    return tmp_path


def test_a_folder_of_images_is_resized_to_one_size(folder: Path) -> None:
    images = load_images(arguments(dataset="image_folder", root=str(folder), image_size=6))
    assert images.pixels.shape == (10, 3, 6, 6)
    assert images.labels.tolist() == [0] * 5 + [1] * 5
    assert images.pixels[0].unique().tolist() == [10]


def test_images_of_several_sizes_need_image_size(folder: Path) -> None:
    with pytest.raises(UnknownDataset, match=r"set objective\.args\.image_size"):
        load_images(arguments(dataset="image_folder", root=str(folder)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"dataset": "NoSuchSet"}, "FashionMNIST"), ({"dataset": "MNIST"}, "root"), ({"dataset": "image_folder"}, "root")],
)
def test_an_unknown_data_set_is_refused_with_what_to_write(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UnknownDataset, match=words):
        load_images(arguments(**changes))


def test_digits_can_be_resized() -> None:
    assert load_images(arguments(image_size=16)).pixels.shape == (1797, 1, 16, 16)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 33, 20), (1, 1, 1)])
@pytest.mark.parametrize("name", ["small_cnn", "mlp"])
def test_the_small_models_take_images_of_any_size(name: str, shape: tuple[int, int, int]) -> None:
    assert build_model(name, shape, 7)(torch.randn(4, *shape)).shape == (4, 7)


def test_torchvision_models_take_grey_images() -> None:
    model = build_model("resnet18", (1, 32, 32), 5)
    assert model(torch.randn(2, 1, 32, 32)).shape == (2, 5)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UnknownModel, match="neither 'small_cnn' nor 'mlp'"):
        build_model("no_such_net", (1, 8, 8), 10)


def test_he_initialisation_and_no_constant_weights() -> None:
    torch.manual_seed(0)
    model = build_model("small_cnn", (1, 8, 8), 10)
    last = [module for module in model.modules() if isinstance(module, nn.Conv2d)][-1]
    assert last.weight.std().item() == pytest.approx((2 / (16 * 9)) ** 0.5, rel=0.1)


def test_dropout_is_off_where_absent() -> None:
    absent = build_model("small_cnn", (1, 8, 8), 10)
    present = build_model("small_cnn", (1, 8, 8), 10, dropout=0.5)
    assert not [module for module in absent.modules() if isinstance(module, SeededDropout)]
    assert [module.rate for module in present.modules() if isinstance(module, SeededDropout)] == [0.5]


def test_torchvision_models_drop_with_masks_that_a_pack_can_repeat() -> None:
    model = build_model("mobilenet_v2", (3, 32, 32), 5)
    assert [module.rate for module in model.modules() if isinstance(module, SeededDropout)] == [0.2]
    assert not [module for module in model.modules() if isinstance(module, nn.Dropout)]


def test_label_smoothing_bends_the_training_loss_and_not_the_dev_loss() -> None:
    outputs, targets = torch.eye(3) * 5, torch.arange(3)
    smoothed = task({"label_smoothing": 0.1})
    assert smoothed.loss(outputs, targets) > task().loss(outputs, targets)
    assert smoothed.dev_loss(outputs, targets) == task().dev_loss(outputs, targets)
