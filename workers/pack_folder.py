"""The folder of one pack's process, ``<workdir>/packs/<id>/``.

pack.json    what to do (`PackOrder`)
pack.log     what the process printed; what a run alone in its process prints goes to that run's own log
error.json   the exception that ended the process
ended.txt    how it ended, where that was not well: such folders are kept for a while, others go at once
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from studies.contract.base import Scalar
from workers.files import read_error, write_whole
from workers.pack_protocol import PackOrder

logger = logging.getLogger(__name__)

MAX_KEPT = 20
"""Folders of packs that ended badly; older ones go."""

ABANDONED_SECONDS = 7 * 24 * 3600.0
"""A folder without an end that nobody has touched for so long belonged to a worker that was killed."""

TAIL_BYTES = 4096


@dataclass(frozen=True)
class PackFolder:
    path: Path

    @property
    def log(self) -> Path:
        return self.path / "pack.log"

    @property
    def error(self) -> Path:
        return self.path / "error.json"

    def prepare(self, order: PackOrder) -> None:
        """Create the folder and write down what is to be done."""
        self.path.mkdir(parents=True)
        write_whole(self.path / "pack.json", order.model_dump_json(indent=2))

    def read_order(self) -> PackOrder:
        return PackOrder.model_validate_json((self.path / "pack.json").read_bytes())

    def write_error(self, error: dict[str, Scalar]) -> None:
        write_whole(self.error, json.dumps(error))

    def read_error(self) -> dict[str, Scalar] | None:
        return read_error(self.error)

    def tail(self) -> str:
        """Return the end of what the process printed, empty where that is nothing."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
                return file.read().decode(errors="replace").strip()
        except OSError:
            return ""

    def close(self, trouble: str) -> None:
        """Remove the folder, or keep it with a note of what went wrong, and remove the oldest of those kept."""
        if not trouble:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        try:
            write_whole(self.path / "ended.txt", trouble + "\n")
            _prune(self.path.parent)
        except OSError as fault:  # The disk is full, or somebody tidies up as well: runs come first.
            logger.warning("%s: cannot be noted or tidied up: %s", self.path, fault)


def _prune(packs: Path) -> None:
    ended = sorted((path.parent for path in packs.glob("*/ended.txt")), key=lambda each: each.stat().st_mtime)
    abandoned = [each for each in packs.iterdir() if time.time() - each.stat().st_mtime > ABANDONED_SECONDS]
    for path in {*ended[:-MAX_KEPT], *abandoned}:
        shutil.rmtree(path, ignore_errors=True)
