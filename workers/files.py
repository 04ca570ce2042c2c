"""Files that other processes read: whole or not there."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from studies.contract.base import Scalar

_ERROR = TypeAdapter(dict[str, Scalar])


def write_whole(path: Path, text: str) -> None:
    """Write to a temporary name, then put it in place."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def read_error(path: Path) -> dict[str, Scalar] | None:
    """Return an error record, None where there is none that can be read: user code may write here too."""
    try:
        return _ERROR.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
