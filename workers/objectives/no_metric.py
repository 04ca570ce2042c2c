"""What a run of a user's code fails of that ended well and said nothing it could be judged by."""

from __future__ import annotations


class NoMetric(Exception):
    """It ended well without the study's metric; the message says how to report it."""
