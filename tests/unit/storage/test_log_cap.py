from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from studies.storage.log_cap import MAX_LOG_BYTES, NOTICE, kept

PIECES = st.dictionaries(st.integers(0, 50), st.text(max_size=40), max_size=8)


@given(PIECES, st.integers(MAX_LOG_BYTES - 200, MAX_LOG_BYTES + 500))
def test_what_is_kept_is_a_beginning_of_what_came(pieces: dict[int, str], stored: int) -> None:
    came = "".join(pieces[sequence] for sequence in sorted(pieces))
    taken = kept(pieces, stored)
    held = "".join(taken[sequence] for sequence in sorted(taken))
    whole = held == came
    assert whole or held == "" or came.startswith(held.removesuffix(NOTICE))
    size = len(held.removesuffix(NOTICE).encode())
    assert size <= max(0, MAX_LOG_BYTES - stored)
    assert whole or stored > MAX_LOG_BYTES or size > MAX_LOG_BYTES - stored - 4, "room is used, but for a character cut"


@given(PIECES, st.integers(0, MAX_LOG_BYTES + 500))
def test_the_notice_is_given_once(pieces: dict[int, str], stored: int) -> None:
    notices = 0
    for _ in range(3):
        taken = kept(pieces, stored)
        notices += sum(text.endswith(NOTICE) for text in taken.values())
        stored += sum(len(text.encode()) for text in taken.values())
    assert notices <= 1
