"""Workers without processes: threads that speak the real protocol, keep what is not acknowledged, and train at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx

from studies.contract.worker_protocol import DeviceReport, Lease, Outcome, SyncAnswer, SyncRequest, WorkerRegistered
from tests import builders as build
from tests.faults.ledger import Ledger
from tests.integration.cluster import loss
from workers.outbox import Outbox

STRIDE = 5
PAUSE_SECONDS = 0.05
TIMEOUT_SECONDS = 60.0


@dataclass
class _Run:
    lease: Lease
    outbox: Outbox
    step: int = 0
    ended: bool = False

    def train(self) -> None:
        """Report `STRIDE` more steps, and the end behind the last."""
        spec = self.lease.run
        steps = range(self.step + 1, min(self.step + STRIDE, spec.num_steps) + 1)
        losses = [loss(spec.params, step) for step in steps]
        self.outbox.add_points("loss", steps, losses)
        self.outbox.add_points("dev_accuracy", steps, [1.0 - value for value in losses])
        self.step += len(steps)
        if self.step == spec.num_steps:
            self.close("completed")

    def close(self, state: str) -> None:
        if not self.ended:
            self.ended = True
            self.outbox.close(Outcome.model_validate({"state": state}))


class SimulatedWorker:
    """One node. Every answer that is no 200 is asked again, as the real worker does.

    Attributes:
        statuses: how often it got which answer.
        unguided: answers 503 that did not say when to come back.
    """

    def __init__(self, url: str, name: str, ledger: Ledger, capacity: int = 2) -> None:
        self.statuses: Counter[int] = Counter()
        self.unguided = 0
        self._url = url
        self._name = name
        self._ledger = ledger
        self._capacity = capacity
        self._runs: dict[str, _Run] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(TIMEOUT_SECONDS)

    def _work(self) -> None:
        with httpx.Client(base_url=self._url, timeout=TIMEOUT_SECONDS) as client:
            introduction = build.worker(self._name, self._capacity, objectives=(), allow=("train.py:*",))
            registered = self._post(client, "/api/v1/workers", introduction.model_dump_json())
            if registered is None:
                return
            worker_id = WorkerRegistered.model_validate_json(registered.content).worker_id
            while not self._stop.is_set():
                self._sync(client, f"/api/v1/workers/{worker_id}/sync")
                self._stop.wait(PAUSE_SECONDS)

    def _post(self, client: httpx.Client, path: str, body: str) -> httpx.Response | None:
        """Ask until it is answered well, None where the test ends meanwhile."""
        while not self._stop.is_set():
            with suppress(httpx.TransportError):
                answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
                self.statuses[answer.status_code] += 1
                if answer.is_success:
                    return answer
                self.unguided += "retry-after" not in answer.headers
            self._stop.wait(PAUSE_SECONDS)
        return None

    def _sync(self, client: httpx.Client, path: str) -> None:
        for run in self._runs.values():
            if not run.ended:
                run.train()
        reports = tuple(run.outbox.report() for run in self._runs.values())
        request = SyncRequest(attempts=reports, devices=(DeviceReport(name="cpu", capacity=self._capacity),))
        self._ledger.note_request(request)
        response = self._post(client, path, request.model_dump_json())
        if response is not None:
            answer = SyncAnswer.model_validate_json(response.content)
            self._ledger.note_answer(request, answer)
            self._take(answer)

    def _take(self, answer: SyncAnswer) -> None:
        for attempt_id in answer.acknowledged:
            self._runs[attempt_id].outbox.acknowledge()
        for attempt_id in answer.lost:
            del self._runs[attempt_id]
        for order in answer.stop:
            if order.attempt_id in self._runs:
                self._runs[order.attempt_id].close("stopped")
        self._runs = {key: run for key, run in self._runs.items() if not run.outbox.finished}
        for lease in answer.leases:
            self._runs.setdefault(lease.attempt_id, _Run(lease, Outbox(lease.attempt_id, lease.token)))


@contextmanager
def simulated(urls: Sequence[str], count: int, ledger: Ledger) -> Iterator[list[SimulatedWorker]]:
    """Have `count` workers at work, divided among servers."""
    workers = [SimulatedWorker(urls[number % len(urls)], f"node{number}", ledger) for number in range(count)]
    for worker in workers:
        worker.start()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.stop()
