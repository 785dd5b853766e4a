"""Token requests at the door: many codes, or many refreshes, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from authserver.authentication import CLIENT_CHALLENGE
from authserver.door import http
from authserver.door.guesses import GuessersLine, Guessing
from authserver.door.http import Request, Response
from authserver.door.lines import Line
from authserver.door.thread_lines import ThreadLine
from authserver.protocol import parameters
from authserver.protocol.connections import token_requests
from authserver.protocol.connections.token_requests import CodeRequest
from authserver.protocol.errors import Refusal
from authserver.services import connections
from authserver.services.connections import AGAIN, LOST, Arrived, Issued, Lost, Outcome
from authserver.services.trace import clients as trace

Arrivals = Sequence[Arrived[Any]]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a token request, and as of when."""

    outcome: Outcome
    now: datetime


def _acting(all_of: Callable[..., list[Outcome]]) -> Callable[[Arrivals], list[Told]]:
    def act(arrivals: Arrivals) -> list[Told]:
        now = timezone.now()
        return _noted(arrivals, all_of(arrivals, now=now), now)

    return act


def _alone(one: Callable[..., Outcome]) -> Callable[[Arrivals], list[Told]]:
    """Return the act of a line for those who would have had to wait for a connection: here they do."""

    def act(arrivals: Arrivals) -> list[Told]:
        now = timezone.now()
        return _noted(arrivals, [one(arrival, now=now) for arrival in arrivals], now)

    return act


def _noted(arrivals: Arrivals, outcomes: Sequence[Outcome], now: datetime) -> list[Told]:
    """Return what came of each. It is noted here, once it is committed: before, it may be asked for again."""
    for arrival, outcome in zip(arrivals, outcomes, strict=True):
        if isinstance(outcome, Issued | Refusal | Lost):
            trace.exchanged(arrival.request, outcome, facts=arrival.facts)
    return [Told(outcome, now) for outcome in outcomes]


# A refresh that is repeated answers the same pair; a code that is repeated ends its connection.
_refresh_all = _acting(connections.refresh_all)
refreshes = ThreadLine("refreshes", _refresh_all, is_repeatable=True)
codes = ThreadLine("codes", _acting(connections.exchange_all), is_repeatable=False)
late_refreshes = ThreadLine("refreshes that wait", _alone(connections.refresh), is_repeatable=True, one_by_one=True)
late_codes = ThreadLine("codes that wait", _alone(connections.exchange), is_repeatable=False, one_by_one=True)


def read(request: Request) -> Arrived[Any] | None:
    """Return the plain token request, or None: a client that signs may need its keys fetched, which is Django's."""
    form = parameters.read_form(request.header(b"content-type"), request.body) if request.method == "POST" else None
    if form is None or isinstance(form, Refusal):
        return None
    asked = token_requests.read(form, request.header(b"authorization"))
    if isinstance(asked, Refusal) or asked.proof.assertion:
        return None
    return Arrived(asked, http.facts_of(request))


def act(arrivals: Arrivals) -> list[Told]:
    """Answer any, one by one: what the lines do for many of a kind."""
    return [
        told
        for arrival in arrivals
        for told in _alone(connections.exchange if _is_code(arrival) else connections.refresh)([arrival])
    ]


def act_on_guesses(arrivals: Arrivals) -> list[Told]:
    """Answer any as `act` does, refreshes together: to a restored database a crowd comes with tokens that it never
    knew, and each good request among them waits for all before it. Codes that nobody knows would have to wait."""
    crowd = [arrival for arrival in arrivals if not _is_code(arrival)]
    answered = {id(arrival): told for arrival, told in zip(crowd, _refresh_all(crowd) if crowd else [], strict=True)}
    found = [answered.get(id(arrival)) for arrival in arrivals]
    return [
        act([arrival])[0] if told is None or told.outcome is AGAIN else told
        for arrival, told in zip(arrivals, found, strict=True)
    ]


# What nobody was ever given. What was, and is dead, is no guess: crowds come with it after their access has ended.
GUESSES = frozenset({"client:unknown", "client:secret_wrong", "code:unknown", "refresh:malformed", "refresh:unknown"})


def _is_guess(found: Any) -> bool:
    return isinstance(found, Told) and isinstance(found.outcome, Refusal) and found.outcome.reason in GUESSES


guessing = Guessing(
    named=lambda arrival: arrival.request.proof.client_id or "",
    is_one=_is_guess,
    line=GuessersLine("token requests of guessers", act_on_guesses, is_repeatable=False),
)


def _is_code(arrival: Arrived[Any]) -> bool:
    return isinstance(arrival.request, CodeRequest)


def line_of(arrival: Arrived[Any], before: Told | None) -> Line[Any, Any] | None:
    """Return where this one waits: first with the others, then, where somebody held its connection, alone."""
    if before is None:
        return codes if _is_code(arrival) else refreshes
    if before.outcome is AGAIN:
        return late_codes if _is_code(arrival) else late_refreshes
    return None


def told(request: Request, found: Told) -> Response:
    """Obeys: RFC 6749 §5."""
    if isinstance(found.outcome, Refusal):
        challenge = CLIENT_CHALLENGE if b"authorization" in request.headers else ""
        return http.explained(http.refused(found.outcome, request, challenge=challenge), request)
    if found.outcome is LOST:
        return http.LOST
    assert isinstance(found.outcome, Issued)
    return http.no_store(found.outcome.body(found.now))
