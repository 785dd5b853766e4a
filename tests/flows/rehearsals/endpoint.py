"""An MCP endpoint with the real gate, in process, whose authorization server is the one under test: what the gate asks
goes to it over HTTP, on the test's own thread, where its database is."""

from __future__ import annotations

import asyncio
import queue
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx2

from resourceserver.gate import Gate, GateSettings
from resourceserver.introspection import IntrospectionClient
from resourceserver.reports import ReportPace, Reports
from tests.people import GATEWAY, World
from tests.resourceserver import fakes
from tests.resourceserver.fakes import Inner, Reply, exchange, http_scope, policy, tool_call

Question = tuple[httpx2.Request, "Future[httpx2.Response]"]


class Endpoint:
    """The gate in front of an application that answers everything."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._questions: queue.Queue[Question | None] = queue.Queue()
        self.claims = 0

    def call(self, bearer: str, tool: str = "list_links", **parts: Any) -> Reply:
        """Call a tool with a credential; what the call lacked is reported before this returns."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            answer = pool.submit(asyncio.run, self._call(bearer, tool, **parts))
            while (question := self._questions.get(timeout=30)) is not None:
                request, told = question
                told.set_result(self._ask(request))
            return answer.result()

    async def _call(self, bearer: str, tool: str, method: str = "POST") -> Reply:
        try:
            return await self._through_gate(bearer, tool, method)
        finally:
            self._questions.put(None)

    async def _through_gate(self, bearer: str, tool: str, method: str) -> Reply:
        secrets = {"rs-main": self._world.asker.secret, "rs-other": self._world.other_asker.secret}
        transport = httpx2.MockTransport(self._carry)
        client = IntrospectionClient(
            f"{fakes.ISSUER}/oauth/introspect", issuer=fakes.ISSUER, secrets=secrets, transport=transport
        )
        reports = Reports(
            fakes.ISSUER, secrets=secrets, pace=ReportPace(regular=0.01, urgent=0.01), transport=transport
        )
        settings = GateSettings(endpoints=fakes.endpoints(), issuer=fakes.ISSUER, policy=policy())
        gate = Gate(Inner(), settings, client, reports=reports)
        await reports.start()
        headers = [(b"authorization", f"Bearer {bearer}".encode())]
        body = fakes.json.dumps(tool_call(tool)).encode()
        reply = await exchange(gate, http_scope(method, GATEWAY, headers), body)
        await reports.stop()
        await client.aclose()
        return reply

    async def _carry(self, request: httpx2.Request) -> httpx2.Response:
        told: Future[httpx2.Response] = Future()
        self._questions.put((request, told))
        return await asyncio.wrap_future(told)

    def _ask(self, request: httpx2.Request) -> httpx2.Response:
        """Send what the gate asks to the server, in the name that the server knows the resource server by."""
        asker = self._world.asker
        basic = httpx2.BasicAuth(asker.id, asker.secret)
        signed = next(basic.auth_flow(httpx2.Request(request.method, request.url)))
        self.claims += request.url.path.endswith("/met")
        answer = asker.http.generic(
            request.method,
            request.url.path,
            request.content,
            content_type=request.headers.get("content-type", ""),
            headers={"Authorization": signed.headers["authorization"]},
        )
        return httpx2.Response(answer.status_code, content=answer.content)
