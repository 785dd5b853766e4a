"""A stand-in authorization server (its introspection endpoint only), credentials it knows, and the gate in process."""

import asyncio
import base64
import json
import re
import zlib
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote

import httpx2

from resourceserver.admission import Policy
from resourceserver.answers import Receive, Scope, Send
from resourceserver.endpoints import EndpointPattern, EndpointTable
from resourceserver.gate import Gate, GateSettings
from resourceserver.introspection import IntrospectionClient, current_identity
from resourceserver.limits import ToolCall
from resourceserver.sample.tools import BASELINE_SCOPES, RULES

ISSUER = "http://127.0.0.1:8000"
GATEWAY = "http://127.0.0.1:8001/mcp"
HOSTED = "http://{handle}.mcp.localhost:8001/mcp"
COMPAT = "http://127.0.0.1:8001/mcp/{handle}/mcp"
OTHER = "http://127.0.0.1:8001/other/mcp"
SECRETS = {"rs-main": "rss_main", "rs-other": "rss_other"}
NOW = 1_800_000_000
FAR_FUTURE = 4_000_000_000

T = TypeVar("T")
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = ALPHABET[rest] + digits
    return digits.rjust(width, "0")


def credential(seed: int) -> str:
    """A well-formed credential, made after the written definition and not by the code under test."""
    body = "mcpv1_" + base62(seed, 43)
    return body + base62(zlib.crc32(body.encode()), 6)


def grant(**changes: Any) -> dict[str, Any]:
    """What the authorization server says of a good credential of alice, for @acme, at the gateway."""
    return {
        "active": True,
        "scope": " ".join(BASELINE_SCOPES),
        "client_id": "client-chatgpt",
        "client_name": "ChatGPT",
        "sub": "person-alice",
        "username": "alice@example.com",
        "name": "Alice",
        "aud": GATEWAY,
        "iss": ISSUER,
        "exp": FAR_FUTURE,
        "iat": NOW - 60,
        "jti": "jti-1",
        "token_type": "Bearer",
        "handle": "acme",
        "handle_role": "owner",
        "connection_id": "connection-alice-acme",
        **changes,
    }


def bob(**changes: Any) -> dict[str, Any]:
    return grant(
        **{
            "sub": "person-bob",
            "username": "bob@example.com",
            "name": "Bob",
            "handle": "initech",
            "connection_id": "connection-bob-initech",
            **changes,
        }
    )


@dataclass
class FakeAuthorizationServer:
    """Answers introspection for the credentials in ``grants``; ``answer`` replaces every answer, ``error`` raises."""

    grants: dict[str, dict[str, Any]] = field(default_factory=dict)
    answer: httpx2.Response | None = None
    error: Exception | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    reported: list[dict[str, Any]] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)

    def add(self, seed: int, granted: dict[str, Any]) -> str:
        made = credential(seed)
        self.grants[made] = granted
        return made

    def introspect(self, authorization: str, body: str) -> tuple[int, dict[str, Any]]:
        account, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if SECRETS.get(account) != secret:
            return 401, {"error": "invalid_client"}
        token = parse_qs(body)["token"][0]
        self.asked.append((account, token))
        return 200, self.grants.get(token, {"active": False})

    def publish(self, body: bytes) -> dict[str, Any]:
        self.published.append(json.loads(body))
        return {"resources": [], "warnings": []}

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.error is not None:
            raise self.error
        if self.answer is not None:
            return self.answer
        if (request.method, request.url.path) == ("PUT", "/oauth/tools"):
            return httpx2.Response(200, json=self.publish(request.content))
        assert request.method == "POST"
        if request.url.path == "/oauth/reports":
            self.reported += json.loads(request.content)["calls"]
            return httpx2.Response(202, json={})
        status, answer = self.introspect(request.headers["authorization"], request.content.decode())
        return httpx2.Response(status, json=answer)


