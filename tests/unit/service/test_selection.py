"""What stands in ``?select=``: it may have been cut off or made up, and never is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.selection import MOST_SELECTED, selected_numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", ()),
        ("12", (12,)),
        ("12,3,12", (12, 3)),
        ("12,,x,-1,3.5,1e3, 7,٣", (12,)),
        ("9999999999", ()),
        (",".join(map(str, range(99))), tuple(range(MOST_SELECTED))),
    ],
)
def test_numbers_are_read_and_the_rest_is_left_out(text: str, numbers: tuple[int, ...]) -> None:
    assert selected_numbers(text) == numbers


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    assert len(selected_numbers(text)) <= MOST_SELECTED
