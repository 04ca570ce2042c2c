"""What the command line and a worker tell their user when their token will not do."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI

from service.client import ApiClient, ApiProblem
from service.server import BackgroundServer, listen
from studies.contract.scopes import Scope
from tests.builders import worker
from tests.unit.service.access.conftest import MakeToken
from workers.client import Client, Refused


def register(url: str, token: str | None) -> None:
    async def call() -> None:
        client = Client(url, token)
        try:
            await client.register(worker())
        finally:
            await client.close()

    asyncio.run(call())


def test_each_names_the_command_that_makes_the_right_token(closed: FastAPI, make_token: MakeToken) -> None:
    with BackgroundServer(closed, listen("127.0.0.1", 0)) as server:
        register(server.url, make_token(Scope.WORKER))
        for token in (None, "nonsense", make_token(Scope.WORKER, lifetime=-1)):
            with pytest.raises(Refused, match=r"stagetune token create NAME --scope SCOPE.*STAGETUNE_TOKEN"):
                register(server.url, token)
            with ApiClient(server.url, token) as client, pytest.raises(ApiProblem, match="stagetune token create"):
                client.studies()
        with pytest.raises(Refused, match="stagetune token create NAME --scope worker"):
            register(server.url, make_token(Scope.READ))
        with ApiClient(server.url, make_token(Scope.WORKER)) as client:
            with pytest.raises(ApiProblem, match="stagetune token create NAME --scope read") as caught:
                client.studies()
            assert caught.value.code == "forbidden"