def handler_of(server: FakeAuthorizationServer) -> type[BaseHTTPRequestHandler]:
    """The same fake as a handler for http.server, for processes of their own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path == "/oauth/reports":
                server.reported += json.loads(body)["calls"]
                status, answer = 202, {}
            else:
                status, answer = server.introspect(self.headers["Authorization"], body)
            self.answer(status, answer)

        def do_PUT(self) -> None:
            self.answer(200, server.publish(self.rfile.read(int(self.headers["Content-Length"]))))

        def answer(self, status: int, answer: dict[str, Any]) -> None:
            encoded = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def endpoints() -> EndpointTable:
    return EndpointTable(
        [
            EndpointPattern("gateway", GATEWAY, "rs-main", root_metadata=True),
            EndpointPattern("hosted", HOSTED, "rs-main", root_metadata=True),
            EndpointPattern("compat", COMPAT, "rs-main"),
            EndpointPattern("other", OTHER, "rs-other"),
        ]
    )


@dataclass
class Inner:
    """The protected application: says who it was told the caller is, remembers what reached it."""

    scopes: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    session_to_issue: str | None = None
    status: int = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["method"] == "POST":
            self.bodies.append((await receive())["body"])
        identity = current_identity()
        assert identity is scope["resourceserver.identity"]
        headers = [(b"content-type", b"application/json")]
        if self.session_to_issue is not None:
            headers.append((b"mcp-session-id", self.session_to_issue.encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        body = json.dumps({"person": identity and identity.person, "handle": identity and identity.handle})
        await send({"type": "http.response.body", "body": body.encode()})


def policy(**changes: Any) -> Policy:
    return Policy(**{"baseline_scopes": BASELINE_SCOPES, "tools": RULES, **changes})


def introspection(server: FakeAuthorizationServer, **changes: Any) -> IntrospectionClient:
    return IntrospectionClient(
        f"{ISSUER}/oauth/introspect",
        **{"issuer": ISSUER, "secrets": SECRETS, "transport": httpx2.MockTransport(server), **changes},
    )


def gate(
    server: FakeAuthorizationServer,
    inner: Any,
    *,
    settings: dict[str, Any] | None = None,
    on_tool_call: Callable[[ToolCall], None] | None = None,
    **changes: Any,
) -> Gate:
    """The gate around ``inner``; ``changes`` are changes of the policy."""
    made = GateSettings(**{"endpoints": endpoints(), "issuer": ISSUER, "policy": policy(**changes), **(settings or {})})
    return Gate(inner, made, introspection(server), on_tool_call=on_tool_call)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def challenge(self) -> dict[str, str]:
        """The members of the one Bearer challenge."""
        scheme, _, members = self.headers["www-authenticate"].partition(" ")
        assert scheme == "Bearer"
        assert members.count("Bearer ") == 0
        return {name: value.strip('"') for name, value in re.findall(r'([a-z_]+)=("[^"]*")', members)}


def http_scope(method: str, url: str, headers: list[tuple[bytes, bytes]]) -> Scope:
    """The ASGI scope a server makes of this request; nothing in ``url`` is tidied on the way."""
    host, _, rest = url.removeprefix("http://").partition("/")
    path, _, query = f"/{rest}".partition("?")
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "root_path": "",
        "query_string": query.encode("latin-1"),
        "headers": [(b"host", host.encode("latin-1")), *headers],
        "client": ("192.0.2.7", 1234),
        "server": ("127.0.0.1", 8001),
    }


async def exchange(app: Any, scope: Scope, body: bytes = b"") -> Reply:
    """Send one request to an ASGI application and return its whole answer."""
    chunks = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return chunks.pop(0) if chunks else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    assert len({name for name, _ in pairs}) == len(pairs), "a header was sent twice"
    return Reply(sent[0]["status"], dict(pairs), b"".join(message.get("body", b"") for message in sent[1:]))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own: in a full test run, Playwright's event loop occupies this one."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


def ask(
    app: Any,
    method: str = "POST",
    url: str = GATEWAY,
    *,
    bearer: str | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    """One request, synchronously. A ``body`` that is not bytes is sent as JSON."""
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    if bearer is not None:
        pairs.append((b"authorization", f"Bearer {bearer}".encode("latin-1")))
    raw = body if isinstance(body, bytes) else json.dumps(PING if body is None else body).encode()
    return run(exchange(app, http_scope(method, url, pairs), raw))


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def tool_call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
