"""``tools/list`` without the tools that are withheld from the caller.

A server may ask ``visible`` itself. For those that cannot be changed the gate takes withheld tools out of the answer on
its way, JSON or SSE. It does so to the answer of a POST that asked for the list and to nothing else: what the older SSE
transport sends on its one long stream, and what a client fetches again with ``Last-Event-ID``, goes as the server wrote
it. Nothing depends on it: a call of a withheld tool is refused, listed or not.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from resourceserver.answers import Message, Send
from resourceserver.introspection import Identity

LIST_BYTES_MAX = 4 * 1024 * 1024
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class Named(Protocol):
    """A tool of any SDK."""

    name: str


N = TypeVar("N", bound=Named)


def visible(tools: Iterable[N], identity: Identity | None) -> list[N]:
    """Return the tools that this caller may see, in their order; all of them where no credential was needed."""
    hidden = identity.withheld_tools if identity is not None else frozenset()
    return [tool for tool in tools if tool.name not in hidden]


class FilteredList:
    """The ``send`` of a request for the list of tools: ``hidden`` ones are taken out."""

    def __init__(self, send: Send, hidden: frozenset[str]) -> None:
        self._send = send
        self._hidden = hidden
        self._start: Message | None = None
        self._body = b""
        self._kind = ""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body" and self._kind == "json":
            await self._json(message)
        elif message["type"] == "http.response.body" and self._kind == "events":
            await self._events(message)
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        headers = {name.lower(): value for name, value in message.get("headers", ())}
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if b"content-encoding" not in headers and message["status"] == 200:
            self._kind = {b"application/json": "json", b"text/event-stream": "events"}.get(kind, "")
        if self._kind == "json":
            self._start = message  # held back until the length is known
        else:
            await self._send(message)

    async def _json(self, message: Message) -> None:
        self._body += message.get("body", b"")
        if message.get("more_body", False) and len(self._body) <= LIST_BYTES_MAX:
            return
        if self._start is not None:
            await self._send(self._filtered_start(is_whole=not message.get("more_body", False)))
        body, self._body = self._body, b""
        await self._send({**message, "body": body})

    def _filtered_start(self, *, is_whole: bool) -> Message:
        """Return the start of a JSON answer, its body filtered and its length put right. One too long to hold goes as
        it is."""
        assert self._start is not None
        start, self._start = self._start, None
        self._kind = self._kind if is_whole else ""
        if not is_whole:
            return start
        self._body = self._without(self._body)
        headers = [pair for pair in start.get("headers", ()) if pair[0].lower() != b"content-length"]
        return {**start, "headers": [*headers, (b"content-length", str(len(self._body)).encode())]}

    async def _events(self, message: Message) -> None:
        self._body += message.get("body", b"")
        done = b""
        while found := _EVENT_END.search(self._body):
            done += self._event(self._body[: found.start()], line_end=found[0][: len(found[0]) // 2]) + found[0]
            self._body = self._body[found.end() :]
        if not message.get("more_body", False) or len(self._body) > LIST_BYTES_MAX:
            done, self._body = done + self._body, b""
        if done or not message.get("more_body", False):
            await self._send({**message, "body": done})

    def _event(self, event: bytes, *, line_end: bytes) -> bytes:
        lines = event.splitlines()
        data = [line.partition(b":")[2].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        filtered = self._without(b"\n".join(data))
        if not data or filtered == b"\n".join(data):
            return event
        kept = [line for line in lines if not line.startswith(b"data:")]
        return line_end.join([*kept, b"data: " + filtered])

    def _without(self, text: bytes) -> bytes:
        """Return a JSON-RPC message, or a batch, without the hidden tools; anything else as it is."""
        try:
            decoded = json.loads(text)
        except (ValueError, RecursionError):
            return text
        messages = decoded if isinstance(decoded, list) else [decoded]
        changed = [self._clean(message) for message in messages]
        return json.dumps(decoded, separators=(",", ":")).encode() if any(changed) else text

    def _clean(self, message: Any) -> bool:
        """Take the hidden tools out of one answer; return whether it was one."""
        result = message.get("result") if isinstance(message, dict) else None
        if not isinstance(result, dict) or not isinstance(result.get("tools"), list):
            return False
        result["tools"] = [
            tool for tool in result["tools"] if not isinstance(tool, dict) or tool.get("name") not in self._hidden
        ]
        if "cacheScope" in result:
            result["cacheScope"] = "private"
        return True
