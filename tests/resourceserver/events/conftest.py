"""A subscription against a whole authorization server that listens on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from resourceserver.events.memory import Memory
from resourceserver.events.stream import Pace
from resourceserver.events.subscriptions import Subscriptions
from resourceserver.introspection import Identity, IntrospectionClient, Rejected
from tests.resourceserver.authority import Authority, listening
from tests.resourceserver.fakes import ISSUER, SECRETS, credential, endpoints, grant

FAST = Pace(poll=0.02, poll_good_for=0.6, verify=0.05, push_good_for=0.6, first_retry=0.05, last_retry=0.5)
ALICE = credential(1)


async def until(condition: Callable[[], Any], *, within: float = 60) -> None:
    """Wait for something to become true, or fail."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.002)


@dataclass
class Kit:
    """A resource server's side: its memories, and the client that asks."""

    subscriptions: Subscriptions
    introspection: IntrospectionClient

    @property
    def memory(self) -> Memory:
        memory = self.subscriptions.of("rs-main")
        assert memory is not None
        return memory

    async def identify(self, bearer: str = ALICE, path: str = "/mcp") -> Identity | Rejected:
        found = endpoints().match("127.0.0.1:8001", path)
        assert found is not None
        return await self.introspection.identify(bearer, found.endpoint)

    async def remembered(self, bearer: str = ALICE) -> None:
        """Be fresh, and hold an answer about this credential. Where the machine stood still in between it is fresh no
        more, and asks again."""
        async with asyncio.timeout(60):
            while self.memory.recall(bearer) is None:
                await until(lambda: self.memory.is_fresh)
                await self.identify(bearer)


@asynccontextmanager
async def kit(port: int, **changes: Any) -> AsyncIterator[Kit]:
    """A kit that is subscribed, and stops at the end."""
    base = f"http://127.0.0.1:{port}"
    options = {"issuer": ISSUER, "secrets": {"rs-main": SECRETS["rs-main"]}, "pace": FAST, **changes}
    subscriptions = Subscriptions(base, **options)
    introspection = IntrospectionClient(
        f"{base}/oauth/introspect", issuer=ISSUER, secrets=SECRETS, memory=subscriptions, timeout_seconds=60
    )
    await subscriptions.start()
    try:
        yield Kit(subscriptions, introspection)
    finally:
        await subscriptions.stop()
        await introspection.aclose()


@dataclass
class Listening:
    authority: Authority
    port: int


@pytest.fixture
def server() -> Iterator[Listening]:
    """An authorization server that knows alice."""
    authority = Authority(grants={ALICE: grant()})
    with listening(authority) as port:
        yield Listening(authority, port)
