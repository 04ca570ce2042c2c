"""A study's precision becomes dtypes and an autocast; weights, batch norm and loss are float32 (guide, section 5)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from studies.contract.study_file import Precision
from workers.runtime import precision as precision_module
from workers.runtime.precision import UnsupportedPrecision, arithmetic


@pytest.mark.parametrize(
    ("precision", "weights", "outputs", "scaled"),
    [
        ("float32", torch.float32, torch.float32, False),
        ("float64", torch.float64, torch.float64, False),
        ("bfloat16", torch.float32, torch.bfloat16, False),
        ("float16", torch.float32, torch.float16, True),
    ],
)
def test_what_weights_and_products_are_computed_in(
    precision: Precision, weights: torch.dtype, outputs: torch.dtype, scaled: bool
) -> None:
    numbers = arithmetic(precision)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3)).to(numbers.dtype)
    with numbers.autocast("cpu"):
        computed = net(torch.ones(2, 1, 4, 4, dtype=numbers.dtype))
    assert (numbers.dtype, computed.dtype, numbers.scaled) == (weights, outputs, scaled)
    computed.to(numbers.dtype).sum().backward()
    tensors = [*net.buffers(), *(parameter.grad for parameter in net.parameters())]
    assert {tensor.dtype for tensor in tensors if tensor is not None} <= {weights, torch.int64}


def test_a_coarser_precision_has_a_coarser_resolution() -> None:
    names: tuple[Precision, ...] = ("float64", "float32", "float16", "bfloat16")
    resolutions = [arithmetic(name).resolution for name in names]
    assert resolutions == sorted(resolutions)


def test_a_card_without_bfloat16_says_what_to_choose_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_module, "_has_bfloat16", lambda device: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    with pytest.raises(UnsupportedPrecision, match=r"Tesla T4 .* set the precision to float16 or float32"):
        arithmetic("bfloat16").autocast("cuda:0")
