"""The desks of the door, by the path they answer."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from authserver.door import http, introspection
from authserver.door.http import Request, Response
from authserver.door.lines import Line, Unavailable

log = logging.getLogger(__name__)
Tell = Callable[[Response, str], None]  # an answer, and the id of its request


@dataclass(frozen=True)
class Desk:
    """One endpoint at the door. `read` returns what a request asks, or None where it is Django's to answer; `act`
    answers several that ask, in their order; `line` is where they wait for it; `told` makes the answer."""

    read: Callable[[Request], Any]
    act: Callable[[Sequence[Any]], Sequence[Any]]
    line: Line[Any, Any]
    told: Callable[[Request, Any], Response]


DESKS: Mapping[str, Desk] = {
    "/oauth/introspect": Desk(
        read=introspection.read, act=introspection.act, line=introspection.line, told=introspection.told
    ),
}


def ask(request: Request, tell: Tell) -> bool:
    """Put what a request asks into its desk's line; `tell` is called with the answer. False: Django's to answer."""
    desk = DESKS[request.path]
    asked = desk.read(request)
    if asked is None:
        return False
    desk.line.ask(asked, lambda outcome: tell(_answer(desk, request, outcome), request.id))
    return True


def _answer(desk: Desk, request: Request, outcome: Any) -> Response:
    """Return the answer. Nothing is raised: others are told by the same loop."""
    if isinstance(outcome, Unavailable):
        return http.unavailable(str(outcome))
    try:
        if isinstance(outcome, Exception):
            raise outcome
        return desk.told(request, outcome)
    except Exception as error:  # what the line met is logged by the line, with its place
        log.error("%s failed: %s", request.path, type(error).__name__)
        return http.no_store({"error": "server_error", "error_description": "Something failed here."}, status=500)
