"""The door as a protocol of uvicorn's: it reads requests as uvicorn does, and answers those of its desks itself.

A request of a desk costs no task, no ASGI messages and no thread of its own: once it is there to its end, what it asks
goes into a line, and the line writes the answer. Every other request takes uvicorn's way to Django.

What strangers may cost is bounded here too: the time a request takes to arrive, its bytes, the requests and answers
that one connection piles up.
"""

import asyncio
from collections.abc import Sized
from functools import partial
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from authserver import policy
from authserver.door import desks
from authserver.door.http import Response, plain, written

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NOTHING_MORE = b"content-length: 0\r\nconnection: close\r\n\r\n"


class Flow(FlowControl):
    """Reads on only where no request waits for its turn and the answers are read."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting and not self.write_paused:
            super().resume_reading()


class DoorProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with the desks before the application."""

    at_door: RequestResponseCycle | None = None  # the request that a desk will be asked about, not yet whole
    answering: RequestResponseCycle | None = None  # whose turn it is; `cycle` is the one that was read last
    deadline: asyncio.TimerHandle | None = None  # for the rest of a request, or for the first one
    stalled: asyncio.TimerHandle | None = None  # until then the client reads its answers, or has had its last
    is_partial = False  # a request has begun, and is not there to its end
    is_head = False  # nor its headers
    began = False  # within the bytes at hand
    bytes_since = 0  # it began
    bytes_at_hand = 0
    is_wish_denied = False  # the request at hand wishes another protocol; there is none
    method = b""  # of that request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > policy.CONNECTIONS_MAX:
            transport.close()
            return
        self.flow = Flow(self.transport, self.pipeline)
        self._expect_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        self._has_read()
        if self.answering:
            self.answering.disconnected = True
            self.answering.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, but that a wish for another protocol changes nothing."""
        self._unset_keepalive_if_required()
        self.began = False
        self.bytes_at_hand = len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            if self.is_head and self._is_head_too_large():
                self._refuse_bytes()
            else:
                self.send_400_response("This is no HTTP request.")
            return
        if not self.is_partial and (self._is_answering() or self.timeout_keep_alive_task):
            self._expect_nothing()
            return
        self._expect_more()
        self.bytes_since = 0 if self.began else self.bytes_since + len(data)
        if self.bytes_since > (policy.HEAD_BYTES_MAX if self.is_head else policy.REQUEST_BYTES_MAX):
            self._refuse_bytes()

    def _feed(self, data: bytes) -> None:
        """Have it parsed. The parser takes what follows a wish for another protocol (`Upgrade`) for that protocol's,
        body and all; we read such a request once more, without its wish."""
        rest = memoryview(data)
        while True:
            try:
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as wish:
                rest = rest[wish.args[0] :]
                self._read_again()

    def _read_again(self) -> None:
        """Parse the head at hand once more, without its wish for another protocol."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s: %s\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        self.is_wish_denied = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"%s %s HTTP/%s\r\n%s\r\n" % (self.method, self.url, version, b"".join(lines)))

    def _is_head_too_large(self) -> bool:
        """Tell it of a head that is there to its end. One that came whole among few bytes needs no look."""
        if self.began and self.bytes_at_hand <= policy.HEAD_BYTES_MAX:
            return False
        lines = sum(len(name) + len(value) + 4 for name, value in self.headers)
        return len(self.url) + lines > policy.HEAD_BYTES_MAX

    def _refuse_bytes(self) -> None:
        """Read no further. It is said why, unless other answers are due before."""
        if self.is_head:
            is_next = self.cycle is None or self.cycle.response_complete
        else:
            is_next = not self.pipeline and not self.cycle.response_started
        if is_next:
            self.transport.write(STATUS_LINE[431 if self.is_head else 413] + NOTHING_MORE)
        self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_more(self) -> None:
        """Wait for the rest of a request, and not for ever: slow clients must not use up all connections."""
        if self.deadline is None:
            self.deadline = self.loop.call_later(policy.REQUEST_SECONDS_MAX, self.timeout_keep_alive_handler)

    def _expect_nothing(self) -> None:
        if self.deadline:
            self.deadline.cancel()
            self.deadline = None

    # --- Answers that nobody reads: no more is taken in, and not for ever

    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()
        self._expect_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._has_read()
        self.flow.resume_reading()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._expect_reader()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._expect_reader()
        else:
            self.flow.resume_reading()

    def _expect_reader(self) -> None:
        if self.stalled is None and self.transport.get_write_buffer_size():  # type: ignore[attr-defined]
            self.stalled = self.loop.call_later(policy.REQUEST_SECONDS_MAX, self.transport.abort)

    def _has_read(self) -> None:
        if self.stalled:
            self.stalled.cancel()
            self.stalled = None

    # --- The parser calls these while it reads

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.is_partial = self.is_head = self.began = True

    def on_headers_complete(self) -> None:
        if self._is_head_too_large():
            raise httptools.HttpParserError("too large a head")
        self.is_head = False
        if self.parser.should_upgrade():
            self.method = self.parser.get_method()
            self.is_wish_denied = True
            if self.method == b"CONNECT":
                raise httptools.HttpParserError("this is no proxy")
            return
        if len(self.pipeline) >= policy.REQUESTS_AHEAD_MAX:
            raise httptools.HttpParserError("too many requests ahead of their answers")
        super().on_headers_complete()
        self.headers = []  # what comes after a body in pieces is no header of the request (RFC 9110 §6.5.1)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Called once the headers are there, or when a pipelined request has its turn."""
        self.answering = cycle
        if app is not self.app or cycle.scope["path"] not in desks.DESKS:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self.at_door = cycle
            if cycle.waiting_for_100_continue:
                self.transport.write(CONTINUE)
                cycle.waiting_for_100_continue = False
        else:  # it waited behind others; not at once, or a thousand of them would be a thousand calls deep
            self.loop.call_soon(self._ask, cycle)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self.at_door is self.cycle and len(self.cycle.body) > HIGH_WATER_LIMIT:  # no desk takes as much
            self._pass_on(self.cycle)

    def on_message_complete(self) -> None:
        self.is_partial = False
        if self.is_wish_denied:
            return
        super().on_message_complete()
        if self.at_door is not None and self.at_door is self.cycle:
            self._ask(self.cycle)

    # --- and this is ours

    def _ask(self, cycle: RequestResponseCycle) -> None:
        self.at_door = None
        request = plain(cycle.scope, bytes(cycle.body))
        if request is None or not desks.ask(request, partial(self._answer, cycle)):
            self._pass_on(cycle)

    def _pass_on(self, cycle: RequestResponseCycle) -> None:
        self.at_door = None
        super()._start_asgi_task(cycle, self.app)

    def _answer(self, cycle: RequestResponseCycle, response: Response, request_id: str) -> None:
        """Write the answer, whole, in one piece."""
        if cycle.disconnected or self.transport.is_closing():
            return
        if response.is_lost:
            self.transport.close()
            return
        cycle.response_started = cycle.response_complete = True
        head = STATUS_LINE[response.status] + written(response, request_id, is_last=not cycle.keep_alive)
        self.transport.write(head if cycle.scope["method"] == "HEAD" else head + response.body)
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
