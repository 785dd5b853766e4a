"""Requests and answers at the door, over ASGI: the whole body first, bounded in size and time, so that a slow client
holds neither a thread nor a statement."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from authserver import policy
from authserver.protocol.errors import Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON = (b"content-type", b"application/json")
NO_STORE = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin")]
if settings.SECURE_HSTS_SECONDS:
    ALWAYS.append(
        (b"strict-transport-security", b"max-age=%d; includeSubDomains; preload" % settings.SECURE_HSTS_SECONDS)
    )
RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read to its end. Header names are in lower case, each with its one value."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    address: str
    id: str
    body: bytes = field(repr=False)

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the door. The body may carry secrets."""

    status: int
    body: bytes = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = ()


Desk = Callable[[Request], Awaitable[Response | None]]  # None: Django's to answer


def no_store(body: object, *, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    """Return a JSON answer that nobody may keep (RFC 6749 §5.1), as `views.responses.no_store` does."""
    return Response(status, json.dumps(body).encode(), (JSON, *NO_STORE, *headers))


def refused(refusal: Refusal, *, challenge: str = "") -> Response:
    """Return the public half of a refusal; `challenge` goes with a 401."""
    headers = ((b"www-authenticate", challenge.encode()),) if challenge and refusal.status == 401 else ()
    return no_store(refusal.body(), status=refusal.status, headers=headers)


def unavailable(reason: str) -> Response:
    """Return 503 with the time after which to ask again: there is too much to do, or no database. Never a guess."""
    refusal = Refusal("temporarily_unavailable", "This server cannot answer now. Ask again in a moment.", reason)
    return no_store(refusal.body(), status=503, headers=((b"retry-after", b"%d" % RETRY_AFTER_SECONDS),))


async def read(scope: Scope, receive: Receive) -> bytes | None:
    """Return the whole body, or None where the caller has gone. What is beyond policy.BODY_BYTES_MAX is cut off:
    whoever reads it refuses it for its length. Raises TimeoutError after policy.BODY_SECONDS_MAX."""
    if scope["method"] in ("GET", "HEAD"):
        return b""
    parts, length = [], 0
    async with asyncio.timeout(policy.BODY_SECONDS_MAX):
        while (message := await receive())["type"] == "http.request":
            part = message.get("body", b"")
            if part and length <= policy.BODY_BYTES_MAX:
                parts.append(part)
                length += len(part)
            if not message.get("more_body"):
                return b"".join(parts)[: policy.BODY_BYTES_MAX + 1]
    return None


async def answer(send: Send, response: Response, request_id: str) -> None:
    headers = [*response.headers, *ALWAYS, (b"x-request-id", request_id.encode())]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
