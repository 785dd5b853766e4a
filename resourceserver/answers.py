"""Small ASGI answers, and reading a request: headers, query, body."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from resourceserver.challenges import Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

Headers = tuple[tuple[str, str], ...]
PARSE_ERROR = -32700


class ClientGone(Exception):
    """The client hung up before its request was complete; there is nobody to answer."""


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes = b""
    headers: Headers = ()

    def having(self, headers: Headers) -> "Answer":
        """Return the same answer with more headers."""
        return replace(self, headers=(*self.headers, *headers))

    async def send(self, scope: Scope, send: Send) -> None:
        """Send it; a HEAD request gets the headers only (RFC 9110 §9.3.2)."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        headers.append((b"content-length", str(len(self.body)).encode()))
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def json_answer(status: int, body: bytes, headers: Headers = ()) -> Answer:
    """Return a JSON answer; nothing of it may be stored unless ``headers`` say otherwise."""
    names = {name.lower() for name, _ in headers}
    defaults = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
    kept = tuple((name, value) for name, value in defaults if name.lower() not in names)
    return Answer(status, body, (*kept, *headers))


def refusal_answer(refusal: Refusal, about: str = "") -> Answer:
    """Return the answer that carries a refusal, and the address of the page ``about`` it if there is one."""
    return json_answer(refusal.status, refusal.body(about), refusal.headers)


def parse_error_answer(refusal: Refusal, about: str = "") -> Answer:
    """Return the answer to a body that cannot be read: a JSON-RPC error without a request id (JSON-RPC 2.0 §5.1: the
    id could not be read)."""
    error = {"code": PARSE_ERROR, "message": "Parse error"} | ({"data": {"error_uri": about}} if about else {})
    return json_answer(refusal.status, json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode())


@dataclass(frozen=True)
class RequestView:
    """The parts of an HTTP request that the gate judges."""

    method: str
    path: str
    headers: Mapping[str, tuple[str, ...]]
    query: Mapping[str, tuple[str, ...]]
    peer: str

    def header(self, name: str) -> str | None:
        """Return the first value of a header (lower-case name), or None."""
        values = self.headers.get(name)
        return values[0] if values else None

    def caller(self, trusted_proxy_count: int) -> str:
        """Return the caller's address as the outermost of so many proxies of our own told it, or the peer's."""
        if trusted_proxy_count <= 0:
            return self.peer
        values = ",".join(self.headers.get("x-forwarded-for", ())).split(",")
        return values[max(0, len(values) - trusted_proxy_count)].strip() if any(values) else self.peer

    @classmethod
    def of(cls, scope: Scope) -> "RequestView":
        """Read an ASGI scope. The path is the raw one, so that %2F and %61 never turn into something that routes."""
        headers = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"])
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.split(b"?", 1)[0].decode("latin-1")
        peer = (scope.get("client") or ("",))[0]
        return cls(scope["method"], path, _grouped(headers), _grouped(query), peer)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        groups[name] = (*groups.get(name, ()), value)
    return groups


async def read_body(receive: Receive, *, limit_bytes: int) -> bytes | None:
    """Return the request body, or None when it is larger than ``limit_bytes``. Raises ClientGone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > limit_bytes:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives ``body`` once and then whatever ``receive`` gives (a disconnect)."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again
