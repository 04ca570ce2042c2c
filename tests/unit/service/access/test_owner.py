"""Whose a study is: the name of the token that submitted it, on its own or through a session."""

from __future__ import annotations

import httpx

from studies.contract.scopes import Scope
from studies.contract.study_document import to_document
from tests.builders import spec
from tests.unit.service.access.conftest import SETTINGS_TOKEN, MakeToken, bearing


def submitted(client: httpx.Client, name: str, **headers: str) -> str:
    answer = client.post("/api/v1/studies", json=to_document(spec(name)), headers=headers)
    assert answer.status_code == 201
    owner: str = answer.json()["owner"]
    return owner


def test_the_owner_is_the_name_of_the_token(client: httpx.Client, make_token: MakeToken) -> None:
    ada = make_token(Scope.SUBMIT, name="ada")
    assert submitted(client, "first", **bearing(ada)) == "ada"
    assert submitted(client, "second", **bearing(SETTINGS_TOKEN)) == "STAGETUNE_TOKEN"
    found = client.get("/api/v1/studies", params={"owner": "ada"}, headers=bearing(ada)).json()
    assert [study["name"] for study in found] == ["first"]


def test_who_only_reads_can_neither_choose_nor_archive(client: httpx.Client, make_token: MakeToken) -> None:
    submitted(client, "first", **bearing(SETTINGS_TOKEN))
    reader = bearing(make_token(Scope.READ))
    assert "data-choose" not in client.get("/", headers=reader).text
    assert "data-choose" in client.get("/", headers=bearing(SETTINGS_TOKEN)).text
    study_id = client.get("/api/v1/studies", headers=reader).json()[0]["id"]
    assert client.post(f"/api/v1/studies/{study_id}/archive", headers=reader).status_code == 403
