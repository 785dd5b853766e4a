"""MCP endpoints on this machine that answer as badly as a test wants: one server, an endpoint for each path."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ISSUER = "http://127.0.0.1:8000"  # ours, in tests
WELL_KNOWN = "/.well-known/oauth-protected-resource"


@dataclass
class Reply:
    """One answer; `body` is sent as JSON unless it is bytes."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class EndpointHost(ThreadingHTTPServer):
    """Answers by path; what nobody published is a 404. `requests` are the methods and paths asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.replies: dict[str, Reply] = {}
        self.requests: list[str] = []
        self.silent: set[str] = set()
        self.done = threading.Event()

    def publish(self, path: str = "/mcp", *, host: str = "127.0.0.1", **changes: Any) -> str:
        """Publish an endpoint and return its address. `metadata` members replace those of a good document (None leaves
        one out); `document` and `endpoint` replace a whole answer."""
        url = f"http://{host}:{self.server_port}{path}"
        good = {"resource": url, "authorization_servers": [ISSUER]} | changes.get("metadata", {})
        members = {name: value for name, value in good.items() if value is not None}
        told = f"http://{host}:{self.server_port}{WELL_KNOWN}{path}"
        challenge = {"WWW-Authenticate": f'Bearer resource_metadata="{told}", scope="mcp.connect"'}
        self.replies[WELL_KNOWN + path] = changes.get("document") or Reply(members)
        self.replies[path] = changes.get("endpoint") or Reply({}, 401, challenge)
        return url


class Page(BaseHTTPRequestHandler):
    server: EndpointHost

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append(f"{self.command} {self.path}")
        if self.path in self.server.silent:
            self.server.done.wait(20)
            return
        reply = self.server.replies.get(self.path, Reply({}, 404))
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in ({"Content-Type": "application/json"} | reply.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def running() -> Iterator[EndpointHost]:
    """Run a host for as long as the context lasts."""
    with EndpointHost() as host:
        threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield host
        finally:
            host.done.set()
            host.shutdown()
