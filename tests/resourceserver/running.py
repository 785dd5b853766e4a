"""The whole sample server in process: its lifespan runs, its gate asks a stand-in authorization server."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2

from resourceserver.answers import ASGIApp
from tests.resourceserver.fakes import (
    COMPAT,
    GATEWAY,
    HOSTED,
    ISSUER,
    OTHER,
    FakeAuthorizationServer,
    Reply,
    exchange,
    http_scope,
)

T = TypeVar("T")
ENVIRONMENT = {
    "ISSUER": ISSUER,
    "RESOURCE_SERVER_ID": "rs-main",
    "RESOURCE_SERVER_SECRET": "rss_main",
    "OTHER_RESOURCE_SERVER_ID": "rs-other",
    "OTHER_RESOURCE_SERVER_SECRET": "rss_other",
    "GATEWAY_URL": GATEWAY,
    "HOSTED_URL": HOSTED,
    "COMPAT_URL": COMPAT,
    "OTHER_RESOURCE_URL": OTHER,
    "MCP_CALLS_PER_MINUTE": "0",
}


@dataclass
class RunningSample:
    """A sample server that has started up; ``ask`` sends it one request."""

    server: FakeAuthorizationServer
    app: ASGIApp
    thread: ThreadPoolExecutor
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's loop, which has a thread of its own."""
        return self.thread.submit(self.loop.run_until_complete, work).result()

    def ask(
        self, method: str, url: str, *, headers: list[tuple[bytes, bytes]] | None = None, body: bytes = b""
    ) -> Reply:
        return self.run(exchange(self.app, http_scope(method, url, headers or []), body))


async def start(app: ASGIApp) -> Callable[[], Any]:
    """Run an application's startup; return the coroutine function that shuts it down."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    lifespan = asyncio.ensure_future(app({"type": "lifespan", "asgi": {"version": "3.0"}}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"

    async def stop() -> None:
        await inbox.put({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await lifespan

    return stop


def wait_until_ready(origin: str) -> None:
    """Return once a sample server in a process of its own has its tools published."""
    deadline = time.monotonic() + 30
    with httpx2.Client(trust_env=False, timeout=60) as http:
        while http.get(f"{origin}/readyz").status_code != 200:
            assert time.monotonic() < deadline, "the tools were never published"
            time.sleep(0.01)


async def ready(sample: RunningSample) -> None:
    """Return once the tools are published."""
    while (await exchange(sample.app, http_scope("GET", "http://127.0.0.1:8001/readyz", []))).status != 200:
        await asyncio.sleep(0.001)
