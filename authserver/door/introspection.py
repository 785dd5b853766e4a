"""Introspection at the door: many questions, one statement."""

from collections.abc import Sequence

from django.db import connection as database
from django.utils import timezone

from authserver.authentication import RESOURCE_SERVER_CHALLENGE
from authserver.door import http
from authserver.door.guesses import GuessersLine, Guessing
from authserver.door.http import Request, Response
from authserver.door.lines import Line
from authserver.door.postgresql import PostgresqlLine
from authserver.door.thread_lines import ThreadLine
from authserver.protocol import credentials, parameters
from authserver.protocol.errors import Refusal
from authserver.services import introspection
from authserver.services.introspection import Answer, Question
from authserver.services.personal_tokens.introspection import is_one as is_personal_token
from authserver.services.statements import Steps

Outcome = Answer | Refusal


def steps(questions: Sequence[Question]) -> Steps[list[Outcome]]:
    return introspection.steps(questions, now=timezone.now())


def act(questions: Sequence[Question]) -> list[Outcome]:
    return introspection.describe_all(questions, now=timezone.now())


def make_line() -> Line[Question, Outcome]:
    if database.vendor == "postgresql":
        return PostgresqlLine("introspection", steps)
    return ThreadLine("introspection", act, is_repeatable=True)


line = make_line()


guessing = Guessing(
    named=lambda question: question.asker_id,
    is_one=lambda outcome: isinstance(outcome, Refusal),
    line=GuessersLine("introspection of guessers", act, is_repeatable=True),
)


def read(request: Request) -> Question | None:
    """Return the question of a well-formed POST about an MCP credential, or None (RFC 7662 §2.1)."""
    form = parameters.read_form(request.header(b"content-type"), request.body) if request.method == "POST" else None
    asker = credentials.of_basic(request.header(b"authorization"))
    if form is None or asker is None or isinstance(form, Refusal):
        return None
    token = form.get("token")
    return None if token is None or is_personal_token(token) else Question(token, *asker, http.issuer_of(request))


def told(request: Request, outcome: Outcome) -> Response:
    if isinstance(outcome, Refusal):
        return http.refused(outcome, request, challenge=RESOURCE_SERVER_CHALLENGE)
    return http.no_store(outcome)
