"""What is shipped: the wheel carries its data files, and the compose file names only what exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name in SERVICES if name != "database"]


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


def _options_of(command: str, *words: str) -> str:
    module = {"stagetune": "service.cli", "stagetune-worker": "workers.cli"}[command]
    arguments = [sys.executable, "-m", module, *words, "--help"]
    shown = subprocess.run(
        arguments, cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "200"}
    )
    return shown.stdout


@pytest.mark.parametrize("name", OURS)
def test_a_service_builds_from_a_dockerfile_that_exists(name: str) -> None:
    build = SERVICES[name]["build"]
    dockerfile = ROOT / build["context"] / build["dockerfile"]
    copied = re.findall(r"^COPY (.+) \S+$", dockerfile.read_text(), re.MULTILINE)
    assert copied
    assert all((ROOT / source).exists() for line in copied for source in line.split())
    assert "USER stagetune" in dockerfile.read_text()


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_that_exists(name: str) -> None:
    command = SERVICES[name]["command"]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert command[0] in scripts
    words = [word for word in command[1:] if re.fullmatch(r"[a-z]+", word)]
    shown = _options_of(command[0], *words)
    for option in (word for word in command if word.startswith("--")):
        assert option in shown


def test_the_server_is_given_settings_that_it_reads() -> None:
    fields = {f"STAGETUNE_{field.upper()}" for field in Settings.model_fields}
    assert set(SERVICES["server"]["environment"]) <= fields


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    variables = re.findall(r"\$\{(\w+)(.*?)\}", text)
    assert {name for name, _ in variables} == {"POSTGRES_PASSWORD", "STAGETUNE_TOKEN", "STAGETUNE_WORKER_TOKEN"}
    assert all(rest.startswith((":?", ":-${STAGETUNE_TOKEN:?")) for _, rest in variables)


def test_the_server_is_published_on_loopback_at_the_port_that_it_listens_on() -> None:
    command = SERVICES["server"]["command"]
    (published,) = SERVICES["server"]["ports"]
    host, _, inside = published.split(":")
    assert host == "127.0.0.1"
    assert inside == command[command.index("--port") + 1]
    assert f"http://server:{inside}" in SERVICES["worker-cpu"]["command"]


def test_migrations_come_before_the_server() -> None:
    assert SERVICES["server"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert SERVICES["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"


def test_ci_runs_the_make_targets_of_the_readme() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in ("lint", "test", "demo"):
        assert f"make {target}" in ci
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert [shlex.split(line)[0] for line in ci.splitlines() if line.startswith("make")] == ["make"] * 3
