"""The task: a class that says what the model, the data and the loss are. The training loop is ours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from studies.contract.base import Params, Scalar

ON_DEVICE_BYTES = 512 * 2**20
"""Sets up to this size, as float32, are prepared once and live on the device; larger ones batch by batch."""


@dataclass(frozen=True, eq=False)
class Split:
    """Samples [n, channels, height, width] with their labels int64 [n], on the device of `labels`.

    Attributes:
        prepare: turns stored samples into what the model eats; identity where they were prepared beforehand.
    """

    samples: Tensor
    labels: Tensor
    prepare: Callable[[Tensor], Tensor]

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of these indices (int64 [b], best where the samples are)."""
        samples = self.samples[indices.to(self.samples.device)].to(self.labels.device)
        return self.prepare(samples), self.labels[indices.to(self.labels.device)]


@dataclass(frozen=True, eq=False)
class Data:
    """Training and dev split of a classification problem, shapes included."""

    train: Split
    dev: Split
    classes: int
    sample_shape: tuple[int, int, int]


class Task(ABC):
    """A classification problem.

    Args:
        args: the objective's arguments from the study file.
        params: the trial's hyperparameters; regularisers are off where absent (guide, section 0).
        device: ``cpu`` or ``cuda:N``.
    """

    def __init__(self, args: Mapping[str, Scalar | None], params: Params, device: str) -> None:
        self.args = args
        self.params = params
        self.device = device

    @abstractmethod
    def data(self) -> Data:
        """Return the data, split the same way for every trial."""

    @abstractmethod
    def model(self, data: Data) -> nn.Module:
        """Return the freshly initialised model, drawn from torch's global generator."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the training loss: cross entropy, with label smoothing if ``params`` ask for it."""
        smoothing = float(self.params.get("label_smoothing", 0.0))
        return functional.cross_entropy(outputs, targets, label_smoothing=smoothing)

    def losses(self, outputs: Tensor, targets: Tensor, label_smoothing: Tensor | None) -> Tensor:
        """Return the training losses [K] of K members, each what `loss` gives that member alone.

        Args:
            outputs: [K, B, classes].
            targets: [B] where all members see one batch, otherwise [K, B].
            label_smoothing: [K], each member's own; None where no member has any.
        """
        scores = functional.log_softmax(outputs, dim=-1)
        true = targets.expand(scores.shape[:-1]).unsqueeze(-1)
        certain = -scores.gather(-1, true).mean((-2, -1))
        if label_smoothing is None:
            return certain
        # A member without smoothing must not meet the other term: a masked class makes it infinite, and 0 * inf NaN.
        uniform = torch.where(label_smoothing > 0, -scores.mean((-2, -1)), certain)
        return torch.lerp(certain, uniform, label_smoothing)

    @classmethod
    def stackable(cls) -> bool:
        """Whether runs may train as one program: not where a class says `loss` its own way but no `losses` to it."""
        return issubclass(_definer(cls, "losses"), _definer(cls, "loss"))

    def dev_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss on the dev set: the plain one, comparable between trials."""
        return functional.cross_entropy(outputs, targets)


def _definer(cls: type, name: str) -> type:
    """Return the class that `cls` has the method `name` from."""
    return next(base for base in cls.__mro__ if name in vars(base))


BatchOrder = Callable[[int], Tensor]
"""From an update's index to the indices of its batch, int64 [b]."""


def batch_order(split: Split, batch_size: int, seed: int) -> BatchOrder:
    """Return the order in which the samples are seen: a new shuffle each epoch, incomplete batches dropped.

    It follows from (seed, epoch) alone, so that a resumed run sees what the uninterrupted one would have. A shuffle
    is drawn on the CPU and goes to where the samples are as a whole, once an epoch.
    """
    count = len(split)
    size = min(batch_size, count)
    per_epoch = count // size
    shuffled: dict[int, Tensor] = {}

    def indices(update: int) -> Tensor:
        epoch, position = divmod(update, per_epoch)
        if epoch not in shuffled:
            shuffled.clear()
            shuffled[epoch] = _shuffle(count, seed, epoch).to(split.samples.device)
        return shuffled[epoch][position * size : (position + 1) * size]

    return indices


def train_batches(split: Split, batch_size: int, seed: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Return the function from an update's index to its batch, in `batch_order`."""
    order = batch_order(split, batch_size, seed)
    return lambda update: split.batch(order(update))


def _shuffle(count: int, seed: int, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)
