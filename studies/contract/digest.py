"""The ``Content-Digest`` field of HTTP (RFC 9530), with SHA-256 alone."""

from __future__ import annotations

import base64
import binascii
import re

_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


def content_digest(sha256: str) -> str:
    """Return the field for a digest in hexadecimal."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def sha256_of(field: str) -> str | None:
    """Return the digest that a field holds, in hexadecimal; None where it holds none."""
    match = _DIGEST.fullmatch(field.strip())
    if match is None:
        return None
    try:
        return base64.b64decode(match[1], validate=True).hex()
    except binascii.Error:
        return None
