"""A subscription that polls: when it is fresh, what it believes, and what it does when the other side lies or dies."""

import asyncio
import logging
from typing import Any

import pytest

from resourceserver.events import sets
from resourceserver.introspection import Identity, Rejected
from tests.resourceserver.authority import (
    CHANGED,
    answer,
    connection,
    hang,
    never_ending,
)
from tests.resourceserver.events.conftest import ALICE, Listening, kit, until
from tests.resourceserver.fakes import credential, grant, run

BOB = credential(2)


def name_of(failure: Any) -> str:
    return getattr(failure, "__name__", str(failure))


def test_a_second_call_is_answered_from_memory(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            for _ in range(5):
                assert isinstance(await ours.identify(), Identity)

    run(story())
    assert server.authority.asked == [ALICE]


def test_without_a_memory_every_call_asks(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            ours.introspection.memory = None
            for _ in range(3):
                await ours.identify()

    run(story())
    assert len(server.authority.asked) == 3


def test_a_revocation_is_heard_obeyed_and_acknowledged(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            (jti,) = server.authority.revoke("connection-alice-acme")
            await until(lambda: jti in server.authority.acknowledged)
            assert await ours.identify() == Rejected("inactive")

    run(story())


def test_a_change_of_scopes_is_asked_about_anew(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            server.authority.grants[ALICE] = grant(scope="mcp.connect")
            server.authority.tell(connection("connection-alice-acme"), CHANGED)
            await until(lambda: ours.memory.recall(ALICE) is None)
            identity = await ours.identify()
            assert isinstance(identity, Identity)
            assert identity.scopes == ("mcp.connect",)

    run(story())


def test_somebody_elses_end_costs_nothing(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            (jti,) = server.authority.revoke("connection-bob-initech")
            await until(lambda: jti in server.authority.acknowledged)
            assert ours.memory.recall(ALICE) is not None

    run(story())


def test_a_refusal_is_never_remembered(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            await until(lambda: ours.memory.is_fresh)
            for _ in range(3):
                assert await ours.identify(BOB) == Rejected("inactive")
                assert await ours.identify(ALICE, "/mcp/acme/mcp") == Rejected("foreign_resource")
            assert len(ours.memory) == 0

    run(story())
    assert len(server.authority.asked) == 6


def test_an_answer_for_two_resources_is_judged_at_each_of_them(server: Listening):
    server.authority.grants[ALICE] = grant(aud=["http://127.0.0.1:8001/mcp", "http://127.0.0.1:8001/mcp/globex/mcp"])

    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            assert await ours.identify(ALICE, "/mcp/globex/mcp") == Rejected("foreign_handle")
            assert await ours.identify(ALICE, "/mcp/acme/mcp") == Rejected("foreign_resource")

    run(story())
    assert server.authority.asked == [ALICE]


def test_an_answer_on_its_way_while_an_event_arrives_is_not_kept(server: Listening):
    """The question is held up; the revocation overtakes it; its answer, still a yes, must not be remembered."""
    asked, go = asyncio.Event(), asyncio.Event()

    async def story() -> None:
        async with kit(server.port) as ours:
            await until(lambda: ours.memory.is_fresh)
            real = ours.introspection._ask

            async def held_up(*arguments: Any) -> Any:
                answer = await real(*arguments)
                asked.set()
                await go.wait()
                return answer

            ours.introspection._ask = held_up  # type: ignore[method-assign]
            question = asyncio.create_task(ours.identify())
            await asked.wait()
            (jti,) = server.authority.revoke("connection-alice-acme")
            await until(lambda: jti in server.authority.acknowledged)
            go.set()
            assert isinstance(await question, Identity)
            assert ours.memory.recall(ALICE) is None

    run(story())


# --- Not fresh ------------------------------------------------------------------------------------------------------


def test_nothing_is_remembered_until_a_verification_came(server: Listening):
    server.authority.verifies = False

    async def story() -> None:
        async with kit(server.port) as ours:
            await until(lambda: sum("poll" in path for _, path in server.authority.paths) > 3)
            assert not ours.memory.is_fresh
            await ours.identify()
            assert len(ours.memory) == 0

    run(story())


@pytest.mark.parametrize("what", ["state", "stream"])
def test_a_verification_of_something_else_verifies_nothing(server: Listening, what: str):
    server.authority.verifies = False

    async def story() -> None:
        async with kit(server.port) as ours:
            await until(lambda: server.authority.streams)
            (stream,) = server.authority.streams.values()
            (subscription,) = ours.subscriptions._subscriptions
            await until(lambda: subscription._asked)
            (asked,) = subscription._asked
            subject = {"format": "opaque", "id": "another" if what == "stream" else stream.stream_id}
            event = {sets.VERIFICATION: {"state": "guessed" if what == "state" else asked}}
            (jti,) = server.authority.tell(subject, events=event)
            await until(lambda: jti in server.authority.acknowledged)
            assert not ours.memory.is_fresh

    run(story())


def test_while_there_is_more_to_fetch_it_is_behind(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            server.authority.more = True
            await until(lambda: not ours.memory.is_fresh)
            await ours.identify()
            assert ours.memory.recall(ALICE) is None
            server.authority.more = False
            await until(lambda: ours.memory.is_fresh)

    run(story())


def test_many_events_at_once_are_all_taken(server: Listening):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            told = [jti for number in range(350) for jti in server.authority.tell(connection(f"c-{number}"))]
            await until(lambda: set(told) <= set(server.authority.acknowledged))
            await until(lambda: ours.memory.is_fresh)

    run(story())


@pytest.mark.parametrize("failure", [500, 503, 302, 401, 429, hang, never_ending], ids=name_of)
def test_a_poll_that_fails_is_no_poll(server: Listening, failure: Any, caplog: pytest.LogCaptureFixture):
    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            server.authority.broken["/oauth/events/poll"] = failure
            await until(lambda: not ours.memory.is_fresh)
            await ours.identify()
            assert ours.memory.recall(ALICE) is None
            server.authority.broken.clear()
            await until(lambda: ours.memory.is_fresh)

    with caplog.at_level(logging.WARNING):
        run(story())
    assert "rss_main" not in caplog.text
    assert len(server.authority.streams) <= 1


def test_an_answer_that_is_no_poll_answer_is_no_poll(server: Listening):
    bodies = [b"", b"[]", b"{}", b'{"sets": []}', b'{"sets": 7}', b"[" * 100_000, b"\xff", b"{" * 10]

    async def odd(send: Any) -> None:
        bodies.append(bodies.pop(0))
        await answer(send, 200, bodies[-1])

    async def story() -> None:
        async with kit(server.port) as ours:
            await ours.remembered()
            server.authority.broken["/oauth/events/poll"] = odd
            await until(lambda: not ours.memory.is_fresh)
            await until(lambda: sum("poll" in path for _, path in server.authority.paths) > 20)
            assert not ours.memory.is_fresh

    run(story())


@pytest.mark.parametrize("path", ["/oauth/events/stream", "/oauth/events/verify"])
@pytest.mark.parametrize("failure", [400, 401, 500, hang], ids=name_of)
def test_a_subscription_that_cannot_begin_tries_again(server: Listening, path: str, failure: Any):
    server.authority.broken[path] = failure

    async def story() -> None:
        async with kit(server.port) as ours:
            await until(lambda: sum(path == asked for _, asked in server.authority.paths) > 1)
            assert isinstance(await ours.identify(), Identity)
            assert len(ours.memory) == 0
            server.authority.broken.clear()
            await until(lambda: ours.memory.is_fresh)

    run(story())


@pytest.mark.parametrize("member", ["stream_id", "iss", "aud"])
def test_a_stream_that_is_not_ours_is_not_used(server: Listening, member: str):
    real = server.authority.subscribe

    def lying(account: str, delivery: Any) -> Any:
        status, members = real(account, delivery)
        return status, members | {member: "../other"}

    server.authority.subscribe = lying  # type: ignore[method-assign]

    async def story() -> None:
        async with kit(server.port) as ours:
            await until(lambda: len(server.authority.streams) > 1)
            assert not ours.memory.is_fresh
            assert not any("poll" in path for _, path in server.authority.paths)

    run(story())
