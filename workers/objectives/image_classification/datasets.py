"""Images with labels, from the three places that the study file can name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from studies.contract.study_file import ImageClassificationArgs


class UnknownDataset(ValueError):
    """The study file names a data set that this worker does not have."""


@dataclass(frozen=True, eq=False)
class Images:
    """``pixels`` uint8 [n, channels, height, width], ``labels`` int64 [n] in [0, classes)."""

    pixels: Tensor
    labels: Tensor
    classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of each image."""
        _, channels, height, width = self.pixels.shape
        return channels, height, width


def load_images(args: ImageClassificationArgs) -> Images:
    """Return the training images that `args` name, all of one size.

    Raises:
        UnknownDataset: no such data set, or it lacks what is needed (``root``); the message says what to write.
    """
    match args.dataset:
        case "digits":
            images = _digits()
        case "image_folder":
            images = _image_folder(args)
        case _:
            images = _torchvision(args)
    return images if args.image_size is None else _resized(images, args.image_size)


def _digits() -> Images:
    """1,797 handwritten digits, 8x8, values 0 to 16: they ship with scikit-learn."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = torch.from_numpy(digits.images.astype(np.uint8)).unsqueeze(1)
    return Images(pixels, torch.from_numpy(digits.target.astype(np.int64)), 10)


def _image_folder(args: ImageClassificationArgs) -> Images:
    """One folder per class below ``root``."""
    from torchvision.datasets import ImageFolder

    return _collected(ImageFolder(_root(args)), args)


def _torchvision(args: ImageClassificationArgs) -> Images:
    """The training part of a torchvision data set class; how a class says "train" is read from its signature."""
    from torchvision import datasets

    if args.dataset not in datasets.__all__:
        raise UnknownDataset(
            f"dataset {args.dataset!r} is neither 'digits' nor 'image_folder' nor a data set class of torchvision: "
            "choose one of those, for example FashionMNIST"
        )
    kind: Any = getattr(datasets, args.dataset)
    accepted = inspect.signature(kind).parameters
    wanted = {"train": True, "split": "train", "download": args.download}
    return _collected(kind(_root(args), **{name: value for name, value in wanted.items() if name in accepted}), args)


def _root(args: ImageClassificationArgs) -> Path:
    if args.root is None:
        raise UnknownDataset(
            f"dataset {args.dataset!r} needs objective.args.root: the folder of the data on the worker"
        )
    return Path(args.root)


def _collected(samples: Iterable[tuple[Any, Any]], args: ImageClassificationArgs) -> Images:
    """Read every sample into memory, as bytes."""
    arrays, labels = [], []
    for image, label in samples:
        arrays.append(_to_array(image, args.image_size))
        labels.append(int(label))
    if not arrays:
        raise UnknownDataset(f"dataset {args.dataset!r} holds no images below {args.root}")
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise UnknownDataset(
            f"dataset {args.dataset!r} has images of {len(shapes)} sizes: set objective.args.image_size"
        )
    targets = torch.tensor(labels)
    return Images(torch.from_numpy(np.stack(arrays)), targets, int(targets.max()) + 1)


def _to_array(image: Any, side: int | None) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a PIL image as uint8 [channels, height, width], grey or RGB."""
    image = image if image.mode in {"L", "RGB"} else image.convert("RGB")
    image = image if side is None else image.resize((side, side))
    array = np.asarray(image, dtype=np.uint8)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))  # noqa: PLR2004


def _resized(images: Images, side: int) -> Images:
    if images.pixels.shape[2:] == (side, side):
        return images
    pixels = functional.interpolate(images.pixels.float(), size=(side, side), mode="bilinear", antialias=True)
    return Images(pixels.round().clamp(0, 255).to(torch.uint8), images.labels, images.classes)
