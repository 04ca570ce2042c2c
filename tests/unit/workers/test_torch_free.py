"""The agent never loads torch: not when it is imported, not by what it imports."""

from __future__ import annotations

import subprocess
import sys

HEAVY = """
import sys, workers.cli, workers.nursery
print([name for name in ("torch", "sklearn", "torchvision") if name in sys.modules])
"""


def test_the_command_line_and_the_nursery_import_no_heavy_library() -> None:
    result = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
