"""Beginnings and ends: of a stream, of the authorization server, of an account, of an event loop."""

import asyncio
import time
from typing import Any

import pytest

from resourceserver.events.calls import Caller
from resourceserver.introspection import Unreachable
from tests.resourceserver.authority import (
    Authority,
    hang,
    listening,
)
from tests.resourceserver.events.conftest import ALICE, FAST, Kit, Listening, kit, until
from tests.resourceserver.fakes import SECRETS, bob, credential, grant, run


def test_a_stream_that_is_unknown_is_made_anew_and_everything_forgotten(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            (lost,) = server.authority.streams
            server.authority.streams.clear()
            await until(lambda: server.authority.streams)
            assert ours.memory.recall(ALICE) is None
            await ours.remembered()
            assert lost not in server.authority.streams

    run(story())


def test_when_the_authorization_server_dies_so_do_the_answers_and_nobody_gets_in():
    authority = Authority(grants={ALICE: grant()})

    async def story(server: Any) -> None:
        port = server.__enter__()
        async with kit(port) as ours:
            await ours.remembered()
            await asyncio.to_thread(server.__exit__, None, None, None)
            began = looked = last = time.monotonic()
            while ours.memory.recall(ALICE) is not None:
                last = looked
                await asyncio.sleep(0.01)
                looked = time.monotonic()
            assert last - began <= FAST.poll_good_for
            with pytest.raises(Unreachable):
                await ours.identify()
            again = listening(authority, port)
            await asyncio.to_thread(again.__enter__)
            try:
                await until(lambda: ours.memory.is_fresh)
                assert ours.memory.recall(ALICE) is None
            finally:
                await asyncio.to_thread(again.__exit__, None, None, None)

    run(story(listening(authority)))


def test_each_account_has_a_stream_and_a_memory_of_its_own(server: Listening):
    other = credential(3)
    server.authority.grants[other] = bob(aud="http://127.0.0.1:8001/other/mcp", connection_id="connection-other")

    async def story() -> None:
        async with kit(server.port, secrets=SECRETS) as ours:
            theirs = ours.subscriptions.of("rs-other")
            assert theirs is not None
            await ours.remembered()
            while theirs.recall(other) is None:
                await until(lambda: theirs.is_fresh)
                await ours.identify(other, "/other/mcp")
            assert theirs.recall(ALICE) is None
            server.authority.revoke("connection-other")
            await until(lambda: theirs.recall(other) is None)
            assert ours.memory.recall(ALICE) is not None
            accounts = sorted(stream.account for stream in server.authority.streams.values())
            assert accounts == ["rs-main", "rs-other"]

    run(story())
    assert server.authority.streams == {}


def test_an_account_that_is_not_subscribed_asks(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            await ours.identify(ALICE, "/other/mcp")
            await ours.identify(ALICE, "/other/mcp")

    run(story())
    assert len(server.authority.asked) == 3


def test_it_starts_and_stops_in_one_event_loop_after_the_other(server: Listening):
    kept: list[Kit] = []

    async def first() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            kept.append(ours)

    async def second() -> None:
        ours = kept[0].subscriptions
        memory = ours.of("rs-main")
        assert memory is not None
        assert len(memory) == 0
        await ours.start()
        await ours.start()
        await until(lambda: memory.is_fresh)
        assert len(server.authority.streams) == 1
        await ours.stop()
        await ours.stop()

    run(first())
    assert server.authority.streams == {}
    run(second())
    assert server.authority.streams == {}


@pytest.mark.parametrize("path", ["/oauth/events", "/oauth/events/poll", "/oauth/jwks"])
def test_it_stops_at_once_whatever_hangs(server: Listening, path: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(Caller.__init__.__kwdefaults__, "timeout_seconds", 3600)  # or that would end it soon
    server.authority.broken[path] = hang

    async def story() -> None:
        async with kit(server.port):
            await until(lambda: any(asked.startswith(path) for _, asked in server.authority.paths))
            began = time.monotonic()
        assert time.monotonic() - began < 30

    run(story())
