"""The models and data of the packing bench, from nets that only wait for launches to one that computes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from workers.objectives.image_classification.models import build_model, initialised
from workers.objectives.task import Data, Split, Task

CLASSES = 10
SAMPLES = 2048
"""Of each data set that is kept on the device: enough that a batch is not always the same."""

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts it."""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    """A model with its data.

    Attributes:
        shape: of a sample: (channels, height, width).
        synthetic: whether the images are noise of that shape, which computes as long.
    """

    name: str
    title: str
    build: Callable[[], nn.Module]
    shape: Shape
    batch: int
    synthetic: bool = True

    def samples(self) -> tuple[Tensor, Tensor]:
        """Return images float32 [n, *shape] and labels int64 [n], the same at every call."""
        if not self.synthetic:
            return _digits() if self.shape == (1, 8, 8) else _fashion_mnist()
        draw = torch.Generator().manual_seed(0)
        labels = torch.randint(CLASSES, (SAMPLES,), generator=draw)
        return torch.randn(SAMPLES, *self.shape, generator=draw), labels


class CaseTask(Task):
    """A case as the loop knows it."""

    def __init__(self, case: Case, device: str, lr: float = 0.01) -> None:
        super().__init__({}, {"lr": lr, "momentum": 0.9, "batch_size": case.batch}, device)
        self.case = case

    def data(self) -> Data:
        samples, labels = (tensor.to(self.device) for tensor in self.case.samples())
        split = Split(samples, labels, nn.Identity())
        return Data(split, split, CLASSES, self.case.shape)

    def model(self, data: Data) -> nn.Module:
        return self.case.build()


def cases() -> tuple[Case, ...]:
    """Return all cases, the smallest first."""
    fashion = FASHION_MNIST.is_dir()
    return (
        Case("small_mlp", "MLP, 32 hidden units, batch 32", _small_mlp, (1, 8, 8), 32, synthetic=False),
        _digits_case("digits_mlp", "digits MLP, batch 64", "mlp"),
        Case("tiny_cnn", "CNN, 4 and 8 channels, batch 8", _tiny_cnn, (1, 8, 8), 8, synthetic=False),
        _digits_case("small_cnn", "small CNN, digits, batch 64", "small_cnn"),
        Case(
            "fashion_cnn",
            "small CNN, Fashion-MNIST, batch 64",
            lambda: build_model("small_cnn", (1, 28, 28), CLASSES),
            (1, 28, 28),
            64,
            synthetic=not fashion,
        ),
        Case(
            "resnet18",
            "ResNet-18 at 32x32, batch 64",
            lambda: build_model("resnet18", (3, 32, 32), CLASSES),
            (3, 32, 32),
            64,
        ),
    )


def case_named(name: str) -> Case:
    return next(case for case in cases() if case.name == name)


def _digits_case(name: str, title: str, model: str) -> Case:
    shape = (1, 8, 8)
    return Case(name, title, lambda: build_model(model, shape, CLASSES), shape, 64, synthetic=False)


def _small_mlp() -> nn.Module:
    return initialised(nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, CLASSES)))


def _tiny_cnn() -> nn.Module:
    """Two convolutions with batch norm; what is left of the image, 2x2, goes to the last layer."""
    return initialised(
        nn.Sequential(
            nn.Conv2d(1, 4, kernel_size=3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 8, kernel_size=3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 2 * 2, CLASSES),
        )
    )


def _digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images.astype(np.float32)).unsqueeze(1)
    return images / 8 - 1, torch.from_numpy(digits.target.astype(np.int64))


def _fashion_mnist() -> tuple[Tensor, Tensor]:
    """Read the beginning of the training set from its IDX files: 16 and 8 bytes of header, then bytes."""
    pixels = _bytes_of("train-images-idx3-ubyte.gz", 16, SAMPLES * 28 * 28)
    labels = _bytes_of("train-labels-idx1-ubyte.gz", 8, SAMPLES)
    images = torch.from_numpy(pixels.astype(np.float32)).view(SAMPLES, 1, 28, 28)
    return images / 127.5 - 1, torch.from_numpy(labels.astype(np.int64))


def _bytes_of(name: str, header: int, count: int) -> np.ndarray:  # type: ignore[type-arg]
    with gzip.open(FASHION_MNIST / name) as file:
        file.seek(header)
        return np.frombuffer(file.read(count), dtype=np.uint8)
