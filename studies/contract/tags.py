"""Tags of a study: words that it is found by."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from studies.contract.study_fields import matching, unique

MAX_TAGS = 20
"""Most tags of a study."""

_TAG = re.compile(r"\w[\w.:/+-]{0,39}")


def _differ(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return `tags`, of which no two may differ in case alone."""
    unique(tuple(tag.casefold() for tag in tags))
    return tags


Tag = Annotated[
    str, matching(_TAG, "must be one word of at most 40 characters: letters, digits and any of . _ - : / +")
]
Tags = Annotated[tuple[Tag, ...], Field(max_length=MAX_TAGS), AfterValidator(_differ)]
