"""Who guesses waits apart; who floods Django's threads leaves others theirs. At a socket: test_listener.py."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from authserver import policy
from authserver.door import desks, guesses, introspection, tokens
from authserver.door.guesses import GuessersLine
from authserver.door.http import Request, Response
from authserver.door.pages import Pages
from authserver.door.protocol import DoorProtocol
from authserver.protocol import credentials
from authserver.protocol.connections.token_requests import CodeRequest, Proof, RefreshRequest
from authserver.protocol.errors import Refusal
from authserver.services.connections import Arrived, Issued
from authserver.services.events import RequestFacts
from authserver.services.introspection import Question
from authserver.throttles import guess_key
from tests.people import App, World

ASKER = Question("token", "server", "secret", "https://ai.example.com")


def request_from(address: str) -> Request:
    return Request("POST", "/oauth/introspect", {}, address, "a" * 32, b"")


@pytest.fixture(autouse=True)
def nobody_guesses(settings: Any) -> Iterator[None]:
    settings.GUESSES_PER_MINUTE = 3
    guesses._guessers.clear()
    yield
    guesses._guessers.clear()


def is_apart(address: str, asked: Any = ASKER) -> bool:
    guessing = tokens.guessing if isinstance(asked, Arrived) else introspection.guessing
    return guesses.place_for(guessing, request_from(address), asked) is not None


def test_beyond_the_limit_one_address_with_one_id_waits_apart_until_there_is_room() -> None:
    key = guess_key("2001:db8:0:1::", "server")
    guesses.take(key, 3)
    assert not is_apart("2001:db8:0:1::5")
    guesses.take(key, 1)
    assert is_apart("2001:db8:0:1::5")
    assert is_apart("2001:db8:0:1:ffff::")  # the same /64
    assert not is_apart("2001:db8:0:2::5")
    assert not is_apart("2001:db8:0:1::5", replace(ASKER, asker_id="another"))
    guesses._guessers[key] = time.monotonic() - 1
    assert not is_apart("2001:db8:0:1::5")
    assert not guesses._guessers


def test_those_who_are_remembered_are_not_more_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "GUESSERS_MAX", 5)
    for number in range(20):
        guesses.take(guess_key("192.0.2.1", f"client {number}"), 4)
    assert len(guesses._guessers) == 5


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("refresh:unknown", True),
        ("code:unknown", True),
        ("client:secret_wrong", True),
        ("refresh:expired", False),  # it was somebody's: a crowd comes with these once its access has ended
        ("refresh:replayed", False),
        ("connection:revoked", False),
        ("client:blocked", False),
    ],
)
def test_a_guess_is_what_nobody_was_ever_given(reason: str, expected: bool) -> None:
    found = tokens.Told(Refusal("invalid_grant", "No.", reason), None)  # type: ignore[arg-type]
    assert tokens.guessing.is_one(found) is expected


def test_a_guesser_who_finds_the_line_full_is_told_when_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not that the credential is dead, which would cost a good client its connection."""
    monkeypatch.setattr(policy, "GUESSERS_WAITING_MAX", 2)
    go_on, told = Event(), []

    def act(asked: Sequence[Any]) -> list[Any]:
        go_on.wait(10)
        return [{"active": False}] * len(asked)

    line = GuessersLine("guessers", act, is_repeatable=True)
    desk = replace(
        desks.DESKS["/oauth/introspect"],
        read=lambda request: ASKER,
        guessing=replace(introspection.guessing, line=line),
    )
    guesses.take(guess_key("192.0.2.1", "server"), 4)

    async def ask() -> None:
        for _ in range(3):
            desks.ask_at(desk, request_from("192.0.2.1"), lambda response, _id: told.append(response))
        while not told:
            await asyncio.sleep(0)
        go_on.set()
        while len(told) < 3:
            await asyncio.sleep(0)

    asyncio.run(ask())
    refused: Response = told[0]
    assert (refused.status, [each.status for each in told[1:]]) == (429, [200, 200])
    assert b"retry-after: 1\r\n" in refused.headers
    assert b'"too_many_requests"' in refused.body


def test_no_address_and_no_id_of_one_takes_all_places_of_the_guessers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, places in (("", 4), ("_OF_ADDRESS", 3), ("_OF_ID", 2)):
        monkeypatch.setattr(policy, f"GUESSERS{name}_WAITING_MAX", places)
    go_on, told = Event(), dict[str, list[Any]]()

    def act(asked: Sequence[Any]) -> list[Any]:
        go_on.wait(10)
        return list(asked)

    line = GuessersLine("guessers", act, is_repeatable=True)
    guessing = replace(introspection.guessing, line=line)
    comers = [("192.0.2.1", "a")] * 3 + [("192.0.2.1", "b")] * 2 + [("192.0.2.2", "a")] * 2

    async def ask(*, expected: int) -> None:
        told.clear()
        for address, named in comers:
            question = replace(ASKER, asker_id=named)
            guesses.take(guess_key(address, named), 4)
            place = guesses.place_for(guessing, request_from(address), question)
            assert place is not None
            place.ask(question, told.setdefault(address[-1] + named, []).append)
        while sum(map(len, told.values())) < expected:
            await asyncio.sleep(0)
        go_on.set()
        while sum(map(len, told.values())) < len(comers):
            await asyncio.sleep(0)

    async def story() -> None:
        for _ in range(2):  # their places are theirs again once they were answered
            go_on.clear()
            await ask(expected=3)
            admitted = {who: sum(isinstance(each, Question) for each in found) for who, found in told.items()}
            assert admitted == {"1a": 2, "1b": 1, "2a": 1}
            assert not line._held

    asyncio.run(story())


