"""Which Stagetune this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    try:
        return version("stagetune")
    except PackageNotFoundError:  # run from a checkout
        return "0+checkout"
