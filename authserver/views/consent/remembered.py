"""Consent that is remembered: whether this request needs a person at all, and the page with one button (screens C29).

The rule is `protocol.connections.remembered`; here are its facts. What admins of the handle and administrators say of
the client, and membership, were asked before: only seats without an obstacle come here.
"""

from dataclasses import dataclass

from django.http import HttpRequest

from accounts.models import User
from authserver.models import Connection
from authserver.protocol import redirects, scopes
from authserver.protocol.connections import remembered
from authserver.protocol.connections.remembered import Allowed, Answer, Asked, Judgement
from authserver.protocol.redirects import Destination
from authserver.protocol.tools import Manifest
from authserver.services import catalog
from authserver.services.tools import waiting
from authserver.toolkit.endpoints import AuthorizationRequest
from authserver.views.consent import page, scope_rows
from authserver.views.consent.asker import ClientView, client_view
from authserver.views.consent.scope_rows import ScopeRow
from authserver.views.consent.seats import HandleRow, Seats, handle_row
from handles.access import Seat

OPEN = Judgement(Answer.ASK, ("handle:open",))


@dataclass(frozen=True)
class Continuing:
    """How a request may go on, and for which handle; no handle where it has to be asked."""

    judgement: Judgement
    seat: Seat | None = None

    @property
    def is_silent(self) -> bool:
        return self.judgement.answer == Answer.SILENT

    @property
    def is_asked(self) -> bool:
        return self.seat is None or self.judgement.answer == Answer.ASK


@dataclass(frozen=True)
class ContinuePage:
    client: ClientView
    destination: Destination
    person: User
    handle: HandleRow
    rows: tuple[ScopeRow, ...]
    lasts: str
    signed: str
    action: str
    next: str


def judge(
    request: HttpRequest, asked: AuthorizationRequest, *, user: User, seats: Seats, manifest: Manifest
) -> Continuing:
    """Return how this request may go on. Only where the handle is beyond doubt: the address names it, or this client
    has exactly one live connection through this resource. Where the page would have one button and there are handles to
    choose from, it is the whole page with the one from before chosen: the click is there anyway."""
    seat = _settled(seats)
    if seat is None or seats.waits(seat):
        return Continuing(OPEN)
    found = seats.standing.at(seat.handle)
    before = _allowed(found, seat, manifest) if found else None
    judgement = remembered.judge(before, _asked(request, asked, user))
    if judgement.answer == Answer.SHORT and seats.settled is None:
        return Continuing(OPEN)
    return Continuing(judgement, seat)


def _settled(seats: Seats) -> Seat | None:
    if seats.fixed:
        return seats.fixed
    only = seats.standing.only
    return next((seat for seat in seats.usable if only and seat.handle.pk == only.handle_id), None)


def _allowed(connection: Connection, seat: Seat, manifest: Manifest) -> Allowed:
    return Allowed(
        scopes=frozenset(scopes.allowed_to(seat.role, connection.scope_list, catalog.current())),
        redirect_origin=connection.redirect_origin,
        client_name=connection.client_name,
        client_digest=connection.client_metadata_digest,
        is_paused=bool(connection.paused_by),
        has_new_tools=bool(waiting.at(connection, manifest, role=seat.role)),
    )


def _asked(request: HttpRequest, asked: AuthorizationRequest, user: User) -> Asked:
    destination = redirects.destination(asked.redirect_uri)
    navigated = request.method == "GET" and remembered.is_from(destination.form_action, request.headers)
    return Asked(
        wanted=frozenset(asked.wanted),
        destination=destination,
        client_name=asked.client.name,
        client_digest=asked.client.metadata_digest,
        is_verified=asked.client.is_verified,
        prompts=asked.prompts,
        expects_another_person=bool(page.other_person(asked, user)),
        is_from_client=navigated,
    )


def build(
    asked: AuthorizationRequest, *, user: User, seats: Seats, seat: Seat, signed: str, query: str
) -> ContinuePage:
    """Return the page with one button, for a request that may go on for this handle."""
    return ContinuePage(
        client=client_view(asked.client, allowed=seats.standing.at(seat.handle)),
        destination=redirects.destination(asked.redirect_uri),
        person=user,
        handle=handle_row(seats, seat, checked=True),
        rows=scope_rows.rows_of(scope_rows.scopes_of(asked), seats=seats, seat=seat, ticked=frozenset(asked.wanted)),
        lasts=page.lasts(asked.client),
        signed=signed,
        action="/oauth/authorize",
        next=f"/oauth/authorize?{query}",
    )
