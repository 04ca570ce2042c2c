"""``/trials/{id}``: settings beside the parent's, neighbours, repeats, what it took, and how to take it along."""

from __future__ import annotations

import html
import re
import shlex

import pytest
from httpx import Client

from service.pages.trial import FEW_PARAMS, by_weight, param_rows, reproduce_command, run_rows, usage_words
from studies.contract.schedule import Schedule
from studies.contract.views import TrialDetail
from studies.core.actions import AddTrials, OpenStage
from studies.storage.memory import MemoryStore
from tests import histories
from tests.builders import function_spec, proposal
from tests.histories import History
from tests.unit.service.figures.samples import trial
from tests.unit.service.pages.conftest import browser
from tests.unit.service.test_comparison import member, study


def test_schedule_steps_and_seed_stand_beside_the_parents_too() -> None:
    parent = trial(0)
    child = trial(1, schedule=Schedule(kind="linear", start=50, end=100), seed=2)
    changed = {row.name: (row.value, row.was) for row in run_rows(child, parent) if row.was is not None}
    assert changed == {"schedule": ("linear to zero from step 50 to 100", "constant"), "seed": ("2", "0")}
    assert all(row.was is None for row in run_rows(child, None))


def test_of_many_hyperparameters_the_first_and_those_that_changed_are_shown() -> None:
    params = {f"p{number}": number for number in range(300)}
    rows = param_rows(trial(1, params={**params, "p200": -1}), trial(0, params=params))
    shown, folded = by_weight(rows)
    assert [row.name for row in shown] == [*(f"p{number}" for number in range(FEW_PARAMS)), "p200"]
    assert len(folded) == 300 - len(shown)
    assert by_weight(rows[:3]) == (rows[:3], ())


def test_what_the_parent_alone_has_is_not_forgotten() -> None:
    rows = param_rows(trial(1, params={"lr": 0.1}), trial(0, params={"lr": 0.1, "dropout": 0.3}))
    assert [(row.name, row.value, row.was) for row in rows] == [("lr", "0.1", None), ("dropout", "not set", "0.3")]


def test_the_neighbours_are_a_step_away(store: MemoryStore, client: Client) -> None:
    history = histories.finished(store)
    first, second, third = store.list_trials(history.study_id, limit=3).trials
    page = client.get(f"/trials/{second.id}").text
    assert re.findall(r'rel="(\w+)" href="/trials/(\w+)"', page) == [("prev", first.id), ("next", third.id)]
    assert 'rel="prev"' not in client.get(f"/trials/{first.id}").text


def test_repeats_with_other_seeds_are_listed_with_their_spread(store: MemoryStore, client: Client) -> None:
    history = History(store)
    repeats = tuple(proposal(f"a/seed={seed}", seed=seed, num_steps=600) for seed in (1, 2))
    alone = proposal("b", lr=0.01)
    history.act(OpenStage("lr_sweep"), AddTrials("lr_sweep", (proposal("a", num_steps=600), *repeats, alone)))
    history.run()
    page = client.get(f"/trials/{history.trial('a').id}").text
    ids = ",".join(history.trial(key).id for key in ("a", "a/seed=1", "a/seed=2"))
    assert "on the mean of 3 runs, with a standard deviation of" in page
    assert f'href="/compare?trials={ids}"' in page
    assert 'id="seeds"' not in client.get(f"/trials/{history.trial('b').id}").text


def test_a_trial_is_compared_with_its_parent(store: MemoryStore, client: Client) -> None:
    history = histories.finished(store)
    child, parent = history.trial("linear-late"), history.trial("b=32/m=0.9/x=1.0")
    page = client.get(f"/trials/{child.id}").text
    assert f'href="/compare?trials={child.id},{parent.id}"' in page
    assert f"Compare with #{parent.number}" in page


def test_the_commands_name_the_trial_and_work_below_a_sub_path(store: MemoryStore) -> None:
    history = histories.finished(store)
    late = history.trial("linear-late")
    with browser(store, root_path="/tune") as client:
        page = client.get(f"/trials/{late.id}").text
        assert f"stagetune reproduce digits-cnn/{late.number} --server" in page
        assert f"stagetune tensorboard digits-cnn --trial {late.number} --server" in page
        links = re.findall(r'href="(/tune/api/[^"]*)"', page)
        assert {link.rpartition("/")[2] for link in links} == {"run", "tensorboard", "log.txt"}
        for link in links:
            assert client.get(link.removeprefix("/tune")).status_code == 200


def test_code_of_the_users_own_is_allowed_by_name() -> None:
    own = study(function_spec())
    assert reproduce_command(own, trial(3)) == "stagetune reproduce digits-cnn/3 --allow 'train.py:train'"


def test_a_hostile_command_stays_one_word_of_the_shell(store: MemoryStore, client: Client) -> None:
    hostile = ["python", "x.py", "'; rm -rf ~; echo '", "<b>", "{lr}"]
    history = History(store, objective={"kind": "command", "command": hostile})
    history.act(OpenStage("lr_sweep"), AddTrials("lr_sweep", (proposal("a"),)))
    page = client.get(f"/trials/{history.trial('a').id}").text
    (said,) = re.findall(r"<code>(stagetune reproduce .*?) --server", page, re.DOTALL)
    assert "<b>" not in said
    words = shlex.split(html.unescape(said))
    assert words[:4] == ["stagetune", "reproduce", "digits-cnn/0", "--allow"]
    assert len(words) == 5


@pytest.mark.parametrize("names", [3, 40])
def test_many_metrics_are_folded(store: MemoryStore, client: Client, names: int) -> None:
    history = History(store)
    history.act(OpenStage("lr_sweep"), AddTrials("lr_sweep", (proposal("a"),)))
    curves = {f"group{n % 4}_m{n}": {1: 0.5} for n in range(names)} | {"loss": {1: 1.0}, "dev_accuracy": {1: 0.5}}
    history.tell(history.lease()[0], curves)
    page = client.get(f"/trials/{history.trial('a').id}").text
    assert page.count("data-figure=") == names + 2
    assert page.count('class="metric-group"') == (4 if names == 40 else 0)


def test_what_a_trial_took_in_words() -> None:
    waiting = TrialDetail(**dict(member(0).trial))
    assert usage_words(waiting, 0.0) == (("Steps", "0 of 100"),)
