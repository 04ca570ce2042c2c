"""The dev split: stratified by class and the same for all trials of a study."""

from __future__ import annotations

import torch
from torch import Tensor

SPLIT_SEED = 20_240_229
"""Not the trial's seed: trials that are compared must be judged on the same samples."""


def stratified_split(labels: Tensor, dev_fraction: float) -> tuple[Tensor, Tensor]:
    """Return (train, dev) indices, int64, ascending; each class gives its share to dev, rounded.

    Raises:
        ValueError: one of the two would be empty.
    """
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    in_dev = torch.zeros(len(labels), dtype=torch.bool)
    for label in torch.unique(labels).tolist():
        members = torch.nonzero(labels == label).flatten()
        chosen = torch.randperm(len(members), generator=generator)[: round(len(members) * dev_fraction)]
        in_dev[members[chosen]] = True
    train, dev = torch.nonzero(~in_dev).flatten(), torch.nonzero(in_dev).flatten()
    if not len(train) or not len(dev):
        raise ValueError(
            f"dev_fraction {dev_fraction} leaves {len(train)} training and {len(dev)} dev samples of {len(labels)}: "
            "choose another fraction or bring more data"
        )
    return train, dev
