"""The REST API as Python calls, with the contract's own types: what the command line is built on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from studies.contract.base import Message
from studies.contract.states import StudyCommand
from studies.contract.study_query import StudyQuery
from studies.contract.views import (
    CurveView,
    DecisionRecord,
    Problem,
    StudySummary,
    StudyView,
    TrialDetail,
    TrialPage,
    TrialView,
    WorkerView,
)
from studies.contract.worker_protocol import RunSpec

TIMEOUT_SECONDS = 30.0
PAGE = 1000

AnyMessage = TypeVar("AnyMessage", bound=Message)


class ApiError(Exception):
    """The server cannot be used; the message says what to do."""


class NoServer(ApiError):
    """Nothing answers at the server's address."""


class ApiProblem(ApiError):
    """The server refused: `problem` says why and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem

    @property
    def code(self) -> str:
        return self.problem.type.rpartition("/")[2]

    @property
    def faults(self) -> tuple[str, ...]:
        return self.problem.faults or ()


class ApiClient:
    """A connection to one server. Close it, or use it as a context manager.

    Args:
        url: the server's address, e.g. ``http://127.0.0.1:8080``.
        token: the server's token, if it asks for one.
        transport: how requests travel; tests pass the app itself.
    """

    def __init__(self, url: str, token: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_SECONDS, transport=transport)

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- studies -------------------------------------------------------------------------------------------------

    def submit(self, document: bytes, media_type: str, idempotency_key: str | None = None) -> StudyView:
        headers = {"Content-Type": media_type}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return self._one(StudyView, "POST", "/api/v1/studies", content=document, headers=headers)

    def studies(self, name: str | None = None) -> list[StudySummary]:
        answer = self._request("GET", "/api/v1/studies", params={"name": name} if name else None)
        return _parse(TypeAdapter(list[StudySummary]), answer)

    def find_studies(self, query: StudyQuery) -> tuple[list[StudySummary], int]:
        """Return a page of the studies that answer `query`, and how many there are in all."""
        answer = self._request("GET", "/api/v1/studies", params=parameters(query))
        found = _parse(TypeAdapter(list[StudySummary]), answer)
        return found, int(answer.headers.get("X-Total-Count", len(found)))

    def study(self, study_id: str) -> StudyView:
        return self._one(StudyView, "GET", f"/api/v1/studies/{study_id}")

    def command(self, study_id: str, command: StudyCommand) -> StudyView:
        return self._one(StudyView, "POST", f"/api/v1/studies/{study_id}/{command}")

    def decisions(self, study_id: str) -> list[DecisionRecord]:
        answer = self._request("GET", f"/api/v1/studies/{study_id}/decisions")
        return _parse(TypeAdapter(list[DecisionRecord]), answer)

    def report(self, study_id: str) -> bytes:
        """Return a study as one HTML file."""
        return self._request("GET", f"/studies/{study_id}/report").content

    @contextmanager
    def export(
        self, study_id: str, file_format: str, filter_text: str = "", sort: str = "", *, descending: bool = False
    ) -> Iterator[Iterator[bytes]]:
        """Open a study's export, to be read in pieces: of all trials, or of those that are asked for."""
        params = {"format": file_format} | _asked(filter_text, sort, descending=descending)
        with self._streamed(f"/api/v1/studies/{study_id}/export", **params) as pieces:
            yield pieces

    # --- trials and workers --------------------------------------------------------------------------------------

    def trials(self, study_id: str) -> Iterator[TrialView]:
        """Yield all trials of a study in order of number."""
        after: int | None = None
        while True:
            params = {"limit": PAGE} | ({} if after is None else {"after": after})
            page = self._one(TrialPage, "GET", f"/api/v1/studies/{study_id}/trials", params=params)
            yield from page.trials
            after = page.next_after
            if after is None:
                return

    def find_trials(
        self, study_id: str, filter_text: str = "", sort: str = "", *, descending: bool = False, limit: int = 100
    ) -> TrialPage:
        """Return the first trials of which a filter holds, in an order, and how many there are in all."""
        params = {"limit": str(limit), "offset": "0"} | _asked(filter_text, sort, descending=descending)
        return self._one(TrialPage, "GET", f"/api/v1/studies/{study_id}/trials", params=params)

    def trial(self, trial_id: str) -> TrialDetail:
        return self._one(TrialDetail, "GET", f"/api/v1/trials/{trial_id}")

    def trial_numbered(self, study_id: str, number: int) -> TrialView | None:
        """Return the study's trial of that number, None where there is none."""
        params = {"after": number - 1, "limit": 1}
        page = self._one(TrialPage, "GET", f"/api/v1/studies/{study_id}/trials", params=params)
        return next((trial for trial in page.trials if trial.number == number), None)

    def run_spec(self, trial_id: str) -> RunSpec:
        """Return what a worker would be told to run for a trial."""
        return self._one(RunSpec, "GET", f"/api/v1/trials/{trial_id}/run")

    def curve(self, trial_id: str, name: str, points: int) -> CurveView:
        return self._one(
            CurveView, "GET", f"/api/v1/trials/{trial_id}/metrics", params={"name": name, "points": points}
        )

    @contextmanager
    def tensorboard(self, trial_id: str) -> Iterator[Iterator[bytes]]:
        """Open a trial's TensorBoard event file, to be read in pieces."""
        with self._streamed(f"/api/v1/trials/{trial_id}/tensorboard") as pieces:
            yield pieces

    def workers(self) -> list[WorkerView]:
        return _parse(TypeAdapter(list[WorkerView]), self._request("GET", "/api/v1/workers"))

    def drain_worker(self, worker_id: str) -> WorkerView:
        return self._one(WorkerView, "POST", f"/api/v1/workers/{worker_id}/drain")

    def release_worker(self, worker_id: str) -> WorkerView:
        return self._one(WorkerView, "POST", f"/api/v1/workers/{worker_id}/release")

    # --- plumbing ------------------------------------------------------------------------------------------------

    def _one(self, view: type[AnyMessage], method: str, path: str, **options: Any) -> AnyMessage:
        return _parse(TypeAdapter(view), self._request(method, path, **options))

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._reached():
            answer = self._http.request(method, path, **options)
        _raise_problem(answer)
        return answer

    @contextmanager
    def _streamed(self, path: str, **query: str) -> Iterator[Iterator[bytes]]:
        with self._reached(), self._http.stream("GET", path, params=query) as answer:
            if answer.is_error:
                answer.read()
            _raise_problem(answer)
            yield answer.iter_bytes()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoServer(f"no server at {self.url}: start one with `stagetune serve`") from error
        except httpx.UnsupportedProtocol as error:
            raise ApiError(f"'{self.url}' is no server's address: write it as http://HOST:PORT") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiError(f"{self.url} did not answer properly ({error}): is it a Stagetune server?") from error


