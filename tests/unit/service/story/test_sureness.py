"""How sure a decision is, in words and as two lengths."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.story.sureness import standing, sureness
from studies.contract.study_file import StageKind
from tests.builders import decision


def sure(kind: StageKind = "batch_momentum", **evidence: Any):
    return sureness(kind, decision("tr_0", evidence=evidence))


@pytest.mark.parametrize(
    ("lead", "noise", "verdict", "text"),
    [
        (0.5, 0.1, "A clear lead", "The choice is 0.5 ahead of the next best; two standard errors"),
        (0.1, 0.1, "Within the noise", "The choice is 0.1 ahead of the next best;"),
        (-0.1, 0.1, "Within the noise", "The choice is 0.1 behind the next best;"),
        (0.0, 0.1, "Level", "The choice and the next best came out equal;"),
        (3.7e-17, 0.1, "Level", "The choice and the next best came out equal;"),
        (0.1, None, "Not known", "The choice is 0.1 ahead of the next best. Single runs alone"),
    ],
)
def test_a_lead_is_held_against_two_standard_errors(lead: float, noise: float, verdict: str, text: str) -> None:
    found = sure(lead=lead, noise=noise)
    assert found.verdict == verdict
    assert found.text.startswith(text)


def test_the_rival_the_unit_and_the_seeds_are_named() -> None:
    assert "ahead of no decay" in sure("decay_schedule", lead=0.1, noise=0.1).text
    assert "0.1 in training loss ahead" in sure("lr_sweep", lead=0.1, noise=0.1, judged_by="loss").text
    cells = [{"trial_id": "tr_0", "seeds": [0, 1]}]
    assert "of the difference over 2 seeds are 0.2" in sure("confirm", lead=0.1, noise=0.1, cells=cells).text


def test_nothing_to_compare_with_is_nothing_to_say() -> None:
    assert sure(noise=0.1) is None


@given(st.floats(-1e6, 1e6), st.none() | st.floats(0, 1e6))
def test_lengths_are_shares_of_the_wider(lead: float, noise: float | None) -> None:
    found = sure(lead=lead, noise=noise)
    assert 0 <= found.lead_share <= 100
    assert 0 <= found.noise_share <= 100
    assert (found.standing == "clear") == (standing(lead, None if noise is None else 2 * noise) == "clear")
    if lead or noise:
        assert max(found.lead_share, found.noise_share) == 100
