"""Opaque identifiers. A prefix says what an id names; nothing else may be read from it."""

from __future__ import annotations

import secrets
from base64 import b32encode
from typing import Literal

Kind = Literal["study", "stage", "trial", "attempt", "worker", "decision", "token"]

_PREFIX: dict[Kind, str] = {
    "study": "st",
    "stage": "sg",
    "trial": "tr",
    "attempt": "at",
    "worker": "wk",
    "decision": "de",
    "token": "tk",
}
_ALPHABET = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghjkmnpqrstvwxyz")
"""The 32 letters of base32 as digits and letters that are not mistaken for each other."""

_LENGTH = 14

ID_PATTERN = r"[A-Za-z0-9_-]{1,64}"
"""What an id can look like. Anything else names nothing, and need not be asked of a database that may not hold it."""


def new_id(kind: Kind) -> str:
    """Return a fresh id such as ``tr_7k2m...`` with 70 random bits."""
    return f"{_PREFIX[kind]}_{b32encode(secrets.token_bytes(10)).decode()[:_LENGTH].translate(_ALPHABET)}"


def new_token() -> str:
    """Return a fresh fencing token (128 random bits, hexadecimal) for one lease."""
    return secrets.token_hex(16)
