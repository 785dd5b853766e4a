"""What runs beside the gate begins before the first request and ends before the server is told that all is over."""

import asyncio
from typing import Any

import httpx2
import pytest

from resourceserver.events.subscriptions import Subscriptions
from resourceserver.gate import Gate, GateSettings
from resourceserver.introspection import IntrospectionClient
from resourceserver.reports import Call, ReportPace, Reports
from tests.resourceserver.authority import Authority
from tests.resourceserver.events.conftest import FAST, until
from tests.resourceserver.fakes import ISSUER, SECRETS, endpoints, policy, run
from tests.resourceserver.running import start


class App:
    """Only starts and stops; raises where told."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.fails:
            raise RuntimeError("no lifespan here")
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


def made(authority: Authority, app: App) -> tuple[Gate, Subscriptions, Reports]:
    transport = httpx2.ASGITransport(app=authority)
    subscriptions = Subscriptions(ISSUER, issuer=ISSUER, secrets=SECRETS, pace=FAST, transport=transport)
    reports = Reports(ISSUER, secrets=SECRETS, pace=ReportPace(regular=3600), transport=transport)
    introspection = IntrospectionClient(
        f"{ISSUER}/oauth/introspect", issuer=ISSUER, secrets=SECRETS, transport=transport, memory=subscriptions
    )
    settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy())
    return Gate(app, settings, introspection, reports=reports), subscriptions, reports


def test_the_subscription_lives_as_long_as_the_gate_and_what_is_left_is_told_at_its_end():
    authority = Authority()

    async def story() -> None:
        gate, subscriptions, reports = made(authority, App())
        stop = await start(gate)
        memory = subscriptions.of("rs-main")
        assert memory is not None
        await until(lambda: memory.is_fresh)
        reports.note("rs-main", Call(connection_id="c-1", tool="whoami", outcome="allowed"))
        await stop()
        assert not memory.is_fresh

    run(story())
    assert authority.streams == {}
    assert [calls[0]["tool"] for _, calls in authority.reports] == ["whoami"]


def test_all_is_over_before_the_server_hears_so():
    """A server may end the event loop as soon as it hears; what still ran then would be cut off."""
    authority = Authority()

    async def story() -> None:
        gate, subscriptions, _ = made(authority, App())
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        at_the_end: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                at_the_end.append(len(authority.streams))
            elif message["type"] == "lifespan.startup.complete":
                await until(lambda: len(authority.streams) == 2)
                await inbox.put({"type": "lifespan.shutdown"})

        await inbox.put({"type": "lifespan.startup"})
        await gate({"type": "lifespan"}, inbox.get, send)
        assert at_the_end == [0]

    run(story())


def test_an_application_that_fails_at_the_start_leaves_nothing_running():
    authority = Authority()

    async def story() -> None:
        gate, _, _ = made(authority, App(fails=True))
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        with pytest.raises(RuntimeError):
            await gate({"type": "lifespan"}, inbox.get, inbox.put)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(story())


def test_a_gate_without_either_has_nothing_beside_it():
    async def story() -> None:
        settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy())
        client = IntrospectionClient(f"{ISSUER}/oauth/introspect", issuer=ISSUER, secrets=SECRETS)
        stop = await start(Gate(App(), settings, client))
        assert len(asyncio.all_tasks()) == 2
        await stop()

    run(story())
