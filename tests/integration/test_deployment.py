"""What is shipped: the wheel carries its data files, and CI runs what a newcomer types."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if name.startswith(("service/", "studies/", "workers/", "pyproject", "README")) and (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_carries_every_data_file(wheel: zipfile.ZipFile) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    shipped = {
        name
        for name in listed.splitlines()
        if name.startswith(("service/", "studies/", "workers/")) and not name.endswith("Dockerfile")
    }
    assert shipped - set(wheel.namelist()) == set()


def test_ci_runs_the_make_targets_of_the_readme() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in ("lint", "test", "demo"):
        assert f"make {target}" in ci
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert [shlex.split(line)[0] for line in ci.splitlines() if line.startswith("make")] == ["make"] * 3
