"""One connection attempt, by the id of any of its requests. For whoever may see its page; a token sees those at its own
handle only. Its sentences are English, as all that programs read."""

from typing import Any

from django.http import Http404
from django.utils import timezone, translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from authserver.api.callers import CALLERS, MayCall
from authserver.api.door import Door, StrictJson
from authserver.protocol.control.scopes import ControlScope
from authserver.protocol.trace.steps import Kind
from authserver.services.trace import reading, words
from authserver.services.trace.reading import Read
from authserver.throttles import CallerThrottle


class StepShape(serializers.Serializer):
    """One step. `code` is why it was refused, or how it went well."""

    at = serializers.DateTimeField()
    kind = serializers.ChoiceField([kind.value for kind in Kind])
    ok = serializers.BooleanField()
    code = serializers.CharField()
    request_id = serializers.CharField()
    count = serializers.IntegerField(help_text="How often the same happened in a row.")


class AttemptShape(serializers.Serializer):
    """What became of a connection attempt, and its steps in order."""

    id = serializers.CharField()
    code = serializers.CharField(help_text="What became of it, for programs.")
    sentence = serializers.CharField()
    next_step = serializers.CharField()
    is_over = serializers.BooleanField(help_text="Nothing more is waited for.")
    is_good = serializers.BooleanField()
    client_id = serializers.CharField()
    handle = serializers.CharField()
    resource = serializers.CharField()
    began_at = serializers.DateTimeField()
    steps = StepShape(many=True)


class AttemptView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.CONNECTIONS_READ}

    @extend_schema(operation_id="get_attempt", responses=AttemptShape)
    def get(self, request: Request, attempt_id: str) -> Response:
        """Show what became of a connection attempt, by the id of one of its requests."""
        found = reading.of_request(attempt_id, viewer=request.user, now=timezone.now())  # type: ignore[arg-type]
        if found is None or (request.auth is not None and found.attempt.handles != {request.auth.handle.slug}):
            raise Http404
        with translation.override("en"):
            return Response(AttemptShape(_told(found)).data)


def _told(found: Read) -> dict[str, Any]:
    attempt, verdict = found.attempt, found.verdict
    steps = [
        {
            "at": step.at, "kind": step.kind.value, "ok": step.ok, "code": step.code, "request_id": step.request_id,
            "count": step.count,
        }
        for step in attempt.steps
    ]  # fmt: skip
    return {
        "id": attempt.id,
        "code": verdict.code,
        "sentence": words.sentence(verdict),
        "next_step": words.next_step(verdict),
        "is_over": verdict.is_over,
        "is_good": verdict.is_good,
        "client_id": attempt.client_id,
        "handle": attempt.handle,
        "resource": attempt.resource,
        "began_at": attempt.began_at,
        "steps": steps,
    }
