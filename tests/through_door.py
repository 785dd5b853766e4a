"""Django's test client, as far as a desk of the door takes its requests: they go through the desk, on the test's own
thread and database connection, and the test sees what was written to the wire. `TEST_DOOR=1` (tests/tiers.py) has it
so; what no desk takes goes to Django's view, as in life."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test.client import ClientHandler

from authserver.door import desks, http
from authserver.door.http import Request, Response

IS_ON = os.environ.get("TEST_DOOR", "0") not in ("", "0")
BODY_BYTES_MAX = 65_536  # beyond, no desk is asked (authserver/door/protocol.py)
taken: Counter[str] = Counter()  # requests that a desk answered, by path


@contextmanager
def opened() -> Iterator[None]:
    """Let every test client inside the `with` go through the door."""
    to_django = ClientHandler.get_response

    def get_response(handler: ClientHandler, request: HttpRequest) -> Any:
        return answer(request) or to_django(handler, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClientHandler, "get_response", get_response)
        yield


def answer(request: HttpRequest) -> HttpResponse | None:
    """Return what the door answers, or None where it is Django's to answer."""
    length = str(request.META.get("CONTENT_LENGTH") or 0)
    if request.path not in desks.DESKS or not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        return None
    plain = http.plain(scope_of(request), request.body)
    told: list[tuple[Response, str]] = []
    if plain is None or not ask(plain, lambda *answered: told.append(answered)):
        return None
    taken[request.path] += 1
    [(response, request_id)] = told
    return received(response, request_id)


def ask(request: Request, tell: desks.Tell) -> bool:
    """Ask as the door does, but that whoever would wait in a line is answered here and now, by what the line calls."""
    desk = desks.DESKS[request.path]

    class AtOnce:
        def ask(self, asked: Any, outcome: Any) -> None:
            [found] = desk.act([asked])
            outcome(found)

    def line(asked: Any, before: Any) -> Any:
        return AtOnce() if before is None else None

    def read(request: Request) -> Any:
        asked = desk.read(request)  # an answer that is kept for a moment is made anew: no test waits for it to pass
        return request if isinstance(asked, Response) else asked

    return desks.ask_at(replace(desk, line=line, read=read, guessing=None), request, tell)


def scope_of(request: HttpRequest) -> dict[str, Any]:
    """Return the request as the server would have handed it to the door."""
    meta = request.META
    headers = [
        (name.lower().encode(), str(value).encode("latin-1"))
        for name, value in request.headers.items()
        if value or name not in ("Content-Type", "Content-Length", "Cookie")
    ]
    if not any(name == b"host" for name, _ in headers):
        headers.append((b"host", meta["SERVER_NAME"].encode()))
    return {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "query_string": meta.get("QUERY_STRING", "").encode(),
        "headers": headers,
        "scheme": request.scheme,
        "client": (meta.get("REMOTE_ADDR", ""), 0),
    }


def received(response: Response, request_id: str) -> HttpResponse:
    """Return the answer as read from the bytes that the door writes."""
    head = http.written(response, request_id, is_last=False)
    lines = head.decode("latin-1").split("\r\n")
    assert lines[-2:] == ["", ""], head
    found = HttpResponse(response.body, status=response.status)
    for name, _, value in (line.partition(": ") for line in lines[:-2]):
        found[name] = value
    assert found["Content-Length"] == str(len(response.body))
    return found
