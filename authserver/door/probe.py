"""`/livez` at the door: the process answers, whatever its database and its pages are doing."""

from collections.abc import Sequence

from authserver.door.http import NO_STORE, Request, Response

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
