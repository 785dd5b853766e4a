"""Registration at the door: many registrants, one transaction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

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
Outcome = Answer | Refusal | Admitted  # not admitted, then


def read(request: Request) -> Asked | None:
    """Return what a POST asks where anybody may register; whose body is larger than may be is Django's to answer."""
    is_plain = request.method == "POST" and 0 < len(request.body) <= policy.REGISTRATION_BODY_BYTES_MAX
    return Asked(request.body, http.facts_of(request)) if is_plain and settings.REGISTRATION == "open" else None


def act(asked: Sequence[Asked]) -> list[Outcome]:
    """Register those who are within the limits and said what is needed; an outcome for each, in their order."""
    read = [_registrant(each, throttled) for each, throttled in zip(asked, _throttled(asked), strict=True)]
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


def _throttled(asked: Sequence[Asked]) -> list[Admitted | None]:
    """Return, for each, the wait where its address registers too often."""
    counts = Counter(each.facts.address for each in asked)
    admitted = {address: throttles.admit_registrations(address, count=count) for address, count in counts.items()}
    free = {address: each.count for address, each in admitted.items()}
    outcomes: list[Admitted | None] = []
    for each in asked:
        free[each.facts.address] -= 1
        outcomes.append(None if free[each.facts.address] >= 0 else admitted[each.facts.address])
    return outcomes


def _registrant(asked: Asked, throttled: Admitted | None) -> Registrant | Refusal | Admitted:
    if throttled:
        return _noted(throttled, asked)
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
    if isinstance(outcome, Refusal):
        return http.explained(http.refused(outcome), request)
    if isinstance(outcome, Admitted):
        refusal = throttles.TOO_MANY_REGISTRATIONS
        wait = b"retry-after: %d\r\n" % ceil(outcome.wait_seconds or 1)
        return http.explained(http.refused(refusal, headers=wait), request)
    return http.no_store(outcome, status=201)
