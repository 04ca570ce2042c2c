"""What a worker knows of classes of runs, and what it tells the server."""

from __future__ import annotations

from studies.contract.packing import MAX_CLASSES_PER_SYNC
from tests.unit.workers.fake_processes import CLASS, profile
from workers.profile_book import ProfileBook


def test_what_was_measured_here_is_told_until_it_is_heard() -> None:
    book = ProfileBook()
    book.note(profile())
    told = book.news()
    assert told == book.news() == (profile(),)
    book.acknowledge(told)
    assert book.news() == ()
    assert book.get(CLASS, "a CPU") == profile()


def test_a_correction_made_while_the_first_word_travelled_is_told_as_well() -> None:
    book = ProfileBook()
    book.note(profile())
    told = book.news()
    corrected = profile(base_bytes=5)
    book.note(corrected)
    book.acknowledge(told)
    assert book.news() == (corrected,)


def test_what_others_measured_counts_where_nothing_is_known_and_is_not_repeated() -> None:
    book = ProfileBook()
    book.learn(profile(width=4))
    book.learn(profile(width=16))
    assert book.get(CLASS, "a CPU") == profile(width=4)
    book.note(profile(width=4))
    assert book.news() == ()


def test_an_assumption_is_kept_to_oneself() -> None:
    book = ProfileBook()
    book.assume(profile(engine="serial", width=1))
    assert book.get(CLASS, "a CPU") is not None
    assert book.news() == ()


def test_what_was_measured_elsewhere_replaces_an_assumption_whose_corrections_are_kept_to_oneself() -> None:
    book = ProfileBook()
    book.assume(profile(engine="serial", width=1))
    book.note(profile(engine="serial", width=1, base_bytes=7))
    assert book.news() == ()
    assert book.get(CLASS, "a CPU") == profile(engine="serial", width=1, base_bytes=7)
    book.learn(profile(width=16))
    assert book.get(CLASS, "a CPU") == profile(width=16)
    book.note(profile(width=16, base_bytes=7))
    assert len(book.news()) == 1


def test_what_was_measured_with_another_version_is_measured_again() -> None:
    book = ProfileBook("torch 2.14.1")
    book.learn(profile(software="torch 2.11.0"))
    assert book.get(CLASS, "a CPU") is None
    book.note(profile())
    assert book.news() == (profile(software="torch 2.14.1"),)
    alike = ProfileBook("torch 2.14.1")
    alike.learn(book.news()[0])
    assert alike.get(CLASS, "a CPU") == book.news()[0]


def test_devices_of_unknown_model_say_nothing_of_one_another() -> None:
    book = ProfileBook()
    book.learn(profile(model="", width=4))
    assert book.get(CLASS, "") is None
    book.note(profile(model=""))
    assert book.get(CLASS, "") == profile(model="")
    assert book.news() == ()


def test_models_of_device_are_kept_apart() -> None:
    book = ProfileBook()
    book.note(profile(model="one"))
    book.note(profile(model="two", width=2))
    assert book.of_model("two") == {CLASS: profile(model="two", width=2)}


def test_one_sync_carries_no_more_than_it_may() -> None:
    book = ProfileBook()
    for number in range(MAX_CLASSES_PER_SYNC + 5):
        book.note(profile(f"builtin/{number:016x}"))
    first = book.news()
    assert len(first) == MAX_CLASSES_PER_SYNC
    book.acknowledge(first)
    assert len(book.news()) == 5