def parameters(query: StudyQuery) -> list[tuple[str, str]]:
    """Return a question about studies as the parameters of a request; what is left open is left out."""
    given = [("q", query.text), *(("state", state) for state in query.states), *(("tag", tag) for tag in query.tags)]
    given = [(name, str(value)) for name, value in given if value]
    owner = [] if query.owner is None else [("owner", query.owner)]
    archived = [("archived", "true")] if query.archived else []
    return [*given, *owner, *archived, ("sort", query.sort), ("offset", str(query.offset)), ("limit", str(query.limit))]


def _asked(filter_text: str, sort: str, *, descending: bool) -> dict[str, str]:
    """Return the query for these trials; what is not asked is left out."""
    asked = {"filter": filter_text, "sort": sort, "order": "desc" if descending else ""}
    return {name: value for name, value in asked.items() if value}


Parsed = TypeVar("Parsed")


def _parse(adapter: TypeAdapter[Parsed], answer: httpx.Response) -> Parsed:
    try:
        return adapter.validate_json(answer.content)
    except ValidationError as error:
        raise ApiError(
            f"the answer of {answer.url} is not what this version expects: use the server's version of stagetune"
        ) from error


def _raise_problem(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError as error:
        raise ApiError(f"{answer.url} answered {answer.status_code}: is it a Stagetune server?") from error
    raise ApiProblem(problem)
