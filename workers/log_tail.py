"""Follows a run's log from where the attempt began."""

from __future__ import annotations

import codecs
from pathlib import Path

READ_BYTES = 256 * 1024


class LogTail:
    """Reads what has been appended to a file since the last look; broken UTF-8 becomes replacement characters."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> str:
        """Return the next piece, at most `READ_BYTES` long, empty where there is nothing new."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                piece = file.read(READ_BYTES)
        except FileNotFoundError:
            return ""
        self._offset += len(piece)
        return self._decoder.decode(piece)
