"""What a request takes along to the authorization server: its id, and its place in a trace (W3C Trace Context).

The id is the proxy's or the client's ``X-Request-Id`` where it has the form of one, else a new one. It is on the
answer, in the audit log, and in the authorization server's log and events. A ``traceparent`` goes on as it came; with a
``tracer``, each request to an endpoint is a span, and what goes on names that.
"""

import random
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Protocol

from resourceserver.answers import Message, RequestView, Send

_ID = re.compile(r"[A-Za-z0-9-]{8,36}")
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_NOTHING: Mapping[str, str] = {}

headers_onward: ContextVar[Mapping[str, str]] = ContextVar("headers_onward", default=_NOTHING)


class Span(Protocol):
    """A request that is traced."""

    @property
    def traceparent(self) -> str:
        """What those who are asked on the way are told."""

    def close(self, status: int) -> None:
        """Say what came of it."""


class Tracer(Protocol):
    """Makes spans: ``resourceserver.telemetry.spans``, or one of your own."""

    def during(self, method: str, endpoint: str, traceparent: str) -> AbstractContextManager[Span]:
        """Return the span of a request, the current one inside the ``with``."""


def of(request: RequestView) -> dict[str, str]:
    """Return the headers that go on with this request."""
    trace = request.header("traceparent") or ""
    return {"X-Request-Id": id_of(request)} | ({"traceparent": trace} if _TRACE.fullmatch(trace) else {})


def id_of(request: RequestView) -> str:
    """Return the id of a request: a proxy's ``X-Request-Id`` where it has the form of one, else a new one. It names a
    request and protects nothing, so chance of the quick kind will do."""
    given = request.header("x-request-id") or ""
    return given if _ID.fullmatch(given) else f"{random.getrandbits(128):032x}"  # noqa: S311


def request_id() -> str:
    """Return the id of the request that is being served, or ""."""
    return headers_onward.get().get("X-Request-Id", "")


class MarkedSend:
    """The ``send`` of a request: puts its id on the answer, and learns the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self._id, self.status = send, request_id, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"x-request-id"]
            message = {**message, "headers": [*headers, (b"x-request-id", self._id.encode())]}
        await self._send(message)
