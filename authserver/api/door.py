"""What every operation shares: how it reads, how it answers, how it says no, and whose handle it may look at."""

import json
from collections.abc import Iterator
from math import ceil
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404
from rest_framework.exceptions import (
    APIException,
    MethodNotAllowed,
    ParseError,
    Throttled,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from authserver import policy, throttles
from authserver.models import Connection
from authserver.protocol.control.problems import MEDIA_TYPE, Kind, Problem, Stopped
from authserver.protocol.errors import Refusal
from authserver.services.events import current_request
from handles import access
from handles.access import Seat
from handles.roles import Role, at_least

Done = TypeVar("Done")
PROBLEMS = {"access_denied": Kind.FORBIDDEN, "conflict": Kind.CONFLICT, "not_found": Kind.NOT_FOUND}
METHODS = ["get", "post", "put", "patch", "delete", "head"]


class Json(JSONRenderer):
    """ASCII only: whatever a text holds, it can be written."""

    ensure_ascii = True


class OnlyJson(DefaultContentNegotiation):
    """Answers JSON whatever is accepted: there is no other form."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class StrictJson(BaseParser):
    """Reads JSON of bounded size (RFC 8259): no member twice, no NaN, nothing that is nested or numbered to death."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> object:
        raw = stream.read(policy.API_BODY_BYTES_MAX + 1)
        if len(raw) > policy.API_BODY_BYTES_MAX:
            raise RequestDataTooBig
        try:
            return json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ParseError from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member comes twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError("not a number")


class Door(APIView):
    """One address of the API. A view states who may come in its first four lines, and in `scopes` what a token needs
    for each method."""

    renderer_classes = [Json]
    content_negotiation_class = OnlyJson
    metadata_class = None
    http_method_names = METHODS

    def handle_exception(self, exc: Exception) -> Response:
        problem = problem_of(exc)
        if problem is None:
            raise exc  # handler500 answers it, with nothing of the cause
        response = answer(problem)
        response.exception = True
        return response

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        finished = super().finalize_response(request, response, *args, **kwargs)
        finished["Cache-Control"] = "no-store"
        return throttles.told_by(request, finished)


def answer(problem: Problem) -> Response:
    body = problem.body(issuer=settings.ISSUER, instance=current_request.get().request_id)
    return Response(body, status=problem.kind.status, headers=problem.headers, content_type=MEDIA_TYPE)


FRAMEWORK: tuple[tuple[type[Exception], Kind, str], ...] = (
    (Http404, Kind.NOT_FOUND, "It does not exist, or is not yours to see."),
    (RequestDataTooBig, Kind.TOO_LARGE, f"Send at most {policy.API_BODY_BYTES_MAX} bytes."),
    (MethodNotAllowed, Kind.BAD_METHOD, ""),
    (UnsupportedMediaType, Kind.BAD_MEDIA_TYPE, "Send Content-Type: application/json."),
    (APIException, Kind.MALFORMED, "The body is not one JSON text that can be read (RFC 8259)."),
)


def problem_of(error: Exception) -> Problem | None:
    """Return the problem that an exception stands for, or None for what nobody expected."""
    if isinstance(error, Stopped):
        return error.problem
    if isinstance(error, ValidationError):
        return Problem(Kind.INVALID, fields=tuple(_fields(error.detail)))
    if isinstance(error, Throttled):
        seconds = max(ceil(error.wait or 1), 1)
        return Problem(Kind.TOO_MANY, "Wait as long as Retry-After says.", retry_after_seconds=seconds)
    return next((Problem(kind, detail) for known, kind, detail in FRAMEWORK if isinstance(error, known)), None)


def _fields(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Return a serializer's findings as pairs of a field, dotted where it lies deeper, and a sentence."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            deeper = path if name == "non_field_errors" else f"{path}.{name}".lstrip(".")
            yield from _fields(inner, deeper)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _fields(inner, path)
    else:
        yield path or "body", str(detail)


def stop(kind: Kind, detail: str = "") -> Stopped:
    return Stopped(Problem(kind, detail))


def invalid(field: str, detail: str) -> Stopped:
    return Stopped(Problem(Kind.INVALID, fields=((field, detail),)))


def done(outcome: Done | Refusal) -> Done:
    """Return what an act did; what it refused becomes a problem."""
    if isinstance(outcome, Refusal):
        raise stop(PROBLEMS[outcome.code], outcome.description)
    return outcome


# --- Whose handle


def seat_at(request: Request, slug: str, *, needed: Role = Role.MEMBER) -> Seat:
    """Return the caller's place at a handle, if their role there reaches `needed` now; to everybody else, and to a
    token of another handle, it is not there."""
    handle = access.find(slug)
    role = access.role_in(handle, request.user) if handle else None
    if handle is None or handle.slug != slug or role is None or not at_least(role, needed):
        raise Http404
    if request.auth is not None and request.auth.handle_id != handle.pk:
        raise Http404
    return Seat(handle, role)


def owned_at(request: Request, slug: str) -> Seat:
    """Return an owner's place at their handle, a suspended one too, which its owner has to reach; to everybody else,
    and to a token of another handle, it is not there."""
    handle = access.find(slug)
    seat = access.membership_of(handle, request.user) if handle else None
    if seat is None or seat.handle.slug != slug or seat.role != Role.OWNER:
        raise Http404
    if request.auth is not None and request.auth.handle_id != seat.handle.pk:
        raise Http404
    return seat


def is_admin(seat: Seat) -> bool:
    return at_least(seat.role, Role.ADMIN)


def reload(connection: Connection) -> Connection:
    """Return a connection as it stands after an act."""
    return Connection.objects.select_related("client", "handle", "user").get(pk=connection.pk)
