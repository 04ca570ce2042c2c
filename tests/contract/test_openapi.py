"""The API against its own document: requests made up from it by schemathesis, wrong ones too, get what it promises.

``SCHEMA_EXAMPLES=1000`` makes more of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.app import create_app
from service.auth import guesses
from service.routes.checkpoints import ARCHIVE
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract import wire
from studies.core.actions import OpenStage
from studies.storage.memory import MemoryStore
from tests.builders import add_trials, chunk, report, spec, sync, worker

TOKEN = "a-token-that-is-long-enough"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
]

settings.register_profile(
    "schema",
    max_examples=int(os.environ.get("SCHEMA_EXAMPLES", "10")),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer(ARCHIVE)
def send_as_it_is(_: Any, value: Any) -> dict[str, bytes]:
    """No archive is made up: whatever comes instead of one has to be answered well."""
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


@schemathesis.serializer(wire.CBOR)
def send_as_cbor(_: Any, value: Any) -> dict[str, bytes]:
    return {"data": cbor2.dumps(value)}


STORE = MemoryStore()
APP = create_app(Settings(database_url="memory://", token=TOKEN), STORE, tick=lambda: None)
SCHEMA = schemathesis.openapi.from_dict(APP.openapi())


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    """What there is, by the name of the parameter that asks for it."""
    study_id = STORE.create_study(spec("there")).study_id
    STORE.apply(study_id, STORE.load(study_id).version, [OpenStage("lr_sweep"), add_trials("a", "b")])
    worker_id = STORE.register_worker(worker())
    lease = STORE.sync(worker_id, sync()).leases[0]
    STORE.sync(worker_id, sync(report(lease, chunk("loss", {1: 1.0, 2: float("nan")}), log="hello\n")))
    return {"study_id": study_id, "trial_id": lease.run.trial_id, "worker_id": worker_id}


@pytest.fixture(scope="module")
def server(known: dict[str, str]) -> Iterator[str]:
    with (
        pytest.MonkeyPatch.context() as patch,
        BackgroundServer(APP, listen("127.0.0.1", 0)) as running,
    ):
        patch.setattr(guesses, "MOST_WRONG", 10**9)  # every route is tried with wrong tokens too, from one address
        APP.state.stopping.set()  # so that streams of events end
        yield running.url


@SCHEMA.parametrize()
@settings(settings.get_profile("schema"))
def test_every_answer_is_as_documented(case: Any, server: str, known: dict[str, str]) -> None:
    """With ids that exist, as invented ones get no further than 404."""
    case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
    answer = case.call(base_url=server, headers={"Authorization": f"Bearer {TOKEN}"})
    case.validate_response(answer, checks=CHECKS)
