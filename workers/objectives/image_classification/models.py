"""Models by name: two small ones, and those of torchvision."""

from __future__ import annotations

from torch import Tensor, nn

from workers.runtime.dropout import SeededDropout, with_seeded_dropout


class UnknownModel(ValueError):
    """The study file names a model that this worker does not have."""


def build_model(name: str, sample_shape: tuple[int, int, int], classes: int, dropout: float = 0.0) -> nn.Module:
    """Return a freshly initialised classifier of images [n, *sample_shape] with outputs [n, classes].

    Args:
        name: ``small_cnn``, ``mlp`` or a torchvision model.
        sample_shape: (channels, height, width).
        classes: number of classes.
        dropout: rate before the last layer; 0 leaves it out (guide, section 0).

    Raises:
        UnknownModel: nothing under this name.
    """
    match name:
        case "small_cnn":
            return small_cnn(sample_shape[0], classes, dropout)
        case "mlp":
            return mlp(sample_shape, classes, dropout)
        case _:
            return torchvision_model(name, sample_shape[0], classes, dropout)


def small_cnn(channels: int, classes: int, dropout: float) -> nn.Module:
    """Three convolutions with batch norm and a global pool: any image size, some 7,000 parameters."""
    model = nn.Sequential(
        *_convolution(channels, 8, stride=1),
        *_convolution(8, 16, stride=2),
        *_convolution(16, 32, stride=2),
        GlobalMean(),
        *_dropout(dropout),
        nn.Linear(32, classes),
    )
    return initialised(model)


def mlp(sample_shape: tuple[int, int, int], classes: int, dropout: float, hidden: int = 128) -> nn.Module:
    """Two hidden layers on the flattened image."""
    channels, height, width = sample_shape
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * height * width, hidden),
        nn.ReLU(),
        *_dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        *_dropout(dropout),
        nn.Linear(hidden, classes),
    )
    return initialised(model)


def torchvision_model(name: str, channels: int, classes: int, dropout: float) -> nn.Module:
    """Return an untrained torchvision classifier; grey images are repeated into three channels."""
    from torchvision import models

    if name not in models.list_models(module=models):
        raise UnknownModel(f"model {name!r} is neither 'small_cnn' nor 'mlp' nor a classifier of torchvision")
    options = {"dropout": dropout} if dropout else {}
    model = with_seeded_dropout(models.get_model(name, weights=None, num_classes=classes, **options))
    return nn.Sequential(GreyToColour(), model) if channels == 1 else model


class GlobalMean(nn.Module):
    """Mean over height and width. Unlike adaptive pooling its gradient is deterministic on CUDA."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3))


class GreyToColour(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.expand(-1, 3, -1, -1)


def initialised(model: nn.Module) -> nn.Module:
    """He initialisation for ReLU nets, biases 0, batch norm at scale 1 and shift 0 (guide, section 0)."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model


def _convolution(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    # Batch norm brings its own shift, so the convolution needs no bias.
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _dropout(rate: float) -> list[nn.Module]:
    return [SeededDropout(rate)] if rate > 0 else []
