"""Values that share nothing with their source, and texts that every database can hold."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


def copy_of(model: Model) -> Model:
    """Return a copy as it would come back from a database: through JSON, so that nothing mutable is shared."""
    return type(model).model_validate_json(model.model_dump_json())


def storable(text: str) -> str:
    """Return `text` with what PostgreSQL or UTF-8 cannot hold (NUL, lone surrogates) replaced."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
