"""Everything that is not the door's: Django, behind a bridge from ASGI to WSGI with threads of its own."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from authserver import policy
from authserver.door.http import RETRY_AFTER_SECONDS, Response, too_many, unavailable
from authserver.protocol import addresses
from authserver.services.operations import clocks
from authserver.telemetry import counts

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
FULL_REASON = "pages:full"
FULL = unavailable(FULL_REASON)
CLOCK_REASON = "pages:clock"
CLOCK_IS_OFF = unavailable(CLOCK_REASON)
TIMELESS = ("/livez", "/readyz", "/metrics", "/static/")
TOO_MANY = too_many({"Retry-After": str(RETRY_AFTER_SECONDS)})
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(eq=False)
class Share:
    """What one caller has of the places and threads: a flood from one address leaves others theirs."""

    requests: int = 0  # those that are not whole yet among them
    large: int = 0  # of these, with a large body
    inside: int = 0
    threads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(policy.PAGE_THREADS_OF_CALLER))


class Pages:
    """Django as an ASGI application. A place and a thread are taken only once the request is there to its end: whoever
    sends the head of many and waits takes none from others."""

    def __init__(self, *, at_end: Callable[[], None] = lambda: None) -> None:
        """`at_end` is called once the last answer was given, where the server says so (ASGI's lifespan)."""
        self._at_end = at_end
        django: Any = get_wsgi_application()
        self._bridge: Any = WSGIMiddleware(django, workers=policy.PAGE_THREADS)
        self._inside = self._large = 0
        self._shares: dict[str, Share] = {}  # of those who are here
        counts.waiting["pages"] = lambda: self._inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._take(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        """uvicorn ends by the signal that it was told to stop with: nothing else of this process runs after this."""
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._at_end)
        await send({"type": "lifespan.shutdown.complete"})

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not clocks.is_right() and not scope["path"].startswith(TIMELESS):
            counts.UNAVAILABLE.add(CLOCK_REASON)
            await _say(CLOCK_IS_OFF, send)
            return
        caller = _caller(scope)
        share = self._shares.setdefault(caller, Share())
        share.requests += 1
        try:
            body = await self._body(receive, share)
            if isinstance(body, bytes):
                await self._admit(scope, body, send, share)
            elif body:
                await _say(body, send)
        finally:
            share.requests -= 1
            if not share.requests:
                del self._shares[caller]

    async def _body(self, receive: Receive, share: Share) -> bytes | Response | None:
        """Return the whole body, None where the caller has gone, or what is said where too many are large. What is
        beyond policy.PAGE_BODY_BYTES_MAX is cut off: Django refuses it for its length."""
        parts, length, is_large = list[bytes](), 0, False
        try:
            while (message := await receive())["type"] == "http.request":
                if length <= policy.PAGE_BODY_BYTES_MAX:
                    parts.append(bytes(message.get("body", b"")))
                    length += len(parts[-1])
                if length > policy.PAGE_SMALL_BODY_BYTES and not is_large:
                    if refusal := self._refusal_of_large(share):
                        return refusal
                    is_large = True
                    self._count_large(share, 1)
                if not message.get("more_body"):
                    return b"".join(parts)[: policy.PAGE_BODY_BYTES_MAX + 1]
            return None
        finally:
            if is_large:
                self._count_large(share, -1)

    def _refusal_of_large(self, share: Share) -> Response | None:
        if share.large >= policy.PAGE_LARGE_BODIES_OF_CALLER:
            return TOO_MANY
        if self._large < policy.PAGE_LARGE_BODIES_MAX:
            return None
        counts.UNAVAILABLE.add(FULL_REASON)
        return FULL

    def _count_large(self, share: Share, by: int) -> None:
        self._large += by
        share.large += by

    async def _admit(self, scope: Scope, body: bytes, send: Send, share: Share) -> None:
        if self._inside >= policy.PAGES_WAITING_MAX:
            counts.UNAVAILABLE.add(FULL_REASON)
            await _say(FULL, send)
            return
        if share.inside >= policy.PAGES_OF_CALLER_WAITING_MAX:
            await _say(TOO_MANY, send)
            return
        self._inside += 1
        share.inside += 1
        try:
            await self._answer(scope, body, send, share)
        finally:
            self._inside -= 1
            share.inside -= 1

    async def _answer(self, scope: Scope, body: bytes, send: Send, share: Share) -> None:
        async def whole() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async with share.threads:
            await self._bridge(_tidied(scope, len(body)), whole, send)


async def _say(answer: Response, send: Send) -> None:
    lines = [line.partition(b": ") for line in answer.headers.split(b"\r\n") if line]
    headers = [(name, value) for name, _, value in lines] + [(b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _caller(scope: Scope) -> str:
    """Return what the caller counts as, as the middleware sees it."""
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    direct = scope["client"][0] if scope.get("client") else ""
    told = b",".join(forwarded).decode("latin-1")
    return addresses.counted(addresses.of_caller(direct, told, proxies=settings.ALLAUTH_TRUSTED_PROXY_COUNT) or "")


def _tidied(scope: Scope, length: int) -> Scope:
    """Return the scope as WSGI can carry it: printable ASCII in the query; no header whose name would be taken for
    another's (`X_Forwarded_For` and `X-Forwarded-For` are one in WSGI); the length of a body that came in pieces."""
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    if length and not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", b"%d" % length))
    query = quote(scope["query_string"], safe=PRINTABLE).encode()
    return {**scope, "headers": headers, "query_string": query}
