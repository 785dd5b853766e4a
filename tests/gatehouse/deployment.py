"""A small deployment on this machine: an MCP server and its authorization server behind one port, whose every answer a
test may spoil."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MCP, REGISTER, SIGNPOST = "POST /mcp", "POST /register", "GET /"
AS_METADATA = "GET /.well-known/oauth-authorization-server"
RS_METADATA = "GET /.well-known/oauth-protected-resource/mcp"
ACME_METADATA = "GET /.well-known/oauth-protected-resource/mcp/acme/mcp"


class Handler(BaseHTTPRequestHandler):
    """Lets the deployment answer, the request read whole: who closes on unread bytes takes the answer back."""

    body = b""

    def do_GET(self) -> None:
        deployment: Deployment = self.server.deployment  # type: ignore[attr-defined]
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        what = f"{self.command} {self.path.partition('?')[0]}"
        deployment.requests.append((what, dict(self.headers)))
        with contextlib.suppress(OSError):
            deployment.answers.get(what, Reply(404, {"error": "not_found"}))(self)

    do_POST = do_HEAD = do_OPTIONS = do_DELETE = do_GET

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The time of this host, which may be wrong."""
        deployment: Deployment = self.server.deployment  # type: ignore[attr-defined]
        return super().date_time_string(time.time() + deployment.clock_ahead_seconds)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the output of tests clean."""


@dataclass
class Reply:
    """One answer. `content` is written as JSON, unless it is bytes already."""

    status: int = 200
    content: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    def __call__(self, handler: Handler) -> None:
        body = self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()
        handler.send_response(self.status)
        for name, value in {**self.headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)


Answer = Callable[[Handler], None]


@dataclass
class Deployment:
    """`answers` by method and path; what is not there is a 404. `requests` holds each request with its headers, and
    `registered` what clients said of themselves."""

    origin: str
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    registered: list[dict[str, Any]] = field(default_factory=list)
    clock_ahead_seconds: float = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def filled(self, text: str) -> str:
        """The text with {origin} and {port} filled in."""
        return text.replace("{origin}", self.origin).replace("{port}", self.origin.rpartition(":")[2])

    @property
    def asked(self) -> list[str]:
        return [what for what, _ in self.requests]

    def reply(self, what: str) -> Reply:
        """The answer to a request, to be spoilt."""
        found = self.answers[what]
        assert isinstance(found, Reply)
        return found

    def document(self, what: str) -> dict[str, Any]:
        return self.reply(what).content

    def register(self, handler: Handler, **told: Any) -> None:
        """Register whatever comes. `told` is answered instead of what was said; None leaves a member out."""
        said = json.loads(handler.body)
        self.registered.append(said)
        secret = {} if said["token_endpoint_auth_method"] == "none" else {"client_secret": "mcs_once"}
        hidden = {"registration_access_token": "mcr_hidden"}
        found = {"client_id": "c-1", **said, **secret, **hidden, **told}
        Reply(201, {name: value for name, value in found.items() if value is not None})(handler)


def _sound(deployment: Deployment) -> dict[str, Answer]:
    origin = deployment.origin
    patterns = {"mcp_gateway": f"{origin}/mcp", "mcp_compatibility": origin + "/mcp/{handle}/mcp"}
    found: dict[str, Answer] = {
        SIGNPOST: Reply(content={"name": "Gatehouse", "endpoints": patterns}),
        AS_METADATA: Reply(
            content={
                "issuer": origin,
                "authorization_endpoint": f"{origin}/authorize",
                "token_endpoint": f"{origin}/token",
                "registration_endpoint": f"{origin}/register",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
            }
        ),
        REGISTER: deployment.register,
    }
    for path in ("/mcp", "/mcp/acme/mcp"):
        metadata = f"/.well-known/oauth-protected-resource{path}"
        challenge = f'Bearer resource_metadata="{origin}{metadata}", scope="mcp.connect skills.read"'
        found[f"POST {path}"] = Reply(401, {"error": "missing_bearer_token"}, {"WWW-Authenticate": challenge})
        content = {"resource": origin + path, "authorization_servers": [origin], "scopes_supported": ["links.read"]}
        found[f"GET {metadata}"] = Reply(content=content)
    return found


@contextlib.contextmanager
def running() -> Iterator[Deployment]:
    """Run a sound deployment for as long as the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    deployment = Deployment(f"http://127.0.0.1:{server.server_port}")
    deployment.answers = _sound(deployment)
    server.deployment = deployment  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield deployment
    finally:
        deployment.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
