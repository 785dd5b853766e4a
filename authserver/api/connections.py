"""Connected apps of a handle: an admin reaches everybody's, a member their own."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from authserver import policy
from authserver.api import pages, shapes
from authserver.api.callers import CALLERS, MayCall
from authserver.api.door import Door, StrictJson, invalid, is_admin, reload, seat_at, stop
from authserver.api.fields import Choice, Id, Strict, Text, Words, body_of, query_of
from authserver.models import Connection
from authserver.protocol.control.problems import Kind
from authserver.protocol.control.scopes import ControlScope
from authserver.services import catalog, connections
from authserver.services.connections import EndReason, PausedBy
from authserver.throttles import CallerThrottle
from handles.access import Seat
from handles.roles import Role

ENDED = "The connection has ended."
FILTERS = {"client": "client__client_id", "person": "user", "handle": "handle__slug"}
STATUS = {
    "active": Q(ended_at=None, paused_at=None),
    "paused": Q(ended_at=None) & ~Q(paused_at=None),
    "ended": ~Q(ended_at=None),
}


class ConnectionQuery(pages.ByMoment):
    status = Choice(shapes.STATUSES, required=False, help_text="Without it, all that have not ended.")
    client = Text(required=False, max_length=policy.CLIENT_ID_LENGTH_MAX, help_text="A client id.")


class PeopleQuery(ConnectionQuery):
    person = Id(required=False, help_text="A person's id.")


class ScopesBody(Strict):
    scopes = Words()


def wanted(rows: QuerySet[Connection], query: dict[str, Any]) -> QuerySet[Connection]:
    """Return those of the rows that the filters of a query ask for."""
    rows = rows.filter(STATUS.get(query.get("status", ""), Q(ended_at=None)))
    return rows.filter(**{column: query[name] for name, column in FILTERS.items() if name in query})


def visible_at(request: Request, seat: Seat) -> QuerySet[Connection]:
    """Return what the caller may see at this handle: admins all, members their own."""
    rows = Connection.objects.filter(handle=seat.handle).select_related("client", "handle", "user")
    return rows if is_admin(seat) else rows.filter(user=request.user)


def find(request: Request, slug: str, connection_id: UUID, *, needed: Role = Role.MEMBER) -> tuple[Seat, Connection]:
    seat = seat_at(request, slug, needed=needed)
    row = visible_at(request, seat).filter(pk=connection_id).first()
    if row is None:
        raise Http404
    return seat, row


def shown(row: Connection) -> Response:
    return Response(shapes.ConnectionShape(reload(row)).data)


class ConnectionsView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.CONNECTIONS_READ}

    @extend_schema(
        operation_id="list_connections",
        parameters=[PeopleQuery],
        responses=shapes.listing(shapes.ConnectionShape),
    )
    def get(self, request: Request, handle: str) -> Response:
        """List the connections of a handle, the newest first: an admin sees everybody's, a member their own."""
        rows = visible_at(request, seat_at(request, handle))
        query = query_of(request, PeopleQuery)
        found, cursor = pages.rows_of(wanted(rows, query), pages.NEWEST_FIRST, query)
        return pages.page(request, shapes.ConnectionShape(found, many=True).data, cursor)


class ConnectionView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.CONNECTIONS_READ, "DELETE": ControlScope.CONNECTIONS_WRITE}

    @extend_schema(operation_id="get_connection", responses=shapes.ConnectionShape)
    def get(self, request: Request, handle: str, connection_id: UUID) -> Response:
        """Show one connection."""
        return Response(shapes.ConnectionShape(find(request, handle, connection_id)[1]).data)

    @extend_schema(operation_id="end_connection", responses={204: None})
    def delete(self, request: Request, handle: str, connection_id: UUID) -> Response:
        """End a connection: everything under it is refused from the next request on. Ending it twice is once."""
        _, row = find(request, handle, connection_id)
        reason = EndReason.PERSON if row.user_id == request.user.pk else EndReason.HANDLE_ADMIN
        connections.revoke(row, reason=reason, now=timezone.now(), by=request.user)
        return Response(status=204)


class PauseView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"POST": ControlScope.CONNECTIONS_WRITE}

    @extend_schema(operation_id="pause_connection", request=None, responses=shapes.ConnectionShape)
    def post(self, request: Request, handle: str, connection_id: UUID) -> Response:
        """Pause a connection: its credentials are worth nothing until it is resumed, and are kept."""
        seat, row = find(request, handle, connection_id)
        return pause(request, row, pauses_as(seat))


class ResumeView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"POST": ControlScope.CONNECTIONS_WRITE}

    @extend_schema(operation_id="resume_connection", request=None, responses=shapes.ConnectionShape)
    def post(self, request: Request, handle: str, connection_id: UUID) -> Response:
        """End one's own pause of a connection. Where somebody else paused it too, it stays paused."""
        seat, row = find(request, handle, connection_id)
        return resume(request, row, pauses_as(seat))


def pauses_as(seat: Seat) -> PausedBy:
    """Return whose pause somebody at this seat makes and ends."""
    return PausedBy.HANDLE_ADMIN if is_admin(seat) else PausedBy.PERSON


def pause(request: Request, row: Connection, who: PausedBy) -> Response:
    connections.pause(row, who=who, by=request.user, now=timezone.now())
    if not reload(row).is_live:
        raise stop(Kind.CONFLICT, ENDED)
    return shown(row)


def resume(request: Request, row: Connection, who: PausedBy) -> Response:
    connections.resume(row, who=who, by=request.user, now=timezone.now())
    after = reload(row)
    if not after.is_live or after.paused_at:
        raise stop(Kind.CONFLICT, "Somebody else paused it, and can resume it." if after.is_live else ENDED)
    return shown(row)


class WithheldScopesView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"PUT": ControlScope.CONNECTIONS_WRITE}

    @extend_schema(operation_id="set_withheld_scopes", request=ScopesBody, responses=shapes.ConnectionShape)
    def put(self, request: Request, handle: str, connection_id: UUID) -> Response:
        """Set what the handle withholds from a connection, whatever its person allows. For admins of the handle."""
        _, row = find(request, handle, connection_id, needed=Role.ADMIN)
        names = body_of(request, ScopesBody)["scopes"]
        known = catalog.current()
        free = {name for name, rule in known.items() if rule.is_shown and not rule.is_required}
        if set(names) - free:
            raise invalid("scopes", "One of them is unknown, or part of every connection: end or pause it instead.")
        connections.withhold(row, names, by=request.user, now=timezone.now())
        if not reload(row).is_live:
            raise stop(Kind.CONFLICT, ENDED)
        return shown(row)
