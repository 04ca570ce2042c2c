"""The compose file and the Dockerfiles: valid, confined, without default secrets, and naming only what exists."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from service.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name in SERVICES if name != "database"]
WORKERS = ["worker-gpu", "worker-cpu"]
DOCKERFILES = ["service/Dockerfile", "workers/Dockerfile"]


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile with their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / dockerfile).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    pairs = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [(name, argument) for name, argument in pairs]


def arguments_of(dockerfile: str, instruction: str) -> list[str]:
    return [argument for name, argument in instructions(dockerfile) if name == instruction]


def test_the_file_is_what_the_compose_specification_says() -> None:
    vendored = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    validator = Draft202012Validator(json.loads(vendored.read_text()))
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    assert list(validator.iter_errors({"services": {"server": {"comand": "serve"}}}))


# --- what it names exists --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_a_service_builds_from_a_dockerfile_that_exists(name: str) -> None:
    build = SERVICES[name]["build"]
    dockerfile = str(Path(build["context"], build["dockerfile"]))
    assert dockerfile in DOCKERFILES
    copied = [line.split()[:-1] for line in arguments_of(dockerfile, "COPY") if not line.startswith("--from=build ")]
    assert copied
    assert all((ROOT / source).exists() for sources in copied for source in sources)


def _help_of(*command: str) -> str:
    module = {"stagetune": "service.cli", "stagetune-worker": "workers.cli"}[command[0]]
    arguments = [sys.executable, "-m", module, *command[1:], "--help"]
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.mark.parametrize("name", ["migrate", "server", "worker-cpu"])
def test_a_service_runs_a_command_that_exists_with_options_that_it_has(name: str) -> None:
    command = SERVICES[name]["command"]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert command[0] in scripts
    words = [word for word in command[1:] if re.fullmatch(r"[a-z]+", word)]
    shown = _help_of(command[0], *words)
    assert [option for option in command if option.startswith("--") and option not in shown] == []
    if name in WORKERS:
        assert [variable for variable in SERVICES[name]["environment"] if variable not in shown] == []


def test_both_workers_are_the_same_but_for_the_device() -> None:
    gpu, cpu = (SERVICES[name] for name in WORKERS)
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert gpu | {"profiles": ["cpu"]} == cpu | {"deploy": gpu["deploy"]}
    assert [gpu["profiles"], cpu["profiles"]] == [["gpu"], ["cpu"]]


@pytest.mark.parametrize("name", ["migrate", "server"])
def test_the_server_is_given_settings_that_it_reads(name: str) -> None:
    fields = {f"STAGETUNE_{field.upper()}" for field in Settings.model_fields}
    assert set(SERVICES[name]["environment"]) <= fields


def test_a_server_starts_with_these_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, given in SERVICES["server"]["environment"].items():
        monkeypatch.setenv(name, re.sub(r"\$\{.*?\}", "0123456789abcdef", given))
    settings = Settings()
    assert settings.database_url == "postgresql://stagetune:0123456789abcdef@database:5432/stagetune"
    assert str(settings.artifacts) == "/artifacts"
    assert settings.token is not None


def test_the_server_is_published_on_loopback_at_the_port_that_it_listens_on() -> None:
    server = SERVICES["server"]
    (published,) = server["ports"]
    host, _, inside = published.split(":")
    assert host == "127.0.0.1"
    assert inside == server["command"][server["command"].index("--port") + 1]
    assert f"http://server:{inside}" in SERVICES["worker-cpu"]["command"]
    assert arguments_of("service/Dockerfile", "EXPOSE") == [inside]
    assert f":{inside}/readyz" in server["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", OURS)
def test_what_a_service_writes_to_is_a_volume_that_its_user_owns(name: str) -> None:
    """A new volume takes its owner from the image's folder of that name."""
    service = SERVICES[name]
    made = " ".join(arguments_of(service["build"]["dockerfile"], "RUN"))
    for volume in service.get("volumes", []):
        source, target = volume.split(":")
        assert source in COMPOSE["volumes"]
        assert f"install -d -o stagetune {target}" in made


def test_the_probe_of_the_server_is_a_program_that_runs() -> None:
    kind, program, flag, code = SERVICES["server"]["healthcheck"]["test"]
    assert (kind, program, flag) == ("CMD", "python", "-c")
    compile(code, "healthcheck", "exec")


# --- order, secrets, confinement -------------------------------------------------------------------------------------


def test_migrations_come_before_the_server_and_the_server_before_workers() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert SERVICES["server"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert all(SERVICES[name]["depends_on"] == {"server": {"condition": "service_healthy"}} for name in WORKERS)
    assert SERVICES["migrate"]["command"] == ["stagetune", "db", "upgrade"]


def test_no_secret_has_a_default() -> None:
    variables = re.findall(r"\$\{(\w+)(.*?)\}", TEXT)
    assert {name for name, _ in variables} == {"POSTGRES_PASSWORD", "STAGETUNE_TOKEN", "STAGETUNE_WORKER_TOKEN"}
    assert all(rest.startswith((":?", ":-${STAGETUNE_TOKEN:?")) for _, rest in variables)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid", "ipc"}
    assert ("work" in service["networks"]) == (name in (*WORKERS, "server"))
    assert ("data" in service["networks"]) == (name not in WORKERS)


def test_the_database_is_not_reached_from_outside() -> None:
    assert "ports" not in SERVICES["database"]
    assert COMPOSE["networks"]["data"] == {"internal": True}


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_an_image_is_small_reproducible_and_not_root_s(dockerfile: str) -> None:
    found = instructions(dockerfile)
    names = [name for name, _ in found]
    assert all(re.match(r"python:3\.\d+-slim( AS build)?$", base) for base in arguments_of(dockerfile, "FROM"))
    assert "ADD" not in names
    assert found[-1][0] == "CMD"
    assert isinstance(json.loads(found[-1][1]), list), "a shell would keep SIGTERM for itself"
    assert ("USER", "stagetune") in found[names.index("FROM", 1) :]
    for step in arguments_of(dockerfile, "RUN"):
        assert "pip install" not in step or ("--no-cache-dir" in step and "--constraint constraints.txt" in step)
        assert "apt-get install" not in step or ("--no-install-recommends" in step and "/var/lib/apt/lists" in step)
    kept = " ".join(argument for name, argument in found if name in ("ENV", "ARG"))
    assert not re.search("TOKEN|PASSWORD|SECRET", kept)


def test_the_build_is_not_sent_what_it_does_not_need() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", "tests", "stagetune-data"} <= set(ignored)
