"""The desks of the door, by the path they answer."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from authserver.door import http, introspection
from authserver.door.http import Request, Response
from authserver.door.lines import Line, Unavailable

log = logging.getLogger(__name__)
Tell = Callable[[Response, str], None]  # an answer, and the id of its request


class Desk:
    """One endpoint at the door: how a request is read (None: Django's to answer), where it waits, how it is told."""

    def __init__(
        self, read: Callable[[Request], Any], line: Line[Any, Any], told: Callable[[Request, Any], Response]
    ) -> None:
        self.read, self.line, self.told = read, line, told


DESKS: Mapping[str, Desk] = {
    "/oauth/introspect": Desk(introspection.read, introspection.line, introspection.told),
}


def ask(request: Request, tell: Tell) -> bool:
    """Put what a request asks into its desk's line; `tell` is called with the answer. False: Django's to answer."""
    desk = DESKS[request.path]
    asked = desk.read(request)
    if asked is None:
        return False

    def outcome(found: Any) -> None:
        tell(_answer(desk, request, found), request.id)

    desk.line.ask(asked, outcome)
    return True


def _answer(desk: Desk, request: Request, found: Any) -> Response:
    if isinstance(found, Unavailable):
        return http.unavailable(str(found))
    if isinstance(found, Exception):  # logged by the line, with its place
        log.error("%s failed: %s", request.path, type(found).__name__)
        return http.no_store({"error": "server_error", "error_description": "Something failed here."}, status=500)
    return desk.told(request, found)
