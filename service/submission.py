"""Reads a submitted study: JSON or YAML, strictly, and only what this server can search."""

from __future__ import annotations

from service import problems
from service.errors import RequestRefused
from studies.contract.study_document import parse_json, parse_yaml
from studies.contract.study_file import BatchMomentum, SamplerSearch, Stage, StudySpec
from studies.errors import InvalidStudy
from studies.storage.optuna_bridge.sampler import missing

JSON_TYPES = frozenset({"application/json"})
YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml"})
MAX_DOCUMENT_BYTES = 1024 * 1024


def read_study(body: bytes, content_type: str) -> StudySpec:
    """Return the study in `body`.

    Raises:
        InvalidStudy: the document has faults, all of them named.
        RequestRefused: it is too long (413) or of another media type (415).
    """
    if len(body) > MAX_DOCUMENT_BYTES:
        raise RequestRefused(problems.BODY_TOO_LARGE, f"Send a study file of at most {MAX_DOCUMENT_BYTES:,} bytes.")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in JSON_TYPES:
        return parse_json(body)
    if media_type in YAML_TYPES:
        return parse_yaml(body)
    raise RequestRefused(
        problems.UNSUPPORTED_MEDIA_TYPE,
        "Send the study file with the header 'Content-Type: application/json' (or application/yaml).",
    )


def require_searchable(spec: StudySpec) -> None:
    """Refuse a search that this server cannot do for want of a package.

    Raises:
        InvalidStudy: names the stage, and what to install or choose instead.
    """
    faults = tuple(
        f"stages[{index}].{fault}" for index, stage in enumerate(spec.stages) if (fault := _lacks(stage)) is not None
    )
    if faults:
        raise InvalidStudy(faults)


def _lacks(stage: Stage) -> str | None:
    """Return what a stage's sampler needs and this server has not."""
    match stage:
        case BatchMomentum(search=sampler):
            key = "search"
        case SamplerSearch(sampler=sampler):
            key = "sampler"
        case _:
            return None
    reason = missing(sampler)
    return None if reason is None else f"{key}: {reason}"
