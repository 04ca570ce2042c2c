"""What the agent makes of leases: probes, packs, joins and waits, with processes that the test speaks for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from studies.contract.worker_protocol import Device, Lease, Outcome
from tests.integration.worker_harness import digits, lease
from tests.unit.workers.fake_processes import SIGTERM, Process, Processes, profile, until
from workers import dispatcher as dispatcher_module
from workers import floor as floor_module
from workers.dispatcher import Dispatcher
from workers.gauges import Gauges
from workers.packing.mode import Packing
from workers.verdict import StopRequest

CPU = Device(name="cpu", model="a CPU", memory_bytes=32 * 10**9, capacity=32)
CARD = Device(name="cuda:0", model="a card", memory_bytes=80 * 10**9, capacity=64)
CLASS = digits().run_class
KNOWN = profile(CLASS)
DRAIN = StopRequest("preempted", "the worker is shutting down")


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_module, "cores", lambda: 2)


class Scene:
    """A dispatcher whose processes the test speaks for."""

    def __init__(self, folder: Path, device: Device, mode: Packing) -> None:
        self.processes = Processes()
        self.news = 0
        self.device = device
        self.dispatcher = Dispatcher(
            [device],
            mode=mode,
            workdir=folder,
            grace_seconds=20.0,
            supervisor=self.processes,  # type: ignore[arg-type]
            gauges=Gauges(None),
            news=self._count_news,
        )

    def _count_news(self) -> None:
        self.news += 1

    def lease(self, number: int, **changes: Any) -> Lease:
        """A run of digits, of one class for all numbers."""
        run = digits(trial_id=f"tr_{number}", trial_number=number)
        granted = lease(f"at_{number}").model_copy(update={"run": run, "device": self.device.name} | changes)
        self.dispatcher.take(granted)
        return granted

    async def process(self, number: int) -> Process:
        await until(lambda: len(self.processes.started) > number)
        return self.processes.started[number]

    async def outcome(self, number: int) -> Outcome:
        attempt = self.dispatcher.attempts[f"at_{number}"]
        await until(lambda: attempt.ended)
        while (outcome := attempt.report().outcome) is None:
            attempt.acknowledge()
        return outcome


@asynccontextmanager
async def serving(folder: Path, device: Device = CPU, mode: Packing = Packing.AUTO) -> AsyncIterator[Scene]:
    scene = Scene(folder, device, mode)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(scene.dispatcher.serve(tasks))
        yield scene
        serving.cancel()
        scene.processes.close()


Act = Callable[[Scene], Awaitable[None]]


def play(act: Act, folder: Path, device: Device = CPU, mode: Packing = Packing.AUTO) -> None:
    async def playing() -> None:
        async with serving(folder, device, mode) as scene:
            await act(scene)

    asyncio.run(playing())


def attempts_of(process: Process) -> list[str]:
    return [attempt for attempt, _ in process.order.members]


def test_a_class_is_measured_first_then_its_runs_share_packs(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for number in range(3):
            scene.lease(number)
        probe = await scene.process(0)
        assert (probe.order.probe, probe.order.device_model, attempts_of(probe)) == (True, "a CPU", ["at_0"])
        probe.say("profile", profile=KNOWN.model_dump(mode="json"))
        probe.end()
        first, second = await scene.process(1), await scene.process(2)
        assert sorted(attempts_of(first) + attempts_of(second)) == ["at_0", "at_1", "at_2"]
        assert {(each.order.engine, each.order.width) for each in (first, second)} == {("batched", 8)}
        assert scene.dispatcher.profiles() == (KNOWN,)
        scene.dispatcher.acknowledge_profiles((KNOWN,))
        assert scene.dispatcher.profiles() == ()

    play(act, tmp_path)


def test_what_the_server_knows_need_not_be_measured(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.lease(0, profile=KNOWN)
        assert not (await scene.process(0)).order.probe
        assert scene.dispatcher.profiles() == ()

    play(act, tmp_path)


def test_a_later_lease_joins_a_pack_under_way(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for number in range(2):
            scene.lease(number, profile=KNOWN)
        packs = [await scene.process(0), await scene.process(1)]
        scene.lease(2)
        await until(lambda: [pack for pack in packs if pack.orders == [("join", "at_2")]])
        (device,) = scene.dispatcher.device_reports(open_to_more=True)
        assert sorted(len(pack.attempts) for pack in device.packs) == [1, 2]
        assert device.room[CLASS] == 2 * 8 - 3

    play(act, tmp_path)


def test_a_probe_that_dies_leaves_its_class_unfused_and_untold(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.lease(0)
        (await scene.process(0)).end(signal.SIGSEGV)
        pack = await scene.process(1)
        assert (pack.order.probe, pack.order.engine, pack.order.width) == (False, "serial", 1)
        assert scene.dispatcher.profiles() == ()
        (device,) = scene.dispatcher.device_reports(open_to_more=True)
        assert "could not be measured: killed by SIGSEGV" in device.packs[0].note

    play(act, tmp_path)


def test_a_probe_that_hangs_is_ended_and_its_class_is_not_fused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(dispatcher_module, "REVIEW_SECONDS", 0.05)

    async def act(scene: Scene) -> None:
        scene.lease(0)
        assert (await scene.process(0)).order.probe
        run = await scene.process(1)
        assert (run.order.probe, run.order.engine, attempts_of(run)) == (False, "serial", ["at_0"])
        (report,) = scene.dispatcher.device_reports(open_to_more=True)
        assert "was not measured within" in report.packs[0].note
        assert scene.dispatcher.profiles() == ()

    play(act, tmp_path)


def test_nobody_joins_a_pack_that_was_told_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_module, "cores", lambda: 1)

    async def act(scene: Scene) -> None:
        scene.lease(0, profile=KNOWN)
        first = await scene.process(0)
        first.take("at_0")
        scene.dispatcher.stop(scene.dispatcher.attempts["at_0"], StopRequest("stopped", "pruned"))
        scene.lease(1, profile=KNOWN)
        (report,) = scene.dispatcher.device_reports(open_to_more=True)
        assert report.room[CLASS] == 0
        first.finish("at_0", "stopped")
        first.end()
        assert attempts_of(await scene.process(1)) == ["at_1"]
        assert first.orders == [(SIGTERM, 20.0)]

    play(act, tmp_path)


def test_a_probe_ends_with_its_specimen(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.lease(0)
        probe = await scene.process(0)
        scene.dispatcher.stop(scene.dispatcher.attempts["at_0"], StopRequest("stopped", "paused"))
        await until(lambda: probe.orders == [(SIGTERM, 0.0)])
        assert (await scene.outcome(0)).reason == "paused: it had not begun"

    play(act, tmp_path)


@pytest.mark.parametrize(("mode", "probes"), [(Packing.PROCESSES, True), (Packing.OFF, False)])
def test_without_fusing_each_run_has_its_process(tmp_path: Path, mode: Packing, probes: bool) -> None:
    async def act(scene: Scene) -> None:
        scene.lease(0, profile=KNOWN if probes else None)
        scene.lease(1)
        for number in range(2):
            process = await scene.process(number)
            assert (process.order.probe, process.order.engine, process.order.width) == (False, "serial", 1)

    play(act, tmp_path, CPU.model_copy(update={"capacity": 2}), mode)


def test_attempts_of_one_trial_take_turns(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        first = scene.lease(0, profile=KNOWN)
        scene.dispatcher.take(first.model_copy(update={"attempt_id": "at_again"}))
        process = await scene.process(0)
        assert attempts_of(process) == ["at_0"]
        process.take("at_0")
        process.finish("at_0")
        await until(lambda: ("join", "at_again") in process.orders)

    play(act, tmp_path)


def test_a_pack_that_dies_gives_its_members_back_and_the_untaken_start_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for number in range(6):
            scene.lease(number, profile=KNOWN)
        first = await scene.process(0)
        members = attempts_of(first)
        assert len(members) == 3
        first.take(*members[:2])
        first.end(signal.SIGKILL)
        numbers = [int(member.removeprefix("at_")) for member in members]
        assert [(await scene.outcome(number)).state for number in numbers[:2]] == ["evicted", "evicted"]
        other = await scene.process(1)
        third = await until(
            lambda: (
                [each for each in scene.processes.started if members[2] in attempts_of(each)][1:]
                or ("join", members[2]) in other.orders
            )
        )
        assert third

    play(act, tmp_path)


def test_a_class_whose_packs_do_not_agree_is_not_fused_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for number in range(4):
            scene.lease(number, profile=KNOWN)
        pack = await scene.process(0)
        kept, given_back = attempts_of(pack)
        pack.take(kept, given_back)
        pack.say("evicted", given_back, reason="these runs cannot train as one program: it differs")
        await until(scene.dispatcher.profiles)
        (told,) = scene.dispatcher.profiles()
        assert (told.engine, told.width) == ("serial", 1)
        assert "it differs" in told.note

    play(act, tmp_path)


def test_a_run_that_must_be_alone_waits_for_an_empty_device(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.lease(0, profile=KNOWN)
        busy = await scene.process(0)
        scene.lease(1, alone=True)
        scene.lease(2)
        busy.take("at_0")
        busy.finish("at_0")
        busy.end()
        alone = await scene.process(1)
        assert (attempts_of(alone), alone.order.width) == (["at_1"], 1)
        (device,) = scene.dispatcher.device_reports(open_to_more=True)
        assert set(device.room.values()) == {0}
        assert len(scene.processes.started) == 2
        alone.take("at_1")
        alone.finish("at_1")
        alone.end()
        assert attempts_of(await scene.process(2)) == ["at_2"]

    play(act, tmp_path)


def test_out_of_memory_raises_the_estimate_of_the_class(tmp_path: Path) -> None:
    known = profile(CLASS, "a card", base_bytes=10**9, member_bytes=10**8)

    async def act(scene: Scene) -> None:
        for number in range(2):
            scene.lease(number, profile=known)
        pack = await scene.process(0)
        assert attempts_of(pack) == ["at_0", "at_1"]
        assert pack.order.memory_fraction == pytest.approx(1.7 * 1.1 / 80)
        pack.take("at_0", "at_1")
        pack.say("evicted", "at_1", reason="cuda:0 ran out of memory with 2 runs in one pack")
        pack.finish("at_0")
        pack.end()
        await until(scene.dispatcher.profiles)
        (told,) = scene.dispatcher.profiles()
        assert told.engine == "batched"
        assert told.base_bytes + told.member_bytes >= 1.25 * 1.1 * 10**9

    play(act, tmp_path, CARD)


def test_on_a_card_processes_start_one_after_the_other(tmp_path: Path) -> None:
    serial = profile(CLASS, "a card", engine="serial", width=1, base_bytes=10**9, processes=4)

    async def act(scene: Scene) -> None:
        scene.lease(0, profile=serial)
        scene.lease(1)
        first = await scene.process(0)
        first.take("at_0")
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(scene.processes.started) == 1
        first.say("pace", width=1, samples_per_second=100.0, memory_bytes=9 * 10**8)
        assert attempts_of(await scene.process(1)) == ["at_1"]
        reports = scene.dispatcher.device_reports(open_to_more=True)[0].packs
        assert [pack.memory_bytes for pack in reports] == [9 * 10**8, None]

    play(act, tmp_path, CARD)


def test_a_run_without_a_place_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(dispatcher_module, "REVIEW_SECONDS", 0.02)

    async def act(scene: Scene) -> None:
        for number in range(2):
            scene.lease(number, profile=KNOWN)
        await scene.process(0)
        outcome = await scene.outcome(1)
        assert outcome.state == "preempted"
        assert "no place for it on this worker: all 1 places of cpu are taken" in outcome.reason
        assert not scene.dispatcher.attempts["at_0"].ended

    play(act, tmp_path, CPU.model_copy(update={"capacity": 1}))


def test_a_drain_ends_what_runs_what_waits_and_what_measures(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.lease(0, profile=KNOWN)
        pack = await scene.process(0)
        pack.take("at_0")
        scene.dispatcher.take(lease("at_9", trial_id="tr_9"))
        scene.dispatcher.stop_all(DRAIN)
        assert pack.orders == [(SIGTERM, 20.0)]
        pack.finish("at_0", "stopped", 3)
        assert (await scene.outcome(0)).reason == "the worker is shutting down: stopped at step 3"
        assert (await scene.outcome(9)).state == "preempted"
        (device,) = scene.dispatcher.device_reports(open_to_more=False)
        assert (device.capacity, device.room) == (0, {})

    play(act, tmp_path)


def test_a_lease_for_a_device_that_is_not_here_fails_with_the_reason(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.lease(0, device="cuda:7")
        assert (await scene.outcome(0)).reason == "this worker has no device cuda:7"

    play(act, tmp_path)


def test_what_is_settled_is_forgotten(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.lease(0, profile=KNOWN)
        pack = await scene.process(0)
        pack.take("at_0")
        pack.finish("at_0")
        await until(lambda: scene.news)
        await scene.outcome(0)
        scene.dispatcher.forget()
        assert list(scene.dispatcher.attempts) == ["at_0"]
        scene.dispatcher.attempts["at_0"].acknowledge()
        scene.dispatcher.forget()
        assert not scene.dispatcher.attempts

    play(act, tmp_path)
