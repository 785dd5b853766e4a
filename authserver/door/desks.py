"""The desks of the door, by the path they answer."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from authserver.door import guesses, http, introspection, metadata, probe, registration, tokens
from authserver.door.guesses import Guessing, Place
from authserver.door.http import RETRY_AFTER_SECONDS, Request, Response
from authserver.door.lines import Line, TooMany, Unavailable
from authserver.protocol.trace.steps import Kind
from authserver.services.operations import clocks
from authserver.services.trace import note
from authserver.telemetry import counts, spans

log = logging.getLogger(__name__)
CLOCK_IS_OFF = Unavailable("clock:off")
Tell = Callable[[Response, str], None]  # an answer, and the id of its request


@dataclass(frozen=True)
class Desk:
    """One endpoint at the door. `read` returns what a request asks, or the answer where that is known already, or None
    where it is Django's; `act` answers several that ask, in their order; `line` is where one waits for it, given what
    came of it before (None at first), or None where that is the outcome; `told` makes the answer; every answer has the
    `headers`. `kind` is of the step that a request there is, where steps are noted; `guessing` tells guesses, where
    there is something to guess; `is_timeless` says that nothing there is judged by a clock."""

    read: Callable[[Request], Any]
    act: Callable[[Sequence[Any]], Sequence[Any]]
    line: Callable[[Any, Any], Line[Any, Any] | None]
    told: Callable[[Request, Any], Response]
    headers: bytes = b""
    kind: Kind | None = None
    guessing: Guessing | None = None
    is_timeless: bool = False


def at_first(line: Line[Any, Any]) -> Callable[[Any, Any], Line[Any, Any] | None]:
    """Return the rule of a desk with one line, whose outcome is the last word."""
    return lambda _asked, before: line if before is None else None


DESKS: Mapping[str, Desk] = {
    "/oauth/introspect": Desk(
        introspection.read,
        introspection.act,
        at_first(introspection.line),
        introspection.told,
        guessing=introspection.guessing,
    ),
    "/oauth/token": Desk(
        tokens.read, tokens.act, tokens.line_of, tokens.told, http.CORS, Kind.TOKEN, guessing=tokens.guessing
    ),
    "/oauth/register": Desk(
        registration.read,
        registration.act,
        at_first(registration.line),
        registration.told,
        http.CORS,
        Kind.REGISTRATION,
    ),
    "/.well-known/oauth-authorization-server": Desk(
        metadata.read, metadata.act, at_first(metadata.line), metadata.told, http.CORS, Kind.SERVER_METADATA
    ),
    "/livez": Desk(probe.read, probe.act, probe.line_of, probe.told, is_timeless=True),
    "/readyz": Desk(probe.read_ready, probe.act_ready, at_first(probe.ready_line), probe.told_ready, is_timeless=True),
}


def ask(request: Request, tell: Tell) -> bool:
    """Put what a request asks into its desk's line; `tell` is called with the answer. False: Django's to answer."""
    return ask_at(DESKS[request.path], request, tell)


def ask_at(desk: Desk, request: Request, tell: Tell) -> bool:
    """Do as `ask`, at this desk."""
    began = time.monotonic()
    asked = desk.read(request)
    if asked is None:
        return False

    def outcome(found: Any) -> None:
        line = None if isinstance(found, Exception | Response) else _line(desk, request, asked, found)
        if line:
            line.ask(asked, outcome)
            return
        if desk.guessing and desk.guessing.is_one(found):
            guesses.note(desk.guessing, request, asked)
        answer = found if isinstance(found, Response) else _answer(desk, request, found)
        took = time.monotonic() - began
        counts.REQUESTS.note(("door", request.path, counts.STATUSES[answer.status // 100]), took)
        if spans.is_on:
            spans.after(request.path, request.header(b"traceparent"), status=answer.status, took=took)
        tell(replace(answer, headers=answer.headers + desk.headers) if desk.headers else answer, request.id)

    known = asked if isinstance(asked, Response) else None
    outcome(known if desk.is_timeless or clocks.is_right() else CLOCK_IS_OFF)
    return True


def _line(desk: Desk, request: Request, asked: Any, before: Any) -> Line[Any, Any] | Place | None:
    aside = guesses.place_for(desk.guessing, request, asked) if desk.guessing and before is None else None
    return aside or desk.line(asked, before)


def _answer(desk: Desk, request: Request, outcome: Any) -> Response:
    """Return the answer. Nothing is raised: others are told by the same loop."""
    if isinstance(outcome, TooMany):
        return _failed(desk, request, http.too_many({"Retry-After": str(RETRY_AFTER_SECONDS)}), "door:too_many")
    if isinstance(outcome, Unavailable):
        counts.UNAVAILABLE.add(str(outcome))
        # The reason is the name of a line and what is wrong with it.
        return _failed(desk, request, http.unavailable(str(outcome)), f"door:{str(outcome).rpartition(':')[2]}")
    try:
        if isinstance(outcome, Exception):
            raise outcome
        return desk.told(request, outcome)
    except Exception as error:  # what the line met is logged by the line, with its place
        log.error("%s failed: %s", request.path, type(error).__name__, extra={"request_id": request.id})
        failed = http.no_store({"error": "server_error", "error_description": "Something failed here."}, status=500)
        return _failed(desk, request, failed, "door:failed")


def _failed(desk: Desk, request: Request, answer: Response, code: str) -> Response:
    """Return the answer, and where to read of it; note the step, where the desk's are noted."""
    if desk.kind is None:
        return answer
    note(desk.kind, ok=False, code=code, facts=http.facts_of(request))
    return http.explained(answer, request)
