"""Image classification as a task."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from studies.contract.study_file import ImageClassificationArgs
from workers.objectives.image_classification.datasets import Images, load_images
from workers.objectives.image_classification.models import build_model
from workers.objectives.image_classification.splits import stratified_split
from workers.objectives.task import ON_DEVICE_BYTES, Data, Split, Task


class ImageClassification(Task):
    """Digits, any torchvision data set, or a folder of images, with a small or a torchvision model."""

    def data(self) -> Data:
        args = ImageClassificationArgs.model_validate(self.args)
        images = load_images(args)
        train, dev = stratified_split(images.labels, args.dev_fraction)
        normalise = Normalise.fitted_to(images, train)
        return Data(
            self._split(images, train, normalise),
            self._split(images, dev, normalise),
            images.classes,
            images.shape,
        )

    def model(self, data: Data) -> nn.Module:
        name = str(self.args["model"])
        return build_model(name, data.sample_shape, data.classes, float(self.params.get("dropout", 0.0)))

    def _split(self, images: Images, indices: Tensor, normalise: Normalise) -> Split:
        """Prepare a small set once on the device; leave a large one on the CPU as bytes."""
        pixels, labels = images.pixels[indices], images.labels[indices].to(self.device)
        normalise = normalise.to(self.device)
        if pixels.numel() * 4 > ON_DEVICE_BYTES:
            return Split(pixels, labels, normalise)
        return Split(normalise(pixels.to(self.device)), labels, nn.Identity())


class Normalise:
    """Brings each channel to mean 0 and standard deviation 1 (guide, section 0), by the training set's statistics."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        self.mean = mean
        self.deviation = deviation

    @classmethod
    def fitted_to(cls, images: Images, train: Tensor, sample: int = 10_000) -> Normalise:
        """Measure on the first `sample` training images; a constant channel is only centred."""
        pixels = images.pixels[train[:sample]].float()
        deviation, mean = torch.std_mean(pixels, dim=(0, 2, 3), keepdim=True)
        return cls(mean, torch.where(deviation > 0, deviation, torch.ones_like(deviation)))

    def to(self, device: str) -> Normalise:
        return Normalise(self.mean.to(device), self.deviation.to(device))

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return float32 of the shape of `pixels` [n, channels, height, width]."""
        return (pixels.float() - self.mean) / self.deviation
