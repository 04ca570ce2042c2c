"""Contract values as JSON text, the form in which tables keep them, and the fingerprint of a study's document."""

from __future__ import annotations

import hashlib

from studies.contract.study_file import StudySpec


def document_hash(spec: StudySpec) -> str:
    """Return a fingerprint that is equal for equal studies, however their documents were written."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()
