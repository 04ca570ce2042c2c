"""What tests on a real card share. They skip themselves where there is none; no setting of the card is changed."""

from __future__ import annotations

import pytest
import torch

CARD = "cuda:0"

needs_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
