"""The list of studies: found by what is asked, a page at a time, with what a glance at each shows."""

from __future__ import annotations

import pytest

from studies.contract.states import StudyCommand, StudyState
from studies.contract.study_query import StudyQuery
from studies.contract.worker_protocol import Device
from studies.errors import NotAllowedNow
from studies.storage import StudyStore
from tests import builders as build
from tests.contract.conftest import Advance
from tests.contract.scenes import finish, running_study, take


def names(store: StudyStore, **asked: object) -> list[str]:
    return [study.name for study in store.find_studies(StudyQuery.model_validate(asked)).studies]


def scored(store: StudyStore, name: str, *scores: float, **fields: object) -> str:
    """A running study with a completed trial a score, one after the other on a node of its own."""
    study_id = running_study(store, *(f"t{n}" for n in range(len(scores))), spec=build.spec(name, **fields))
    worker_id = store.register_worker(build.worker(name))
    for score in scores:
        (lease,) = store.sync(worker_id, build.sync(capacity=1)).leases
        finish(store, worker_id, lease, score)
    return study_id


def test_studies_are_found_by_what_is_known_of_them(store: StudyStore, advance: Advance) -> None:
    store.create_study(build.spec("digits", tags=["vision", "Baseline"]), owner="ada")
    advance(1)
    store.create_study(build.spec("speech", tags=["audio"]), owner="grace")
    advance(1)
    store.create_study(build.spec("third"))
    store.command(store.create_study(build.spec("given-up")).study_id, StudyCommand.CANCEL)
    assert names(store, sort="name") == ["digits", "given-up", "speech", "third"]
    assert names(store, text="ADA") == ["digits"]
    assert names(store, tags=["baseline", "vision"]) == ["digits"]
    assert names(store, owner="grace") == ["speech"]
    assert names(store, states=["queued"], sort="created") == ["third", "speech", "digits"]
    assert names(store, states=["queued", "cancelled"], text="given") == ["given-up"]
    assert names(store, text="nothing") == []


def test_a_page_says_how_many_there_are_and_what_could_be_asked_for(store: StudyStore) -> None:
    for number in range(5):
        store.create_study(build.spec(f"s{number}", tags=["many"]), owner="ada")
    page = store.find_studies(StudyQuery(sort="name", offset=3, limit=1))
    assert ([study.name for study in page.studies], page.total) == (["s3"], 5)
    assert page.facets.model_dump() == {
        "states": {StudyState.QUEUED: 5},
        "tags": {"many": 5},
        "owners": {"ada": 5},
        "total": 5,
        "other": 0,
    }
    assert store.find_studies(StudyQuery(offset=5)).studies == ()


def test_owner_and_tags_stand_in_the_view(store: StudyStore) -> None:
    study_id = store.create_study(build.spec(tags=["vision", "Baseline"]), owner="ada").study_id
    view = store.get_study(study_id)
    assert (view.owner, view.tags, view.archived_at) == ("ada", ("vision", "Baseline"), None)
    store.command(study_id, StudyCommand.PAUSE)
    assert store.get_study(study_id).owner == "ada"


def test_what_ended_is_archived_and_brought_back_and_stays_as_it_was(store: StudyStore) -> None:
    study_id = store.create_study(build.spec("done")).study_id
    ended = store.command(study_id, StudyCommand.CANCEL)
    archived = store.command(study_id, StudyCommand.ARCHIVE)
    assert archived.archived_at is not None
    assert archived.model_copy(update={"archived_at": None}) == ended
    assert (names(store), names(store, archived=True)) == ([], ["done"])
    assert store.find_studies(StudyQuery()).facets.other == 1
    assert store.list_studies(name="done")[0].archived_at == archived.archived_at
    last = store.last_event_id()
    assert store.command(study_id, StudyCommand.ARCHIVE) == archived
    assert store.last_event_id() == last
    assert store.command(study_id, StudyCommand.UNARCHIVE) == ended
    assert (names(store), names(store, archived=True)) == (["done"], [])
    assert [event.message for event in store.events(study_id, 0)][-2:] == ["archived", "unarchived"]


def test_what_goes_on_is_not_archived_and_the_refusal_says_what_to_do(store: StudyStore) -> None:
    study_id = running_study(store)
    for command in (StudyCommand.ARCHIVE, StudyCommand.UNARCHIVE):
        with pytest.raises(NotAllowedNow, match="cancel it first"):
            store.command(study_id, command)
    assert store.get_study(study_id).archived_at is None


def test_by_best_each_metric_by_its_direction(store: StudyStore) -> None:
    scored(store, "good", 0.9, 0.2)
    scored(store, "better", 0.95)
    scored(store, "none-yet")
    loss = {"name": "dev_accuracy", "direction": "minimize"}
    assert names(store, sort="best") == ["better", "good", "none-yet"]
    scored(store, "worst", 0.3, metric=loss)
    scored(store, "worse", 0.4, 0.2, metric=loss)
    assert names(store, sort="best", text="wors") == ["worse", "worst"]


def test_the_line_of_the_best_so_far(store: StudyStore) -> None:
    study_id = scored(store, "rising", 0.5, 0.25, 0.75)
    assert store.get_study(study_id).best_so_far == (0.5, 0.5, 0.75)
    assert store.find_studies(StudyQuery()).studies[0].best_so_far == (0.5, 0.5, 0.75)


def test_a_card_that_trains_many_at_once_counts_once(store: StudyStore, advance: Advance) -> None:
    study_id = running_study(store, "a", "b", "c")
    devices = [Device(name="cuda:0", capacity=2), Device(name="cuda:1", capacity=1)]
    worker_id = store.register_worker(build.worker(devices=devices))
    assert len(store.sync(worker_id, build.sync()).leases) == 3
    before = store.get_study(study_id).device_seconds
    advance(20)
    assert store.get_study(study_id).device_seconds - before == pytest.approx(40, abs=2)


def test_by_device_time(store: StudyStore, advance: Advance) -> None:
    first, second = running_study(store, spec=build.spec("first")), running_study(store, spec=build.spec("second"))
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    advance(10)
    busy = names(store, sort="device_time")[0]
    assert busy == store.get_study(store.get_trial(lease.run.trial_id).study_id).name
    assert {first, second} == {study.id for study in store.find_studies(StudyQuery(sort="device_time")).studies}


def test_the_time_left_is_told_when_there_is_enough_to_tell_it_by(store: StudyStore, advance: Advance) -> None:
    study_id = running_study(store, *"abcdefgh", spec=build.spec(budget={"steps": 600, "trials": 8}))
    worker_id = store.register_worker(build.worker(capacity=6))
    assert store.get_study(study_id).eta_seconds is None
    for _ in range(2):
        leases = store.sync(worker_id, build.sync(capacity=2)).leases
        advance(10)
        for lease in leases:
            finish(store, worker_id, lease)
    assert store.get_study(study_id).eta_seconds == pytest.approx(20, abs=2)
    store.command(study_id, StudyCommand.PAUSE)
    assert store.get_study(study_id).eta_seconds is None
