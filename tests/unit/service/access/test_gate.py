"""Who is let in: tokens of the settings and of the store, and for how long what was found out counts."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import anyio
import httpx
import pytest
from starlette.datastructures import Headers

from service.app import create_app
from service.auth.gate import COOKIE, TRUST_SECONDS, Gate, NotAdmitted, bearer_token, session_key
from service.auth.principal import EVERYONE, Principal
from service.auth.recent import MOST_ENTRIES, Recent
from service.auth.secrets import digest, new_token
from service.settings import Settings
from studies.contract.scopes import Scope
from studies.errors import StorageUnavailable
from studies.storage.credentials import Credentials, NewToken, Session, Token
from studies.storage.memory import MemoryStore
from studies.storage.memory_credentials import MemoryCredentials
from tests.asgi import client_of
from tests.unit.service.access.conftest import SETTINGS_TOKEN, MakeToken, bearing


@dataclass
class HandClock:
    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Counting(MemoryCredentials):
    """Counts how often it is asked."""

    asked = 0

    def any_token(self) -> bool:
        self.asked += 1
        return super().any_token()

    def use_token(self, secret_hash: str) -> Token | None:
        self.asked += 1
        return super().use_token(secret_hash)

    def use_session(self, key_hash: str) -> Session | None:
        self.asked += 1
        return super().use_session(key_hash)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def credentials(clock: HandClock) -> Counting:
    return Counting(clock)


@pytest.fixture
def gate(clock: HandClock, credentials: Counting) -> Gate:
    return Gate(Settings(token=SETTINGS_TOKEN), credentials, clock)


def made(credentials: Credentials, *scopes: Scope, lifetime: float | None = None) -> tuple[str, NewToken]:
    text, new = new_token("ci", scopes, lifetime)
    credentials.create_token(new)
    return text, new


def identified(gate: Gate, **headers: str) -> Principal:
    async def ask() -> Principal:
        return await gate.identify(Headers(headers))

    return anyio.run(ask)


def with_bearer(gate: Gate, token: str) -> Principal:
    return identified(gate, authorization=f"Bearer {token}")


def logged_in(gate: Gate, token: str) -> str:
    return anyio.run(gate.log_in, token)


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_the_token_of_the_settings_may_do_everything(gate: Gate, credentials: Counting) -> None:
    assert with_bearer(gate, SETTINGS_TOKEN).scopes == frozenset(Scope)
    assert credentials.asked == 0


def test_a_token_of_the_store_may_do_what_its_scopes_include(gate: Gate, credentials: Counting) -> None:
    text, _ = made(credentials, Scope.SUBMIT)
    found = with_bearer(gate, text)
    assert (found.name, found.scopes, found.csrf) == ("ci", {Scope.SUBMIT, Scope.READ}, None)


def test_a_thousand_requests_in_a_moment_ask_the_store_once(gate: Gate, credentials: Counting) -> None:
    text, _ = made(credentials, Scope.WORKER)
    for _ in range(1_000):
        with_bearer(gate, text)
    assert credentials.asked == 1


def test_a_revoked_token_is_refused_within_seconds(gate: Gate, credentials: Counting, clock: HandClock) -> None:
    text, new = made(credentials, Scope.READ)
    with_bearer(gate, text)
    credentials.revoke_token(new.id)
    clock.seconds += TRUST_SECONDS
    with pytest.raises(NotAdmitted, match=rf"{new.id} \(ci\) is revoked"):
        with_bearer(gate, text)


def test_an_expired_token_is_told_so(gate: Gate, credentials: Counting, clock: HandClock) -> None:
    text, _ = made(credentials, Scope.READ, lifetime=60)
    clock.seconds += 61
    with pytest.raises(NotAdmitted, match=r"is expired.*stagetune token create"):
        with_bearer(gate, text)


@pytest.mark.parametrize("spoil", [lambda t: t + "x", lambda t: t[:-1], lambda t: t.split(".")[1], lambda t: t.upper()])
def test_no_part_of_a_token_will_do(gate: Gate, credentials: Counting, spoil: object) -> None:
    text, _ = made(credentials, Scope.ADMIN)
    assert callable(spoil)
    with pytest.raises(NotAdmitted):
        with_bearer(gate, spoil(text))


def test_the_store_never_sees_a_secret(credentials: Counting) -> None:
    text, new = made(credentials, Scope.ADMIN)
    assert text.startswith(f"{new.id}.")
    assert len(text.partition(".")[2]) >= 43, "256 bits"
    assert new.secret_hash == digest(text)
    assert text.partition(".")[2] not in repr(credentials.__dict__)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Bearer {SETTINGS_TOKEN}x",
        f"Token {SETTINGS_TOKEN}",
        SETTINGS_TOKEN,
        "Basic " + base64.b64encode(f"anyone:{SETTINGS_TOKEN}".encode()).decode(),
        "Bearer \u00e9",
        "Bearer \x00",
    ],
)
def test_any_other_credentials_are_refused(client: httpx.Client, authorization: str) -> None:
    answer = client.get("/api/v1/studies", headers={b"Authorization": authorization.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="stagetune"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Authorization: Bearer" in answer.json()["detail"]
    assert SETTINGS_TOKEN not in answer.text


def test_the_scheme_may_be_written_in_any_case() -> None:
    assert bearer_token(Headers({"authorization": "bEARER  abc "})) == "abc"


def test_a_token_in_the_address_opens_nothing(client: httpx.Client) -> None:
    for name in ("token", "access_token", "authorization"):
        assert client.get("/api/v1/studies", params={name: SETTINGS_TOKEN}).status_code == 401


# --- sessions --------------------------------------------------------------------------------------------------------


def in_session(gate: Gate, key: str) -> Principal:
    return identified(gate, cookie=f"theme=dark; {COOKIE}={key}")


def test_a_session_has_the_scopes_of_its_token_and_asks_for_more_than_a_cookie(
    gate: Gate, credentials: Counting
) -> None:
    text, _ = made(credentials, Scope.READ)
    found = in_session(gate, logged_in(gate, text))
    assert found.scopes == {Scope.READ}
    assert found.csrf


def test_every_log_in_opens_a_session_of_its_own(gate: Gate) -> None:
    keys = [logged_in(gate, SETTINGS_TOKEN) for _ in range(2)]
    csrf = {in_session(gate, key).csrf for key in keys}
    assert len(csrf) == 2
    assert not csrf & set(keys)


def test_a_session_ends_with_its_token(gate: Gate, credentials: Counting, clock: HandClock) -> None:
    text, new = made(credentials, Scope.READ)
    key = logged_in(gate, text)
    in_session(gate, key)
    credentials.revoke_token(new.id)
    clock.seconds += TRUST_SECONDS
    with pytest.raises(NotAdmitted):
        in_session(gate, key)


def test_a_session_ends_when_the_settings_have_another_token(credentials: Counting, clock: HandClock) -> None:
    key = logged_in(Gate(Settings(token=SETTINGS_TOKEN), credentials, clock), SETTINGS_TOKEN)
    assert in_session(Gate(Settings(token=SETTINGS_TOKEN), credentials, clock), key).scopes == frozenset(Scope)
    for settings in (Settings(token="another-token-long-enough"), Settings(host="0.0.0.0")):
        with pytest.raises(NotAdmitted):
            in_session(Gate(settings, credentials, clock), key)


def test_who_logs_out_is_out_at_once(gate: Gate) -> None:
    key = logged_in(gate, SETTINGS_TOKEN)
    in_session(gate, key)
    anyio.run(gate.log_out, key)
    with pytest.raises(NotAdmitted):
        in_session(gate, key)


@pytest.mark.parametrize("cookie", ["", f"{COOKIE}=", f"{COOKIE}=x", "other=x", "=;;=", f"{COOKIE}={SETTINGS_TOKEN}"])
def test_another_cookie_opens_nothing(gate: Gate, cookie: str) -> None:
    with pytest.raises(NotAdmitted):
        identified(gate, cookie=cookie)


def test_a_bad_token_is_not_made_up_for_by_a_cookie(gate: Gate) -> None:
    key = logged_in(gate, SETTINGS_TOKEN)
    with pytest.raises(NotAdmitted):
        identified(gate, authorization="Bearer nonsense", cookie=f"{COOKIE}={key}")
    assert session_key(Headers({"cookie": f"{COOKIE}={key}"})) == key


# --- open and closed servers -----------------------------------------------------------------------------------------


def test_loopback_without_any_token_is_open(credentials: Counting, clock: HandClock) -> None:
    gate = Gate(Settings(), credentials, clock)
    assert identified(gate) is EVERYONE
    assert with_bearer(gate, "left over from another server") is EVERYONE
    assert credentials.asked == 1


def test_loopback_closes_with_the_first_token_and_stays_closed(credentials: Counting, clock: HandClock) -> None:
    gate = Gate(Settings(), credentials, clock)
    identified(gate)
    _, new = made(credentials, Scope.ADMIN, lifetime=60)
    clock.seconds += TRUST_SECONDS
    with pytest.raises(NotAdmitted):
        identified(gate)
    credentials.revoke_token(new.id)
    clock.seconds += 3_600
    for after in (gate, Gate(Settings(), credentials, clock)):
        with pytest.raises(NotAdmitted):
            identified(after)


@pytest.mark.parametrize("settings", [Settings(token=SETTINGS_TOKEN), Settings(host="0.0.0.0")])
def test_every_other_server_is_closed(settings: Settings, credentials: Counting, clock: HandClock) -> None:
    with pytest.raises(NotAdmitted):
        identified(Gate(settings, credentials, clock))


# --- the store is away -----------------------------------------------------------------------------------------------


class Away(MemoryCredentials):
    def use_token(self, secret_hash: str) -> Token | None:
        raise StorageUnavailable


@pytest.fixture
def without_database(monkeypatch: pytest.MonkeyPatch, store: MemoryStore) -> Iterator[httpx.Client]:
    monkeypatch.setattr(store, "_credentials", Away(lambda: 0.0))
    with client_of(create_app(Settings(token=SETTINGS_TOKEN), store, tick=lambda: None)) as client:
        yield client


def test_a_worker_is_not_turned_away_because_the_database_is(without_database: httpx.Client) -> None:
    answer = without_database.post("/api/v1/workers", headers=bearing("tk_some.token"))
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/storage-unavailable")
    assert "retry-after" in answer.headers
    page = without_database.get("/", headers=bearing("tk_some.token") | {"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (503, "text/html")


# --- what is remembered ----------------------------------------------------------------------------------------------


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first(clock: HandClock) -> None:
    recent: Recent[int] = Recent(5.0, clock)
    for number in range(MOST_ENTRIES + 1):
        recent.put(str(number), number)
    assert (recent.get("0"), recent.get("1"), recent.get(str(MOST_ENTRIES))) == (None, 1, MOST_ENTRIES)
    clock.seconds += 5.0
    assert recent.get("1") is None


def test_no_secret_is_logged_or_answered(
    client: httpx.Client, make_token: MakeToken, caplog: pytest.LogCaptureFixture, store: MemoryStore
) -> None:
    caplog.set_level("DEBUG")
    token = make_token(Scope.READ)
    said = []
    for offered in (token, SETTINGS_TOKEN, "an-unknown-token-of-somebody"):
        for path in ("/api/v1/studies", "/nowhere", "/", "/api/v1/studies/st_none", "/openapi.json"):
            said.append(client.get(path, headers=bearing(offered)).text)
            said.append(client.post(path, headers=bearing(offered), content="{").text)
        answer = client.post("/login", data={"token": offered, "next": "/workers"})
        said.append(answer.text + str(answer.headers.get("location")))
    key = client.cookies[COOKIE]
    client.get("/studies/st_none")
    told = "".join(said) + "".join(record.getMessage() for record in caplog.records)
    for secret in (token, token.partition(".")[2], SETTINGS_TOKEN, "an-unknown-token-of-somebody", key):
        assert secret not in told
