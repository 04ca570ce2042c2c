"""The batched engine: K models of one architecture as one program of batched layers, read off the model by tracing."""

from __future__ import annotations

from workers.runtime.engines.batched.model import BatchedModel

__all__ = ["BatchedModel"]
