"""The door as a protocol of uvicorn's: it reads requests as uvicorn does, and answers those of its desks itself.

A request of a desk costs no task, no ASGI messages and no thread of its own: once it is there to its end, what it asks
goes into a line, and the line writes the answer. Every other request takes uvicorn's way to Django.
"""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from authserver import policy
from authserver.door import desks
from authserver.door.http import Response, plain, written


class DoorProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with the desks before the application."""

    at_door: RequestResponseCycle | None = None  # the request that a desk will be asked about, not yet whole
    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._expect_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.deadline and self._is_whole():
            self._expect_nothing()
        elif not self.deadline and not self._is_whole():
            self._expect_more()

    def _is_whole(self) -> bool:
        """Tell whether no part of a request is missing."""
        return self.cycle is not None and not self.cycle.more_body

    def _expect_more(self) -> None:
        """Wait for the rest of a request, and not for ever: slow clients must not use up all connections."""
        self.deadline = self.loop.call_later(policy.REQUEST_SECONDS_MAX, self.timeout_keep_alive_handler)

    def _expect_nothing(self) -> None:
        if self.deadline:
            self.deadline.cancel()
            self.deadline = None

    # --- uvicorn calls these while it reads

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Called once the headers are there, or when a pipelined request has its turn."""
        if app is not self.app or cycle.scope["path"] not in desks.DESKS or cycle.waiting_for_100_continue:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self.at_door = cycle
        else:  # it waited behind others; not at once, or a thousand of them would be a thousand calls deep
            self.loop.call_soon(self._ask, cycle)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self.at_door is self.cycle and len(self.cycle.body) > HIGH_WATER_LIMIT:  # no desk takes as much
            self._pass_on(self.cycle)

    def on_message_complete(self) -> None:
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
        cycle.response_started = cycle.response_complete = True
        head = STATUS_LINE[response.status] + written(response, request_id, is_last=not cycle.keep_alive)
        self.transport.write(head if cycle.scope["method"] == "HEAD" else head + response.body)
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
