"""The desks of the door, by the path they answer."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from authserver.door import http, introspection, metadata, registration
from authserver.door.http import Request, Response
from authserver.door.lines import Line, Unavailable

log = logging.getLogger(__name__)
Tell = Callable[[Response, str], None]  # an answer, and the id of its request


@dataclass(frozen=True)
class Desk:
    """One endpoint at the door. `read` returns what a request asks, or the answer where that is known already, or None
    where it is Django's; `act` answers several that ask, in their order; `line` is where they wait for it; `told` makes
    the answer; every answer has the `headers`."""

    read: Callable[[Request], Any]
    act: Callable[[Sequence[Any]], Sequence[Any]]
    line: Line[Any, Any]
    told: Callable[[Request, Any], Response]
    headers: bytes = b""


DESKS: Mapping[str, Desk] = {
    "/oauth/introspect": Desk(
        read=introspection.read, act=introspection.act, line=introspection.line, told=introspection.told
    ),
    "/oauth/register": Desk(
        read=registration.read,
        act=registration.act,
        line=registration.line,
        told=registration.told,
        headers=http.CORS,
    ),
    "/.well-known/oauth-authorization-server": Desk(
        read=metadata.read, act=metadata.act, line=metadata.line, told=metadata.told, headers=http.CORS
    ),
}


def ask(request: Request, tell: Tell) -> bool:
    """Put what a request asks into its desk's line; `tell` is called with the answer. False: Django's to answer."""
    desk = DESKS[request.path]
    asked = desk.read(request)
    if asked is None:
        return False

    def outcome(found: Any) -> None:
        answer = found if isinstance(found, Response) else _answer(desk, request, found)
        tell(replace(answer, headers=answer.headers + desk.headers) if desk.headers else answer, request.id)

    if isinstance(asked, Response):
        outcome(asked)
    else:
        desk.line.ask(asked, outcome)
    return True


def _answer(desk: Desk, request: Request, found: Any) -> Response:
    if isinstance(found, Unavailable):
        return http.unavailable(str(found))
    if isinstance(found, Exception):  # logged by the line, with its place
        log.error("%s failed: %s", request.path, type(found).__name__)
        return http.no_store({"error": "server_error", "error_description": "Something failed here."}, status=500)
    return desk.told(request, found)
