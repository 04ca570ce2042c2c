"""The command line: ``stagetune``. Only ``serve``, ``db``, ``token``, ``run`` and ``demo`` do without a server."""

from __future__ import annotations

import sys

from service.cli.app import app
from service.cli.console import complain
from service.client import ApiError
from service.settings import UnsafeSettings, UnusableSettings
from studies.errors import StagetuneError

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; what the user can mend is one clear message and exit code 1, never a traceback."""
    try:
        app()
    except (ApiError, StagetuneError, UnsafeSettings, UnusableSettings) as error:
        complain(error)
        sys.exit(1)