def test_a_crowd_with_tokens_that_a_restored_database_never_knew_does_not_hold_up_the_good_ones(
    world: World, django_assert_max_num_queries: Any
) -> None:
    app = App.register()
    held = world.connect(world.alice, app, handle="acme")

    def refreshing(token: str | None) -> Arrived[RefreshRequest]:
        return Arrived(RefreshRequest(Proof(app.client_id), token or "", None, ()), RequestFacts())

    crowd = [refreshing(credentials.generate(policy.REFRESH_TOKEN_PREFIX)) for _ in range(40)]
    code = Arrived(CodeRequest(Proof(app.client_id), "x", None, None, ()), RequestFacts())
    with django_assert_max_num_queries(25):
        told = [
            each.outcome for each in tokens.act_on_guesses([*crowd[:20], code, *crowd[20:], refreshing(held.refresh)])
        ]
    assert isinstance(told.pop(), Issued)
    assert Counter(each.reason for each in told) == {"refresh:unknown": 40, "code:unknown": 1}  # type: ignore[union-attr]


def test_what_a_stranger_wrote_is_in_no_key() -> None:
    arrived = Arrived(RefreshRequest(Proof("a client\r\n" * 99), "x", None, ()), RequestFacts())
    named = tokens.guessing.named(arrived)
    assert len(guess_key("192.0.2.1", named)) == len(guess_key("192.0.2.1", ""))
    assert not is_apart("192.0.2.1", arrived)


def test_a_flood_from_one_address_leaves_threads_to_others() -> None:
    inside: list[str] = []
    done = asyncio.Event()

    async def bridge(scope: Any, receive: Any, send: Any) -> None:
        inside.append(scope["client"][0])
        await done.wait()

    async def nothing_more() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def flood() -> None:
        pages = Pages()
        pages._bridge = bridge
        callers = ["192.0.2.1"] * 20 + ["192.0.2.2"]
        scopes = [{"type": "http", "headers": [], "query_string": b"", "client": (caller, 1)} for caller in callers]
        asked = [asyncio.ensure_future(pages(scope, nothing_more, None)) for scope in scopes]  # type: ignore[arg-type]
        for _ in range(10):
            await asyncio.sleep(0)
        assert inside == ["192.0.2.1"] * policy.PAGE_THREADS_OF_CALLER + ["192.0.2.2"]
        done.set()
        await asyncio.gather(*asked)
        assert len(inside) == len(callers)
        assert not pages._shares

    asyncio.run(flood())


@pytest.mark.parametrize("sent", [0, policy.PAGE_SMALL_BODY_BYTES + 1])
def test_requests_that_never_come_to_their_end_take_no_place_from_others(sent: int) -> None:
    """Of three addresses, as many as there are places: each a head, with nothing or very much of its body."""
    answered: list[str] = []
    refused: list[int] = []

    async def bridge(scope: Any, receive: Any, send: Any) -> None:
        answered.append(scope["client"][0])

    async def send(message: Any) -> None:
        refused.append(message.get("status", 0))

    async def nothing_more() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def flood() -> None:
        pages, never = Pages(), asyncio.Event()
        pages._bridge = bridge

        def slow() -> Any:
            parts = iter([b"x" * sent])

            async def receive() -> dict[str, Any]:
                if (part := next(parts, None)) is None:
                    await never.wait()
                return {"type": "http.request", "body": part, "more_body": True}

            return receive

        def scope_of(address: str) -> dict[str, Any]:
            return {"type": "http", "headers": [], "query_string": b"", "client": (address, 1)}

        callers = [f"192.0.2.{number % 3}" for number in range(policy.PAGES_WAITING_MAX * 3)]
        asked = [asyncio.ensure_future(pages(scope_of(caller), slow(), send)) for caller in callers]
        for _ in range(10):
            await asyncio.sleep(0)
        await pages(scope_of("192.0.2.9"), nothing_more, send)
        assert answered == ["192.0.2.9"]
        held = sum(not each.done() for each in asked)
        assert held == (3 * policy.PAGE_LARGE_BODIES_OF_CALLER if sent else len(callers))
        assert set(refused) <= {429, 0}
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert (pages._shares, pages._large, pages._inside) == ({}, 0, 0)

    asyncio.run(flood())


def test_beyond_a_number_of_connections_further_ones_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "CONNECTIONS_MAX", 1)
    closed: list[int] = []

    async def nobody(scope: Any, receive: Any, send: Any) -> None: ...

    async def connect() -> None:
        config, state = Config(nobody, http=DoorProtocol), ServerState()  # type: ignore[arg-type]
        config.load()
        for number in range(2):
            protocol = DoorProtocol(config, state, {}, asyncio.get_running_loop())
            info = SimpleNamespace(get_extra_info=lambda name: None, close=lambda number=number: closed.append(number))
            protocol.connection_made(info)  # type: ignore[arg-type]
            protocol._expect_nothing()

    asyncio.run(connect())
    assert closed == [1]
