"""The resource server's kit in front of an MCP endpoint, talking to this authorization server over HTTP as it does in
earnest. The kit runs in an event loop of its own; what it asks is answered here, on the thread of the test."""

from __future__ import annotations

import asyncio
import json
import queue
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
from django.test import Client as Http

from authserver.models import TraceStep
from authserver.services.trace import notes
from resourceserver.admission import Policy
from resourceserver.endpoints import EndpointPattern, EndpointTable
from resourceserver.gate import Gate, GateSettings
from resourceserver.introspection import IntrospectionClient
from resourceserver.reports import Reports
from resourceserver.sample.tools import BASELINE_SCOPES, RULES
from tests.people import Asker
from tests.resourceserver.fakes import COMPAT, GATEWAY, HOSTED, ISSUER, Inner, Reply, exchange, http_scope
from tests.resourceserver.running import start

T = TypeVar("T")
PATIENCE_SECONDS = 60
KINDS = ("challenge", "resource_metadata", "call")
AGENT = (b"user-agent", b"claude-code/2.1")


class Lifespan(Inner):
    """The protected application, which starts and stops too."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            return await super().__call__(scope, receive, send)
        for done in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{done}.complete"})
        return None


@dataclass
class Kit:
    """A gate at all three kinds of endpoints of one account."""

    asker: Asker
    is_cut_off: bool = False
    steps_taken: int = 0
    steps_waited_for: int = 0
    _asked: queue.Queue[tuple[httpx2.Request, Future[httpx2.Response]]] = field(default_factory=queue.Queue)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        patterns = [
            EndpointPattern(name, url, self.asker.id, root_metadata=name != "compat")
            for name, url in {"gateway": GATEWAY, "hosted": HOSTED, "compat": COMPAT}.items()
        ]
        settings = GateSettings(
            endpoints=EndpointTable(patterns),
            issuer=ISSUER,
            policy=Policy(baseline_scopes=BASELINE_SCOPES, tools=RULES),
        )
        secrets, transport = {self.asker.id: self.asker.secret}, httpx2.MockTransport(self._forward)
        introspection = IntrospectionClient(
            f"{ISSUER}/oauth/introspect", issuer=ISSUER, secrets=secrets, transport=transport, timeout_seconds=60
        )
        reports = Reports(ISSUER, secrets=secrets, transport=transport)
        self._gate = Gate(Lifespan(), settings, introspection, reports=reports)

    async def _forward(self, request: httpx2.Request) -> httpx2.Response:
        if self.is_cut_off:
            raise httpx2.ConnectError("away")
        answer: Future[httpx2.Response] = Future()
        self._asked.put((request, answer))
        return await asyncio.wrap_future(answer)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run this on the kit's loop, answering meanwhile what the kit asks."""
        done = self._thread.submit(self._loop.run_until_complete, asyncio.wait_for(work, PATIENCE_SECONDS))
        while not done.done():
            try:
                request, answer = self._asked.get(timeout=0.005)
            except queue.Empty:
                continue
            answer.set_result(self._answer(request))
        return done.result()

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        told = Http().post(
            request.url.path,
            request.content,
            content_type=request.headers["content-type"],
            headers={"Authorization": request.headers["authorization"]},
        )
        if told.status_code == 202:
            self.steps_taken += len(json.loads(request.content).get("steps", ()))
        return httpx2.Response(told.status_code, content=told.content, headers={"content-type": "application/json"})

    def ask(self, method: str, url: str, *, bearer: str | None = None, body: bytes = b"{}") -> Reply:
        """Send one request to the MCP server."""
        headers = [AGENT, *([(b"authorization", f"Bearer {bearer}".encode())] if bearer else [])]
        return self.run(exchange(self._gate, http_scope(method, url, headers), body))

    def told(self, number: int) -> list[TraceStep]:
        """Return the last steps that are kept, oldest first, once the kit has sent so many more by itself."""
        wanted = self.steps_waited_for = self.steps_waited_for + number

        async def delivered() -> None:
            while self.steps_taken < wanted:
                await asyncio.sleep(0.005)

        self.run(delivered())
        notes.flush()
        return list(TraceStep.objects.filter(kind__in=KINDS).order_by("-id")[:number])[::-1]


@contextmanager
def in_front(asker: Asker) -> Iterator[Kit]:
    """The kit, started, and stopped at the end."""
    kit = Kit(asker)
    stop = kit.run(start(kit._gate))
    try:
        yield kit
    finally:
        kit.run(stop())
        kit._loop.close()
        kit._thread.shutdown()
