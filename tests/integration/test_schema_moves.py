"""Upgrades while others work: four at once, and servers that find a database of another age."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from service.app import create_app
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.storage import open_store, upgrade_database
from studies.storage.sql.engine import make_engine, writing
from studies.storage.sql.schema import head
from studies.storage.sql.tables import VERSION_TABLE
from tests import builders as build
from tests.integration.worker_harness import wait_for
from tests.migration.thawing import SCHEMAS, rows_of, thaw

NEWER = "9999"


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def empty(request: pytest.FixtureRequest, kind: str) -> str:
    url: str = request.getfixturevalue(f"{kind}_url")
    return url


@pytest.fixture
def current(request: pytest.FixtureRequest, kind: str) -> str:
    url: str = request.getfixturevalue(f"{kind}_store_url")
    return url


def become(url: str, revision: str | None) -> None:
    """Let the database say that it has that schema."""
    engine = make_engine(url)
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :revision"), {"revision": revision})
    engine.dispose()


def test_four_upgrade_a_database_in_use_at_once(empty: str, tmp_path: Path) -> None:
    thaw(SCHEMAS[0], empty, tmp_path)
    before = rows_of(empty)
    context = get_context("forkserver")
    context.set_forkserver_preload(["studies.storage"])
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        list(pool.map(upgrade_database, [empty] * 4))
    after = rows_of(empty)
    assert {name: after[name] for name in before} == before
    with closing(open_store(empty)) as store:
        store.check()


def test_a_server_leaves_a_newer_database_alone_and_goes_on_when_it_is_its_own_again(current: str) -> None:
    app = create_app(Settings(database_url=current, tick_seconds=0.01))
    with BackgroundServer(app, listen("127.0.0.1", 0)) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        wait_for(lambda: http.get("/readyz").is_success, "the server", 30)
        registered = http.post("/api/v1/workers", content=build.worker().model_dump_json()).json()
        become(current, NEWER)
        wait_for(lambda: app.state.ticker.trouble, "the engine's refusal", 30)
        refused = http.get("/readyz")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/schema-mismatch")
        assert f"{NEWER} is newer than this program's {head()}: upgrade Stagetune" in refused.json()["detail"]
        assert http.get("/healthz").is_success
        assert http.post(f"/api/v1/workers/{registered['worker_id']}/sync", content="{}").is_success
        become(current, head())
        wait_for(lambda: http.get("/readyz").is_success, "the server again", 30)
