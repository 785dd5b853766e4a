"""Registration at the door: many registrants, one transaction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.utils import timezone

from authserver import policy, throttles
from authserver.door import http
from authserver.door.http import Request, Response
from authserver.door.thread_lines import ThreadLine
from authserver.protocol import client_metadata
from authserver.protocol.errors import Refusal
from authserver.services import catalog, registration
from authserver.services.events import RequestFacts
from authserver.services.registration import Registrant
from authserver.services.trace import clients as trace
from authserver.throttles import Admitted


@dataclass(frozen=True, slots=True)
class Asked:
    """The body of a registration, not yet read: who comes too often costs nothing more."""

    body: bytes = field(repr=False)
    facts: RequestFacts


Answer = dict[str, object]
Made = Answer | Refusal | Admitted  # not admitted, then


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a registration, and where its address stands with the limit."""

    made: Made
    standing: Admitted


def read(request: Request) -> Asked | None:
    """Return what a POST asks where anybody may register; whose body is larger than may be is Django's to answer."""
    is_plain = request.method == "POST" and 0 < len(request.body) <= policy.REGISTRATION_BODY_BYTES_MAX
    return Asked(request.body, http.facts_of(request)) if is_plain and settings.REGISTRATION == "open" else None


def act(asked: Sequence[Asked]) -> list[Outcome]:
    """Register those who are within the limits and said what is needed; an outcome for each, in their order."""
    standings = _standings(asked)
    read = [_registrant(each, standing) for each, standing in zip(asked, standings, strict=True)]
    return [Outcome(made, standing) for made, standing in zip(_made(read), standings, strict=True)]


def _made(read: Sequence[Registrant | Refusal | Admitted]) -> list[Made]:
    registrants = [each for each in read if isinstance(each, Registrant)]
    if not registrants:  # and no query either
        return [each for each in read if not isinstance(each, Registrant)]
    made = registration.register_all(registrants, now=timezone.now())
    for registrant, one in zip(registrants, made, strict=True):
        trace.registered(registrant.metadata, one.client.client_id, facts=registrant.facts)
    registered, scopes = iter(made), catalog.current()
    return [
        registration.describe(next(registered), issuer=each.facts.issuer, catalog=scopes, scope=each.metadata.scope)
        if isinstance(each, Registrant)
        else each
        for each in read
    ]


def _standings(asked: Sequence[Asked]) -> list[Admitted]:
    """Return, for each, where its address stands; with a count of 0 where it registers too often."""
    counts = Counter(each.facts.counted for each in asked)
    admitted = {caller: throttles.admit_registrations(caller, count=count) for caller, count in counts.items()}
    free = {caller: each.count for caller, each in admitted.items()}
    found: list[Admitted] = []
    for each in asked:
        caller = each.facts.counted
        free[caller] -= 1
        found.append(replace(admitted[caller], count=int(free[caller] >= 0)))
    return found


def _registrant(asked: Asked, standing: Admitted) -> Registrant | Refusal | Admitted:
    if not standing.count:
        return _noted(standing, asked)
    body = client_metadata.decoded(asked.body)
    if isinstance(body, Refusal):
        return _noted(body, asked)
    metadata = client_metadata.parse(body, any_port=settings.INSECURE_CIMD_ALLOW_LOOPBACK)
    if isinstance(metadata, Refusal):
        return _noted(metadata, asked, body)
    of_product = throttles.admit_of_product(metadata)
    return Registrant(metadata, asked.facts) if of_product.count else _noted(of_product, asked, body)


def _noted(no: Refusal | Admitted, asked: Asked, body: object = None) -> Refusal | Admitted:
    refusal = no if isinstance(no, Refusal) else throttles.TOO_MANY_REGISTRATIONS
    trace.registration_refused(refusal.reason, facts=asked.facts, body=body)
    return no


line: ThreadLine[Asked, Outcome] = ThreadLine("registration", act, is_repeatable=False)


def told(request: Request, outcome: Outcome) -> Response:
    headers, made = outcome.standing.headers(throttles.REGISTRATIONS), outcome.made
    if isinstance(made, Refusal):
        return http.explained(http.refused(made, request, headers=http.lines(headers)), request)
    if isinstance(made, Admitted):
        headers["Retry-After"] = str(made.retry_after_seconds)
        answer = http.refused(throttles.TOO_MANY_REGISTRATIONS, request, headers=http.lines(headers))
        return http.explained(answer, request)
    return http.no_store(made, status=201, headers=http.lines(headers))
