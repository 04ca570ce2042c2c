"""Determinism by seed: the same run twice gives the same curve, bit for bit on a CPU."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor

RandomState = dict[str, Tensor]
"""The state of a run's generator by the type of its device."""


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch, and choose deterministic kernels over faster ones."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def own_generator(device: str) -> torch.Generator:
    """Return a generator that goes on from where torch's default one of that device stands.

    Right after a model was initialised it draws what a run alone would draw next: the masks of its dropout.
    """
    generator = torch.Generator(device)
    on_cpu = generator.device.type == "cpu"
    generator.set_state(torch.get_rng_state() if on_cpu else torch.cuda.get_rng_state(generator.device))
    return generator


def random_state(generator: torch.Generator) -> RandomState:
    return {generator.device.type: generator.get_state()}


def restore_random_state(generator: torch.Generator, state: RandomState) -> None:
    """Put `generator` to where `random_state` found it; a state of another type of device says nothing about it."""
    if generator.device.type in state:
        # Wherever the checkpoint was mapped to, generators take their states from the CPU.
        generator.set_state(state[generator.device.type].cpu())
