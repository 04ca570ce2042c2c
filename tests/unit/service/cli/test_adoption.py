from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.app import create_app
from service.cli.adoption import StudyChanged, adopt, free_name
from service.client import ApiClient
from service.settings import Settings
from studies.contract.states import StudyCommand, StudyState
from studies.storage.memory import MemoryStore
from tests.asgi import BASE_URL, running
from tests.builders import spec


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def client(store: MemoryStore) -> Iterator[ApiClient]:
    app = create_app(Settings(database_url="memory://"), store, tick=lambda: None)
    with running(app) as transport, ApiClient(BASE_URL, transport=transport) as found:
        yield found


def test_a_new_study_is_submitted(client: ApiClient) -> None:
    assert adopt(client, spec(), fresh=False).state == StudyState.QUEUED


def test_the_same_study_goes_on(client: ApiClient) -> None:
    first = adopt(client, spec(), fresh=False)
    assert adopt(client, spec(), fresh=False).id == first.id


def test_a_paused_study_is_resumed(client: ApiClient) -> None:
    first = adopt(client, spec(), fresh=False)
    client.command(first.id, StudyCommand.PAUSE)
    again = adopt(client, spec(), fresh=False)
    assert (again.id, again.state) == (first.id, StudyState.RUNNING)


def test_a_study_that_has_ended_is_left_as_it_is(client: ApiClient) -> None:
    first = adopt(client, spec(), fresh=False)
    client.command(first.id, StudyCommand.CANCEL)
    assert adopt(client, spec(), fresh=False).state == StudyState.CANCELLED


def test_a_changed_document_asks_the_user_to_choose(client: ApiClient) -> None:
    adopt(client, spec(), fresh=False)
    with pytest.raises(
        StudyChanged, match=r"put the file back.*change `name:`(.|\n)*--fresh".replace(".*", r"(.|\n)*")
    ):
        adopt(client, spec(seed=1), fresh=False)


def test_fresh_begins_again_beside_the_old_one(client: ApiClient) -> None:
    adopt(client, spec(), fresh=False)
    assert adopt(client, spec(seed=1), fresh=True).name == "digits-cnn-2"
    assert adopt(client, spec(), fresh=True).name == "digits-cnn-3"


@pytest.mark.parametrize(
    ("taken", "name"),
    [((), "a"), (("b",), "a"), (("a",), "a-2"), (("a", "a-2", "a-4"), "a-3")],
)
def test_the_first_free_name(taken: tuple[str, ...], name: str) -> None:
    assert free_name("a", taken) == name
