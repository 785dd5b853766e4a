"""The caller: who they are, and their own connections at every handle. A token stays at its own handle here too."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.middleware.csrf import get_token
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from authserver.api import connections as at_handle
from authserver.api import pages, shapes
from authserver.api.callers import CALLERS, MayCall
from authserver.api.connections import ConnectionQuery, ScopesBody, wanted
from authserver.api.door import Door, StrictJson, invalid, reload, stop
from authserver.api.fields import Choice, Text, body_of, query_of
from authserver.models import Connection, ScopeRequest
from authserver.protocol.control.problems import Kind
from authserver.protocol.control.scopes import ControlScope
from authserver.services import connections
from authserver.services.connections import EndReason, PausedBy
from authserver.throttles import CallerThrottle
from handles import slugs

READ, WRITE = ControlScope.CONNECTIONS_READ, ControlScope.CONNECTIONS_WRITE


def own(request: Request) -> QuerySet[Connection]:
    """Return the caller's own connections; for a token, those at its handle."""
    rows = Connection.objects.filter(user=request.user).select_related("client", "handle", "user")
    return rows if request.auth is None else rows.filter(handle=request.auth.handle_id)


def find(request: Request, connection_id: UUID) -> Connection:
    row = own(request).filter(pk=connection_id).first()
    if row is None:
        raise Http404
    return row


def shown(row: Connection) -> Response:
    return Response(shapes.OwnConnectionShape(reload(row)).data)


class MeView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]

    @extend_schema(operation_id="get_me", responses=shapes.MeShape)
    def get(self, request: Request) -> Response:
        """Show who calls; for a session, with the token that its changes have to carry as X-CSRFToken."""
        csrf_token = get_token(request._request) if request.auth is None else None
        context = {"csrf_token": csrf_token, "token": request.auth}
        return Response(shapes.MeShape(request.user, context=context).data)


class OwnQuery(ConnectionQuery):
    handle = Text(required=False, max_length=slugs.SLUG_LENGTH_MAX, help_text="A handle's name.")


class OwnConnectionsView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="list_own_connections",
        parameters=[OwnQuery],
        responses=shapes.listing(shapes.OwnConnectionShape),
    )
    def get(self, request: Request) -> Response:
        """List the caller's own connections, the newest first."""
        query = query_of(request, OwnQuery)
        found, cursor = pages.rows_of(wanted(own(request), query), pages.NEWEST_FIRST, query)
        return pages.page(request, shapes.OwnConnectionShape(found, many=True).data, cursor)


class OwnConnectionView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": READ, "DELETE": WRITE}

    @extend_schema(operation_id="get_own_connection", responses=shapes.OwnConnectionShape)
    def get(self, request: Request, connection_id: UUID) -> Response:
        """Show one of the caller's own connections."""
        return Response(shapes.OwnConnectionShape(find(request, connection_id)).data)

    @extend_schema(operation_id="end_own_connection", responses={204: None})
    def delete(self, request: Request, connection_id: UUID) -> Response:
        """End it: everything under it is refused from the next request on. Ending it twice is once."""
        row = find(request, connection_id)
        connections.revoke(row, reason=EndReason.PERSON, now=timezone.now(), by=request.user)
        return Response(status=204)


class OwnPauseView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"POST": WRITE}

    @extend_schema(operation_id="pause_own_connection", request=None, responses=shapes.OwnConnectionShape)
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Pause it: its credentials are worth nothing until it is resumed, and are kept."""
        row = find(request, connection_id)
        at_handle.pause(request, row, PausedBy.PERSON)
        return shown(row)


class OwnResumeView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"POST": WRITE}

    @extend_schema(operation_id="resume_own_connection", request=None, responses=shapes.OwnConnectionShape)
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Resume it, unless somebody else paused it."""
        row = find(request, connection_id)
        at_handle.resume(request, row, PausedBy.PERSON)
        return shown(row)


class OwnScopesView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"PUT": WRITE}

    @extend_schema(operation_id="set_own_scopes", request=ScopesBody, responses=shapes.OwnConnectionShape)
    def put(self, request: Request, connection_id: UUID) -> Response:
        """Set what a connection may do, among what was ever allowed here. What belongs to every connection stays."""
        row = find(request, connection_id)
        names = body_of(request, ScopesBody)["scopes"]
        if set(names) - set(row.approved_scopes.split()):
            raise invalid("scopes", "One of them was never allowed here: the app has to ask for it.")
        connections.allow_scopes(row, names, by=request.user, now=timezone.now())
        if not reload(row).is_live:
            raise stop(Kind.CONFLICT, at_handle.ENDED)
        return shown(row)


class WishQuery(pages.ByNumber):
    decision = Choice([("open", "Waits"), *ScopeRequest.Decision.choices], required=False)


class WishesView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": READ}

    @extend_schema(operation_id="list_wishes", parameters=[WishQuery], responses=shapes.listing(shapes.WishShape))
    def get(self, request: Request, connection_id: UUID) -> Response:
        """List the scopes that a connection's client tried to use without having them."""
        rows = ScopeRequest.objects.filter(connection=find(request, connection_id))
        query = query_of(request, WishQuery)
        if "decision" in query:
            rows = rows.filter(decision="" if query["decision"] == "open" else query["decision"])
        found, cursor = pages.rows_of(rows, pages.NUMBERED, query)
        return pages.page(request, shapes.WishShape(found, many=True).data, cursor)


class AllowWishView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"POST": WRITE}

    @extend_schema(operation_id="allow_wish", request=None, responses=shapes.OwnConnectionShape)
    def post(self, request: Request, connection_id: UUID, wish_id: int) -> Response:
        """Allow a scope that waits; the connection's next refresh carries it. For the person, signed in: a token
        gives nobody more than the person gave."""
        row = find(request, connection_id)
        if request.auth is not None:
            raise stop(Kind.PERSON_NEEDED, "Sign in and allow it on the page of connected apps.")
        if not connections.allow_wish(_wish(row, wish_id), by=request.user, now=timezone.now()):
            raise stop(Kind.CONFLICT, "It was decided already, or can no longer be allowed.")
        return shown(row)


class DeclineWishView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"POST": WRITE}

    @extend_schema(operation_id="decline_wish", request=None, responses=shapes.OwnConnectionShape)
    def post(self, request: Request, connection_id: UUID, wish_id: int) -> Response:
        """Say no to a scope that waits; it does not come up again for 30 days."""
        row = find(request, connection_id)
        if not connections.decline_wish(_wish(row, wish_id), by=request.user, now=timezone.now()):
            raise stop(Kind.CONFLICT, "It was decided already.")
        return shown(row)


def _wish(row: Connection, wish_id: int) -> ScopeRequest:
    found = ScopeRequest.objects.filter(connection=row, pk=wish_id).first()
    if found is None:
        raise Http404
    return found
