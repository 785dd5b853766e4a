"""The sample server as a process of its own, and the official MCP client in both eras and on the older transport."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from resourceserver.sample.tools import CATALOG
from tests.resourceserver.fakes import ISSUER, FakeAuthorizationServer, grant, handler_of, run
from tests.resourceserver.running import wait_until_ready

ALL_SCOPES = " ".join(dict.fromkeys(scope for tool in CATALOG for scope in tool.scopes))
NUMBERS = itertools.count()
ROOT = Path(__file__).parents[3]


@dataclass
class Live:
    """The running server and what it may be called with."""

    server: FakeAuthorizationServer
    process: subprocess.Popen[str]
    port: int
    lines: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read_output)
        self.reader.start()

    def read_output(self) -> None:
        """Keep reading: a process whose pipe is full stands still."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if "Uvicorn running" in line:
                self.ready.set()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def credential(self, seed: int, resource: str, **changes: Any) -> str:
        return self.server.add(seed, grant(**{"aud": resource, "scope": ALL_SCOPES, **changes}))

    def stop(self) -> str:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=20)
        self.reader.join()
        return "".join(self.lines)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def sample() -> Iterator[Live]:
    server = FakeAuthorizationServer()
    introspection = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(server))
    introspection.daemon_threads = True
    thread = threading.Thread(target=introspection.serve_forever, daemon=True)
    thread.start()
    port = free_port()
    environment = {
        **os.environ,
        "ISSUER": ISSUER,
        "INTROSPECTION_URL": f"http://127.0.0.1:{introspection.server_address[1]}/oauth/introspect",
        "RESOURCE_SERVER_ID": "rs-main",
        "RESOURCE_SERVER_SECRET": "rss_main",
        "GATEWAY_URL": f"http://127.0.0.1:{port}/mcp",
        "HOSTED_URL": f"http://{{handle}}.mcp.localhost:{port}/mcp",
        "COMPAT_URL": f"http://127.0.0.1:{port}/mcp/{{handle}}/mcp",
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        # Nothing listens there: a credential that took this way would be a 503.
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "resourceserver.sample"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Live(server, process, port)
    try:
        assert running.ready.wait(30)
        wait_until_ready(running.origin)
        yield running
    finally:
        process.kill()
        process.wait()
        running.reader.join()
        assert process.stdout is not None
        process.stdout.close()
        introspection.shutdown()
        introspection.server_close()
        thread.join()


def http_client(bearer: str, **headers: str) -> httpx2.AsyncClient:
    told = {"Authorization": f"Bearer {bearer}", **headers}
    return httpx2.AsyncClient(headers=told, trust_env=False, timeout=60)


def connect(url: str, http: httpx2.AsyncClient, mode: Any = "auto") -> Client:
    return Client(streamable_http_client(url, http_client=http), mode=mode)


async def call_every_tool(client: Client) -> dict[str, Any]:
    results: dict[str, Any] = {}
    listed = {tool.name for tool in (await client.list_tools()).tools}
    assert listed == {tool.name for tool in CATALOG}
    for tool in CATALOG:
        text = f"new {next(NUMBERS)}"
        arguments = {name: "acme-links" if name == "id" else text for name, _ in tool.arguments}
        results[tool.name] = await client.call_tool(tool.name, arguments)
    return results


def endpoints(sample: Live) -> list[tuple[str, str, dict[str, str]]]:
    """Resource, URL to connect to, headers. Not every resolver knows *.localhost, so the Host header says it."""
    hosted = f"acme.mcp.localhost:{sample.port}"
    return [
        (f"{sample.origin}/mcp", f"{sample.origin}/mcp", {}),
        (f"{sample.origin}/mcp/acme/mcp", f"{sample.origin}/mcp/acme/mcp", {}),
        (f"http://{hosted}/mcp", f"{sample.origin}/mcp", {"Host": hosted}),
    ]


@pytest.mark.parametrize(("mode", "revision"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
@pytest.mark.parametrize("kind", [0, 1, 2], ids=["gateway", "compat", "hosted"])
@pytest.mark.covers("TR-16", "T23", "req:R1", "req:R3")
def test_the_official_client_calls_every_tool_in_both_eras(sample: Live, kind: int, mode: Any, revision: str):
    resource, url, headers = endpoints(sample)[kind]
    bearer = sample.credential(10 + kind, resource)

    async def scenario() -> None:
        async with http_client(bearer, **headers) as http, connect(url, http, mode) as client:
            assert client.protocol_version == revision
            results = await call_every_tool(client)
        assert "@acme" in results["whoami"].content[0].text
        assert not [name for name, result in results.items() if result.is_error]

    run(scenario())


@pytest.mark.parametrize("path", ["/sse", "/mcp/sse", "/mcp/acme/sse", "/mcp/acme/mcp/sse"])
@pytest.mark.covers("req:R1")
def test_the_official_client_calls_every_tool_on_the_older_transport(sample: Live, path: str):
    resource = f"{sample.origin}/mcp/acme/mcp" if "acme" in path else f"{sample.origin}/mcp"
    bearer = sample.credential(20, resource)

    async def scenario() -> None:
        transport = sse_client(sample.origin + path, headers={"Authorization": f"Bearer {bearer}"})
        async with Client(transport, mode="legacy") as client:
            results = await call_every_tool(client)
        assert "@acme" in results["whoami"].content[0].text

    run(scenario())


def test_a_tool_without_its_scope_fails_for_the_official_client(sample: Live):
    bearer = sample.credential(30, f"{sample.origin}/mcp", scope="mcp.connect links.read")

    async def scenario() -> None:
        async with http_client(bearer) as http, connect(f"{sample.origin}/mcp", http) as client:
            assert not (await client.call_tool("list_links", {})).is_error
            with pytest.raises(MCPError):
                await client.call_tool("create_link", {"slug": "a", "target": "b"})

    run(scenario())


def test_scopes_follow_the_credential_and_not_the_session(sample: Live):
    """A session that was opened with few scopes serves a later credential with more, and says so."""
    few = sample.credential(31, f"{sample.origin}/mcp", scope="mcp.connect")
    more = sample.credential(32, f"{sample.origin}/mcp", scope="mcp.connect links.write")

    async def scenario() -> None:
        async with http_client(few) as http, connect(f"{sample.origin}/mcp", http, "legacy") as client:
            assert (await client.call_tool("whoami", {})).structured_content["scopes"] == ["mcp.connect"]
            http.headers["Authorization"] = f"Bearer {more}"
            assert (await client.call_tool("whoami", {})).structured_content["scopes"][-1] == "links.write"

    run(scenario())


def test_every_refusal_over_a_real_socket_has_a_body_that_fits_its_length(sample: Live):
    with httpx2.Client(trust_env=False, timeout=60) as http:
        for method in ("GET", "POST", "DELETE", "PUT"):
            reply = http.request(method, f"{sample.origin}/mcp")
            assert (reply.status_code, reply.json()["error"]) == (401, "missing_bearer_token")
        assert http.head(f"{sample.origin}/mcp").status_code == 401
        assert http.get(f"{sample.origin}/livez").text == "ok"
        too_large = http.post(f"{sample.origin}/mcp", content=b"x" * 5_000_000, headers=_bearer(sample))
        assert too_large.status_code == 413


def _bearer(sample: Live) -> dict[str, str]:
    return {"Authorization": f"Bearer {sample.credential(33, sample.origin + '/mcp')}"}


def test_an_interrupt_ends_the_process_though_a_stream_is_open_and_the_log_has_no_secret(sample: Live):
    """The last test of this file: it ends the server."""
    bearer = sample.credential(40, f"{sample.origin}/mcp")
    headers = {"Authorization": f"Bearer {bearer}"}
    with (
        httpx2.Client(trust_env=False, timeout=60) as http,
        http.stream("GET", f"{sample.origin}/sse", headers=headers) as stream,
    ):
        assert stream.status_code == 200
        output = sample.stop()
    assert sample.process.returncode in (0, -signal.SIGINT, 130)
    assert "credential:accepted" in output
    assert "Traceback" not in output
    for secret in ("rss_main", "mcpv1_", "session_id"):
        assert secret not in output
