"""Keeps the artifact folder to what the store still names."""

from __future__ import annotations

import asyncio
import logging

from service.artifacts import Artifacts
from studies.errors import StagetuneError
from studies.storage.port import StudyStore

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0


async def sweep_for_ever(artifacts: Artifacts, store: StudyStore) -> None:
    """Sweep once a minute; what fails is said and tried again."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            swept = await asyncio.to_thread(sweep, artifacts, store)
        except (StagetuneError, OSError) as fault:
            logger.warning("old checkpoints stay a while longer: %s", fault)
        except Exception:  # nobody waits for this task: without a word it would be missed when the folder is full
            logger.exception("old checkpoints stay a while longer")
        else:
            logger.debug("%d files of old checkpoints removed", swept)


def sweep(artifacts: Artifacts, store: StudyStore) -> int:
    """Remove the files of checkpoints that no attempt will resume from; return how many."""
    return artifacts.sweep(store.retire_checkpoints().values())
