"""Under vmap every member is the run that it is alone, or the engine says that it cannot."""

from __future__ import annotations

import torch

from tests.unit.workers.training import Member, Pack, assert_same_state, train_alone
from workers.runtime.engines import stack
import pytest

SAME_STREAM = (Member(seed=1), Member(seed=2, lr=0.03), Member(seed=3, lr=0.01))
OWN_STREAMS = tuple(Member(seed=seed, lr=0.01 * seed, stream=seed) for seed in (1, 2, 3))


@pytest.mark.parametrize("members", [SAME_STREAM, OWN_STREAMS, SAME_STREAM[:1]], ids=["shared", "own", "one"])
@pytest.mark.parametrize("name", ["small_cnn", "mlp"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_hundred_steps_are_those_of_torch_alone(name, members, dropout) -> None:
    nets = [member.model(name, torch.float64, dropout) for member in members]
    pack = Pack(stack("vmap", nets, [member.generator() for member in members]), members, torch.float64).train(100)
    for place, (member, net) in enumerate(zip(members, nets)):
        assert_same_state(pack.stack.state_dict(place), train_alone(member, net, torch.float64, 100), 1e-10)
