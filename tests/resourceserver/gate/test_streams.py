"""Streams through the gate: bytes pass at once, sessions are bound, a client that leaves is let go."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp.shared.auth_utils import check_resource_allowed

from tests.resourceserver.fakes import GATEWAY, bob, exchange, grant, http_scope
from tests.resourceserver.running import RunningSample

BASE = "http://127.0.0.1:8001"


def json_headers(bearer: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"authorization", f"Bearer {bearer}".encode()),
        (b"content-type", b"application/json"),
        (b"accept", b"application/json, text/event-stream"),
    ]


def initialize() -> bytes:
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()


class Stream:
    """An open GET stream."""

    def __init__(self, sample: RunningSample, url: str, headers: list[tuple[bytes, bytes]]) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.left = asyncio.Event()
        self.begun = False
        scope = http_scope("GET", url, headers)
        self.task = asyncio.ensure_future(sample.app(scope, self.receive, self.sent.put))  # type: ignore[arg-type]

    async def receive(self) -> dict[str, Any]:
        if not self.begun:
            self.begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def message(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.sent.get(), 60)

    async def event(self) -> str:
        return (await self.message())["body"].decode()

    async def leave(self) -> None:
        self.left.set()
        await asyncio.wait_for(self.task, 60)


@pytest.mark.covers("RS-25", "req:R1")
def test_the_older_transport_works_and_its_messages_are_bound_to_who_opened_it(
    run_sample: Callable[..., RunningSample],
):
    sample = run_sample()
    alice, also_bob = sample.server.add(1, grant()), sample.server.add(2, bob())

    async def scenario() -> None:
        stream = Stream(sample, f"{BASE}/mcp/sse", json_headers(alice))
        start = await stream.message()
        assert start["status"] == 200
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        first = await stream.event()
        path = first.partition("data: ")[2].strip()
        assert path.startswith("/mcp/messages?session_id=")

        reply = await exchange(sample.app, http_scope("POST", BASE + path, json_headers(alice)), initialize())
        assert reply.status == 202
        assert '"protocolVersion":"2025-11-25"' in await stream.event()

        foreign = await exchange(sample.app, http_scope("POST", BASE + path, json_headers(also_bob)), initialize())
        assert (foreign.status, foreign.json["error"]) == (401, "session_handle_mismatch")
        nobody = await exchange(sample.app, http_scope("POST", BASE + path, []), initialize())
        assert (nobody.status, nobody.json["error"]) == (401, "missing_bearer_token")
        elsewhere = path.replace("/mcp/", "/mcp/acme/")
        astray = await exchange(sample.app, http_scope("POST", BASE + elsewhere, json_headers(alice)), initialize())
        assert (astray.status, astray.json["error"]) == (401, "invalid_token")

        await stream.leave()
        gone = await exchange(sample.app, http_scope("POST", BASE + path, json_headers(alice)), initialize())
        assert (gone.status, gone.json["error"]) == (404, "session_not_found")

    sample.run(scenario())


def test_clients_that_sign_in_by_themselves_accept_the_door_below_the_endpoint_and_only_that():
    """Why there are two doors: the metadata's resource must be the beginning of the URL a client was given."""
    assert check_resource_allowed(f"{GATEWAY}/sse", GATEWAY)
    assert not check_resource_allowed(f"{BASE}/sse", GATEWAY)


def test_a_scope_is_checked_on_the_older_transport_too(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    alice = sample.server.add(1, grant(scope="mcp.connect"))

    async def scenario() -> None:
        stream = Stream(sample, f"{BASE}/sse", json_headers(alice))
        await stream.message()
        path = (await stream.event()).partition("data: ")[2].strip()
        body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "list_links", "arguments": {}}}
        scope = http_scope("POST", BASE + path, json_headers(alice))
        reply = await exchange(sample.app, scope, json.dumps(body).encode())
        assert (reply.status, reply.json["error"]) == (403, "insufficient_scope")
        await stream.leave()

    sample.run(scenario())


def test_the_stream_of_a_session_opens_at_once_and_ends_with_its_client(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    alice = sample.server.add(1, grant())

    async def scenario() -> None:
        opened = await exchange(sample.app, http_scope("POST", GATEWAY, json_headers(alice)), initialize())
        session = (b"mcp-session-id", opened.headers["mcp-session-id"].encode())
        stream = Stream(sample, GATEWAY, [*json_headers(alice), session])
        assert (await stream.message())["status"] == 200
        await stream.leave()

    sample.run(scenario())


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "PUT"])
@pytest.mark.covers("TR-01", "T11")
def test_a_good_credential_without_a_session_is_told_that_only_post_works(
    run_sample: Callable[..., RunningSample], method: str
):
    sample = run_sample()
    reply = sample.ask(method, GATEWAY, headers=json_headers(sample.server.add(1, grant())))
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("url", [f"{BASE}/sse", f"{BASE}/messages"])
def test_the_doors_of_the_older_transport_know_their_method(run_sample: Callable[..., RunningSample], url: str):
    sample = run_sample()
    reply = sample.ask("PUT", url, headers=json_headers(sample.server.add(1, grant())))
    assert reply.status == 405


def test_a_client_that_hangs_up_in_the_middle_of_its_body_is_answered_nothing(
    run_sample: Callable[..., RunningSample],
):
    sample = run_sample()
    alice = sample.server.add(1, grant())
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    sample.run(sample.app(http_scope("POST", GATEWAY, json_headers(alice)), receive, send))
    assert sent == []


def test_a_websocket_is_closed(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/mcp", "headers": []}
    sample.run(sample.app(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
