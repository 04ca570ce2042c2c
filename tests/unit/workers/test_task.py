"""The losses of several runs at once, and who can train as one program."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from workers.objectives.image_classification.task import ImageClassification
from workers.objectives.task import Split, Task, batch_order


def task(**params: float) -> Task:
    return ImageClassification({}, params, "cpu")


SMOOTHING = st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0]), min_size=1, max_size=4)


@given(smoothing=SMOOTHING, seed=st.integers(0, 2**20), shared=st.booleans())
def test_the_losses_of_members_are_those_of_each_alone(smoothing: list[float], seed: int, shared: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(len(smoothing), 6, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    targets = torch.randint(5, (6,) if shared else (len(smoothing), 6), generator=generator)
    rates = torch.tensor(smoothing, dtype=torch.float64)
    losses = task().losses(outputs, targets, rates)
    own = [targets if shared else targets[member] for member in range(len(smoothing))]
    alone = [
        task(label_smoothing=rate).loss(output, target)
        for rate, output, target in zip(smoothing, outputs, own, strict=True)
    ]
    torch.testing.assert_close(losses, torch.stack(alone), rtol=0, atol=1e-12)
    (gradient,) = torch.autograd.grad(losses.sum(), outputs)
    (expected,) = torch.autograd.grad(sum(alone), outputs)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)


def test_a_masked_class_is_infinitely_unlikely_only_where_labels_are_smoothed() -> None:
    outputs = torch.zeros(2, 3, 4)
    outputs[:, :, 3] = -torch.inf
    losses = task().losses(outputs, torch.zeros(3, dtype=torch.long), torch.tensor([0.0, 0.1]))
    assert losses[0].item() == pytest.approx(torch.tensor(3.0).log().item())
    assert losses[1].item() == torch.inf


def test_without_smoothing_anywhere_nothing_is_smoothed() -> None:
    outputs, targets = torch.randn(2, 6, 5), torch.arange(6) % 5
    assert torch.equal(
        task().losses(outputs, targets, None), task().losses(outputs, targets, torch.zeros(2, dtype=torch.float32))
    )


class OwnLoss(ImageClassification):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.sum()


class OwnLosses(OwnLoss):
    def losses(self, outputs: Tensor, targets: Tensor, label_smoothing: Tensor | None) -> Tensor:
        return outputs.sum((1, 2))


class OwnLossAgain(OwnLosses):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return -outputs.sum()


@pytest.mark.parametrize(
    ("kind", "stackable"), [(ImageClassification, True), (OwnLoss, False), (OwnLosses, True), (OwnLossAgain, False)]
)
def test_a_loss_of_its_own_needs_losses_that_say_the_same(kind: type[Task], stackable: bool) -> None:
    assert kind.stackable() is stackable


@given(count=st.integers(1, 50), batch_size=st.integers(1, 60), seed=st.integers(0, 10), update=st.integers(0, 200))
def test_the_order_of_samples_follows_from_seed_and_update_alone(
    count: int, batch_size: int, seed: int, update: int
) -> None:
    split = Split(torch.zeros(count, 1), torch.zeros(count, dtype=torch.long), nn.Identity())
    order = batch_order(split, batch_size, seed)
    seen = [order(each).tolist() for each in range(update + 1)]
    assert batch_order(split, batch_size, seed)(update).tolist() == seen[-1]
    size = min(batch_size, count)
    per_epoch = count // size
    epoch = [sample for batch in seen[:per_epoch] for sample in batch]
    assert len(set(epoch)) == len(epoch)
    assert {len(batch) for batch in seen} == {size}
