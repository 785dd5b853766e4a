"""Introspection at the door: many questions, one statement."""

from collections.abc import Sequence

from django.utils import timezone

from authserver import policy
from authserver.authentication import RESOURCE_SERVER_CHALLENGE
from authserver.door import http
from authserver.door.http import Request, Response
from authserver.door.lines import Line
from authserver.protocol import credentials, forms
from authserver.protocol.errors import Refusal
from authserver.services import introspection
from authserver.services.introspection import Answer, Question
from authserver.services.personal_tokens.introspection import is_one as is_personal_token

Outcome = Answer | Refusal


def act(questions: Sequence[Question]) -> list[Outcome]:
    return introspection.describe_all(questions, now=timezone.now())


line: Line[Question, Outcome] = Line("introspection", act, members_max=policy.DOOR_MEMBERS_MAX, is_repeatable=True)


def read(request: Request) -> Question | None:
    """Return the question of a well-formed POST about an MCP credential, or None (RFC 7662 §2.1)."""
    form = forms.read(request.header(b"content-type"), request.body) if request.method == "POST" else None
    asker = credentials.of_basic(request.header(b"authorization"))
    if form is None or asker is None or isinstance(form, Refusal):
        return None
    token = form.get("token")
    return None if token is None or is_personal_token(token) else Question(token, *asker)


def told(request: Request, outcome: Outcome) -> Response:
    if isinstance(outcome, Refusal):
        return http.refused(outcome, challenge=RESOURCE_SERVER_CHALLENGE)
    return http.no_store(outcome)
