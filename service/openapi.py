"""The OpenAPI document of bodies that routes read themselves, strictly and off the event loop."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from studies.contract.base import Message
from studies.contract.study_file import StudySpec
from studies.contract.worker_protocol import RegisterWorker, SyncRequest

_REFERENCE = "#/components/schemas/{model}"
_RAW_BODIES: tuple[type[Message], ...] = (StudySpec, RegisterWorker, SyncRequest)


def body_of(message: type[Message], *media_types: str) -> dict[str, Any]:
    """Return ``openapi_extra`` for a route that reads `message` from its raw body."""
    schema = {"$ref": _REFERENCE.format(model=message.__name__)}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in media_types}}}


def document_raw_bodies(app: FastAPI) -> None:
    """Add the schemas of those messages to the app's OpenAPI document when it is first asked for."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in _schemas().items():
            schemas.setdefault(name, schema)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _schemas() -> dict[str, Any]:
    _, found = models_json_schema([(message, "validation") for message in _RAW_BODIES], ref_template=_REFERENCE)
    definitions: dict[str, Any] = found["$defs"]
    return definitions
