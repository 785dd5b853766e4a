"""The two probes at the door: `/livez`, the process answers, whatever its database and its pages are doing; `/readyz`,
traffic may be sent here, which pages that all wait for the database must not hold up."""

from collections.abc import Sequence

from authserver.door.http import NO_STORE, Request, Response, no_store
from authserver.door.thread_lines import ThreadLine
from authserver.services.operations import readiness
from authserver.services.operations.readiness import Readiness

ALIVE = Response(200, b'{"status": "ok"}', NO_STORE)


def read(request: Request) -> Response | None:
    """Return the answer to a GET; anything else is Django's."""
    return ALIVE if request.method in ("GET", "HEAD") else None


def act(requests: Sequence[Request]) -> list[Response]:
    return [ALIVE] * len(requests)


def line_of(request: Request, before: Response | None) -> None:
    """Nobody waits."""


def told(request: Request, response: Response) -> Response:
    return response


# --- Ready


def read_ready(request: Request) -> Request | None:
    return request if request.method in ("GET", "HEAD") else None


def act_ready(requests: Sequence[Request]) -> list[Readiness]:
    return [readiness.look()] * len(requests)


def told_ready(request: Request, found: Readiness) -> Response:
    return no_store(found.body(), status=200 if found.is_ready else 503)


ready_line: ThreadLine[Request, Readiness] = ThreadLine("readiness", act_ready, is_repeatable=True)
