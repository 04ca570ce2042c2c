"""The bound on what is kept of a run's output: a run that prints without end must not fill the database."""

from __future__ import annotations

from collections.abc import Mapping

MAX_LOG_BYTES = 16 * 2**20
"""Most bytes (UTF-8) of one attempt's output that are kept, but for the line that says so."""

NOTICE = (
    f"\n[Stagetune keeps the first {MAX_LOG_BYTES // 2**20} MiB of a run's output: "
    "what it prints from here on is in the run's folder on its worker alone.]\n"
)


def all_fit(pieces: Mapping[int, str], stored: int) -> bool:
    """Return whether the bound is far enough away to keep all of `pieces`."""
    return stored + sum(len(text.encode()) for text in pieces.values()) <= MAX_LOG_BYTES


def kept(pieces: Mapping[int, str], stored: int) -> dict[int, str]:
    """Return what is kept of new `pieces` of output, by sequence, of an attempt that has `stored` bytes of it already.

    The piece that crosses the bound is cut there and ends with `NOTICE`, and with it more than `MAX_LOG_BYTES` are
    stored: of what comes later nothing is kept.
    """
    taken: dict[int, str] = {}
    room = MAX_LOG_BYTES - stored
    for sequence in sorted(pieces):
        if room < 0:
            break
        data = pieces[sequence].encode()
        taken[sequence] = pieces[sequence] if len(data) <= room else _cut(data, room)
        room -= len(data)
    return taken


def _cut(data: bytes, room: int) -> str:
    return data[:room].decode("utf-8", "ignore") + NOTICE  # a character that the cut goes through is left out
